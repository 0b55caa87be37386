// The files of a message that has arrived, or waits to be sent. Their addresses work for an hour; later ones are asked
// for when they are needed.

import { ATTACHMENT, ask, fileUrl } from './api.js';
import { element } from './elements.js';
import { words } from './words.js';

/** The list of the files of a message. */
export function attached(files, token) {
  return element('ul', { class: 'attached' }, files.map((file) => element('li', {}, shown(file, token))));
}

function shown(file, token) {
  const about = element('span', { class: 'name', dir: 'auto' }, file.name);
  const size = element('span', { class: 'size' }, words.files.size(file.byteSize));
  if (!file.url) {
    return element('span', { class: 'file' }, about, ' ', size);
  }
  const picture = file.thumbnailUrl && preview(file, token);
  const link = element(
    'a',
    { href: fileUrl(file.url), class: 'file', onclick: (event) => download(event, file, token) },
    picture,
    about,
    ' ',
    size,
  );
  return link;
}

/** A small picture with its size in advance, so that the conversation does not jump. */
function preview(file, token) {
  const scale = Math.min(1, 240 / Math.max(file.width ?? 240, file.height ?? 240));
  const picture = element('img', {
    alt: '',
    src: fileUrl(file.thumbnailUrl),
    width: Math.max(1, Math.round((file.width ?? 240) * scale)),
    height: Math.max(1, Math.round((file.height ?? 240) * scale)),
  });
  picture.addEventListener(
    'error',
    async () => {
      const { thumbnailUrl } = await fresh(file, token);
      if (thumbnailUrl) {
        picture.src = fileUrl(thumbnailUrl);
      }
    },
    { once: true },
  );
  return picture;
}

/** Downloads by an address that was just made. */
async function download(event, file, token) {
  event.preventDefault();
  const { url } = await fresh(file, token);
  element('a', { href: fileUrl(url ?? file.url), download: file.name }).click();
}

async function fresh({ id }, token) {
  try {
    return (await ask(ATTACHMENT, { id }, token)).node ?? {};
  } catch {
    return {};
  }
}
