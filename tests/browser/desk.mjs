// The agents' side of the chat. The script prints a line, the program that started it performs the action and answers
// `done`.
import { createInterface } from 'node:readline';

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** Requests an action. Returns the answer. */
export async function desk(...words) {
  process.stdout.write(`${words.join(' ')}\n`);
  const { value, done } = await answers.next();
  if (done || !value.startsWith('done')) {
    throw new Error(`nobody does: ${words.join(' ')}`);
  }
  return value.slice('done '.length);
}

/** Prints a note for people who watch the test. */
export function note(text) {
  process.stdout.write(`# ${text}\n`);
}
