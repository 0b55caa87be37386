// What the page says: in the first language that the browser likes and the page knows, else in English.

const known = ['en', 'de', 'ko', 'ja'];
const liked = (navigator.languages ?? []).map((tag) => tag.slice(0, 2).toLowerCase());
const language = liked.find((tag) => known.includes(tag)) ?? 'en';

export const { words } = await import(`./words-${language}.js`);
