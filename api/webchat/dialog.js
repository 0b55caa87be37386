// A question that is answered with yes or no.

import { button, element } from './elements.js';

/** Asks, and does what follows from a yes. Escape says no. */
export function question({ title, text, no, yes, then }) {
  const agree = () => {
    dialog.close();
    then();
  };
  const dialog = element(
    'dialog',
    { 'aria-labelledby': 'end-title', 'aria-describedby': 'end-text', onclose: () => dialog.remove() },
    element('h2', { id: 'end-title' }, title),
    element('p', { id: 'end-text' }, text),
    element(
      'div',
      { class: 'choice' },
      button(no, () => dialog.close(), { autofocus: true }),
      button(yes, agree, { class: 'primary', id: 'end-yes' }),
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
}

/** Takes back every question. */
export function unask() {
  document.querySelectorAll('dialog').forEach((dialog) => dialog.close());
}
