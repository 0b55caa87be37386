// The box in which messages are written, and the rules of what a text may be.

import { element, say, set } from './elements.js';
import { words } from './words.js';

/** From here on it is told how much is left. */
const TELL_FROM = 0.8;
/** Nobody types who has not for so long. */
const STOPPED_AFTER = 5_000;

/** A text as the API takes it: line breaks of one kind, no control characters, whole characters only. */
export function clean(text) {
  const lines = text.replace(/\r\n?/g, '\n');
  return [...lines]
    .map((one) => (/^[\ud800-\udfff]$/.test(one) ? '\ufffd' : one))
    .join('')
    .replace(/[^\P{Cc}\t\n]/gu, '');
}

/** Its length as the API counts: Unicode scalar values. */
export const length = (text) => [...text].length;

/** Whether a key belongs to an input method that is still composing; Safari says it by the key's number only. */
export const composes = (event) => event.isComposing || event.keyCode === 229;

export class Composer {
  constructor({ limit, files, send, typing }) {
    Object.assign(this, { limit, files, typing });
    this.box = element('textarea', {
      id: 'box',
      rows: '1',
      enterkeyhint: 'send',
      autocomplete: 'off',
      dir: 'auto',
      placeholder: words.composer.label,
      'aria-describedby': 'box-hint box-error',
      oninput: () => this.changed(),
      onblur: () => this.stopped(),
      onpaste: (event) => {
        const { files: pasted = [], types = [] } = event.clipboardData ?? {};
        // Office programs put a picture of a text beside the text.
        if (pasted.length && !types.includes('text/plain') && !files.open.hidden) {
          event.preventDefault();
          files.add([...pasted]);
        }
      },
      onkeydown: (event) => {
        if (event.key === 'Enter' && !event.shiftKey && !composes(event)) {
          event.preventDefault();
          this.form.requestSubmit();
        }
      },
    });
    this.error = element('p', { id: 'box-error', class: 'error', 'aria-live': 'polite' });
    this.left = element('p', { class: 'left' });
    this.form = element(
      'form',
      {
        class: 'composer',
        novalidate: true,
        ondragover: (event) => event.preventDefault(),
        ondrop: (event) => {
          event.preventDefault();
          files.add([...(event.dataTransfer?.files ?? [])]);
        },
        onsubmit: (event) => {
          event.preventDefault();
          const text = clean(this.box.value);
          if (files.busy || files.failed) {
            say(this.error, files.busy ? words.files.wait : words.files.drop);
          } else if ((text.trim() || files.chosen.length) && this.fits(text)) {
            this.stopped();
            this.box.value = '';
            this.changed();
            send(text.trim() ? text : '', files.take());
          }
          this.box.focus();
        },
      },
      element('label', { for: 'box', class: 'hidden' }, words.composer.label),
      files.list,
      files.error,
      files.input,
      element('div', { class: 'row' }, files.open, this.box, element('button', { type: 'submit' }, words.composer.send)),
      element('p', { id: 'box-hint', class: 'hint' }, words.composer.hint),
      this.left,
      this.error,
    );
  }

  fits(text) {
    return length(text) <= this.limit;
  }

  /** Says beside the box whether the text fits. */
  changed() {
    const text = clean(this.box.value);
    const left = this.limit - length(text);
    set(this.box, { 'aria-invalid': left < 0 ? 'true' : null });
    say(this.error, left < 0 ? `${words.wrong.long(this.limit)} ${words.wrong.over(-left)}` : '');
    say(this.left, left >= 0 && left < this.limit * (1 - TELL_FROM) ? words.composer.left(left) : '');
    clearTimeout(this.idle);
    if (text.trim()) {
      this.typing(true);
      this.idle = setTimeout(() => this.stopped(), STOPPED_AFTER);
    } else {
      this.stopped();
    }
  }

  stopped() {
    clearTimeout(this.idle);
    this.typing(false);
  }

  /** Puts a message before what is there. */
  put({ body, files }) {
    this.files.restore(files);
    this.box.value = [body, this.box.value].filter(Boolean).join('\n');
    this.changed();
    this.box.focus();
  }
}
