// The other side of the chat: a line that is said on the output is done by whoever started the script, who answers `done`.
import { createInterface } from 'node:readline';

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** Has something done; what is answered to it. */
export async function desk(...words) {
  process.stdout.write(`${words.join(' ')}\n`);
  const { value, done } = await answers.next();
  if (done || !value.startsWith('done')) {
    throw new Error(`nobody does: ${words.join(' ')}`);
  }
  return value.slice('done '.length);
}

/** Says something that is only for whoever looks on. */
export function note(text) {
  process.stdout.write(`# ${text}\n`);
}
