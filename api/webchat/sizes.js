// Lengths of files, as people read them.

const UNITS = ['byte', 'kilobyte', 'megabyte'];

/** A function that writes a length in a language, such as `1.5 MB`. */
export const sizeIn = (locale) => (bytes) => {
  const step = bytes < 1_000 ? 0 : bytes < 1_000_000 ? 1 : 2;
  const format = new Intl.NumberFormat(locale, {
    style: 'unit',
    unit: UNITS[step],
    unitDisplay: step ? 'short' : 'long',
    maximumFractionDigits: step === 2 ? 1 : 0,
  });
  return format.format(bytes / 1_000 ** step);
};
