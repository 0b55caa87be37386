// The form before a chat, with what is wrong said beside each field; out of hours it takes a message.

import { clean, composes, length } from './composer.js';
import { element, say, set } from './elements.js';
import { words } from './words.js';

/** How a browser takes each kind of field. */
const KINDS = {
  NAME: { type: 'text', autocomplete: 'name', autocapitalize: 'words' },
  EMAIL: { type: 'email', autocomplete: 'email', inputmode: 'email' },
  PHONE: { type: 'tel', autocomplete: 'tel', inputmode: 'tel' },
};

/** A field of the form, with its label and its error. */
function row({ id, label, kind, required, options, hint }) {
  const attributes = {
    id,
    required: required,
    dir: kind === 'NAME' || kind === 'TEXT' ? 'auto' : null,
    'aria-describedby': [hint && `${id}-hint`, `${id}-error`].filter(Boolean).join(' '),
  };
  const choices = () =>
    ['', ...options].map((option) => element('option', { value: option }, option || words.form.choose));
  const control =
    kind === 'CHOICE'
      ? element('select', attributes, choices())
      : kind === 'TEXT'
        ? element('textarea', { ...attributes, rows: '3', autocomplete: 'off' })
        : element('input', { ...attributes, ...(KINDS[kind] ?? KINDS.NAME) });
  const error = element('p', { id: `${id}-error`, class: 'error' });
  const optional = !required && element('span', { class: 'optional' }, ` (${words.form.optional})`);
  const whole = element(
    'div',
    { class: 'field' },
    element('label', { for: id }, label, optional),
    hint && element('p', { id: `${id}-hint`, class: 'hint' }, hint),
    control,
    error,
  );
  const wrong = (text) => {
    say(error, text);
    set(control, { 'aria-invalid': text ? 'true' : null });
  };
  control.addEventListener('input', () => wrong(''));
  return { whole, control, wrong, kind, required };
}

export class Form {
  /** `submit` gets the answers and the message. `answered` is what was said before, by the names of fields. */
  constructor({ chat, answered = {}, notice, submit }) {
    const { fields, openNow: open } = chat;
    this.limit = chat.characterLimit ?? Infinity;
    // A browser's own help needs names that stay the same; the API's names are kept beside.
    this.rows = fields.map((field, index) => ({
      name: field.name,
      ...row({
        ...field,
        id: `field-${index}`,
        required: field.required || (!open && field.kind === 'EMAIL'),
        hint: !open && field.kind === 'EMAIL' && words.away.email,
      }),
    }));
    this.message = row({ id: 'message', label: words.form.message, kind: 'TEXT', required: true });
    this.button = element('button', { type: 'submit', class: 'primary' }, open ? words.form.start : words.away.send);
    this.status = element('p', { class: 'error', role: 'alert' });
    const intro = open
      ? element('p', { class: 'intro' }, fields.length ? words.form.intro : words.form.ask)
      : element('div', { class: 'notice' }, element('h2', {}, words.away.title), element('p', {}, words.away.text));
    this.whole = element(
      'form',
      {
        class: 'start',
        novalidate: true,
        onsubmit: (event) => {
          event.preventDefault();
          if (!this.busy && this.holds()) {
            submit(this.answers());
          }
        },
      },
      notice && element('p', { class: 'notice' }, notice),
      intro,
      this.rows.map(({ whole }) => whole),
      this.message.whole,
      this.button,
      this.status,
    );
    this.fill(answered);
    this.message.control.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && !composes(event)) {
        this.whole.requestSubmit();
      }
    });
  }

  fill(answered) {
    for (const { name, control } of this.rows) {
      control.value = answered[name] ?? '';
    }
    this.message.control.value = answered.message ?? '';
  }

  /** Fills in what the site says of the visitor, where nothing stands yet. */
  know(identity) {
    const known = { NAME: identity?.name, EMAIL: identity?.email };
    for (const { kind, control } of this.rows) {
      control.value ||= known[kind] ?? '';
    }
  }

  get all() {
    return [...this.rows, this.message];
  }

  /** Whether what must be answered is, and the message fits; the first field that is wrong gets the focus. */
  holds() {
    for (const { control, required, wrong } of this.all) {
      wrong(required && !control.value.trim() ? words.wrong.required : '');
    }
    const over = length(clean(this.message.control.value)) - this.limit;
    if (over > 0) {
      this.message.wrong(`${words.wrong.long(this.limit)} ${words.wrong.over(over)}`);
    }
    return this.settle();
  }

  settle() {
    const first = this.all.find(({ control }) => control.hasAttribute('aria-invalid'));
    first?.control.focus();
    return !first;
  }

  answers() {
    const fields = this.rows.map(({ name, control }) => ({ name, value: clean(control.value) }));
    return { fields, message: clean(this.message.control.value) };
  }

  /** Shows why the server refused. */
  refuse({ code, field }) {
    const [, part, index] = field ?? [];
    const row = part === 'fields' ? this.rows[Number(index)] : part === 'message' ? this.message : null;
    const { wrong } = words;
    if (row) {
      const of = { EMAIL: wrong.email, PHONE: wrong.phone };
      row.wrong(
        code === 'TOO_LONG'
          ? wrong.long(this.limit)
          : row.required && !row.control.value.trim()
            ? wrong.required
            : (of[row.kind] ?? wrong.invalid),
      );
      this.settle();
    } else {
      say(this.status, code === 'TOO_MANY_ATTEMPTS' ? wrong.often : wrong.refused);
    }
  }

  /** While it is sent; `why` it takes longer. */
  wait(busy, why = '') {
    this.busy = busy;
    set(this.button, { 'aria-disabled': busy ? 'true' : null });
    if (busy) {
      this.label ??= this.button.textContent;
      say(this.button, words.form.starting);
    } else if (this.label) {
      say(this.button, this.label);
    }
    say(this.status, why);
  }

  focus() {
    (this.all.find(({ control }) => !control.value) ?? this.message).control.focus();
  }
}
