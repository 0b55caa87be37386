// How a conversation looks: its entries, what is said above and below them, and the box to write in or what follows the end.

import { attached } from './attached.js';
import { Composer } from './composer.js';
import { button, element, say } from './elements.js';
import { Files } from './files.js';
import { words } from './words.js';

/** So near its end, in pixels, somebody who reads is taken to follow. */
const NEAR = 80;
/** A connection that is away for less is not worth a word. */
const TELL_AFTER = 1_500;

const time = new Intl.DateTimeFormat(words.locale, { hour: 'numeric', minute: '2-digit' });
const day = new Intl.DateTimeFormat(words.locale, { dateStyle: 'full' });

export class View {
  /** `acts`: earlier, again, forget, transcript. */
  constructor(chat, acts) {
    Object.assign(this, { chat, acts });
    this.made = new Map();
    this.log = element('div', {
      class: 'log',
      role: 'log',
      'aria-label': words.log,
      'aria-relevant': 'additions',
      tabindex: '0',
    });
    this.log.addEventListener('scroll', () => {
      // A browser scrolls by itself where its width changes; only at rest it is the visitor who does.
      if (this.size === this.extent()) {
        this.follows = this.atEnd();
      }
      this.follow();
      acts.scrolled();
    });
    // A keyboard on the screen, or a box that grows, takes room: whoever reads the end goes on reading it.
    new ResizeObserver(() => this.follow()).observe(this.log);
    this.earlier = button(words.earlier, () => acts.earlier(), { class: 'earlier', hidden: true });
    this.typing = element('p', { class: 'typing' });
    this.banner = element('p', { class: 'banner', role: 'status' });
    this.composer = new Composer({
      limit: chat.thread.limit,
      files: new Files(chat, () => this.follow()),
      send: (text, files) => {
        this.fresh = null;
        this.follows = true;
        chat.send(text, files);
      },
      typing: (on) => chat.typing(on),
    });
    this.ended = element(
      'section',
      { class: 'ended', 'aria-label': words.standing.ended },
      element('h2', {}, words.standing.ended),
      button(words.after.again, () => acts.again(), { class: 'primary', id: 'again' }),
      button(words.transcript.open, () => acts.transcript(), { id: 'transcript-after' }),
      button(words.after.forget, () => acts.forget(), { id: 'forget' }),
    );
    this.whole = element(
      'div',
      { class: 'chat' },
      this.earlier,
      this.log,
      this.typing,
      this.banner,
      this.composer.form,
      this.ended,
    );
    /** Whether the end is in sight, and is to stay so. */
    this.follows = true;
    this.fresh = chat.thread.unread()[0]?.sequence ?? null;
  }

  /** Whether the end of the conversation is in sight. */
  atEnd() {
    return this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < NEAR;
  }

  /** Keeps the end of the conversation in sight, for whoever has it. */
  follow() {
    this.size = this.extent();
    if (this.follows) {
      this.log.scrollTop = this.log.scrollHeight;
    }
  }

  /** How large the log is, within and without. */
  extent() {
    const { clientWidth, clientHeight, scrollHeight } = this.log;
    return `${clientWidth} ${clientHeight} ${scrollHeight}`;
  }

  show() {
    const { thread } = this.chat;
    this.fill(this.rows(thread));
    this.earlier.hidden = !thread.before;
    const writing = [...this.chat.writing.values()].map(({ name }) => name);
    say(this.typing, writing.length && !thread.closed ? words.typing(writing.join(', ')) : '');
    this.warn();
    const closing = thread.closed && !this.composer.form.hidden && this.composer.form.contains(document.activeElement);
    this.composer.limit = thread.limit;
    this.composer.files.allow(thread.rules);
    this.composer.form.hidden = thread.closed;
    this.ended.hidden = !thread.closed;
    if (closing) {
      this.focus();
    }
    this.follow();
  }

  /** Says that the connection is away, once it is for a while. */
  warn() {
    const away = !this.chat.live && !this.chat.thread.closed;
    if (!away) {
      clearTimeout(this.warning);
      this.warning = null;
      say(this.banner, '');
    } else {
      this.warning ??= setTimeout(() => say(this.banner, words.standing.offline), TELL_AFTER);
    }
  }

  focus() {
    (this.chat.thread.closed ? this.ended.querySelector('button') : this.composer.box).focus();
  }

  /** What is to be seen, from top to bottom: days, the mark before what is new, entries. */
  rows(thread) {
    const rows = [];
    let last = { day: null, who: null };
    for (const entry of thread.entries()) {
      const { item, own, message } = entry;
      const date = item && day.format(new Date(item.createdAt));
      if (date && date !== last.day) {
        rows.push({ key: `day ${date}`, text: date, make: () => element('p', { class: 'day' }) });
        last = { day: date, who: null };
      }
      if (item && item.sequence === this.fresh) {
        rows.push({ key: 'fresh', text: words.fresh, make: () => element('p', { class: 'fresh' }) });
        last.who = null;
      }
      if (!message) {
        rows.push({ key: entry.key, text: item.text, make: () => element('p', { class: 'told' }) });
        last.who = null;
        continue;
      }
      const who = own ? 'own' : item.author.id;
      rows.push({ ...entry, first: who !== last.who, make: () => bubble(own) });
      last.who = who;
    }
    return rows;
  }

  /** Makes the log show the rows; what is there already stays the same element, so that it is not read out again. */
  fill(rows) {
    const wanted = new Set(rows.map(({ key }) => key));
    for (const [key, { node }] of this.made) {
      if (!wanted.has(key)) {
        node.remove();
        this.made.delete(key);
      }
    }
    let place = this.log.firstChild;
    for (const row of rows) {
      const made = this.made.get(row.key) ?? { node: row.make() };
      this.made.set(row.key, made);
      const state = JSON.stringify([row.text, row.item, row.draft, row.first]);
      if (made.state !== state) {
        made.state = state;
        this.update(made.node, row);
      }
      if (made.node === place) {
        place = place.nextSibling;
      } else {
        this.log.insertBefore(made.node, place);
      }
    }
  }

  update(node, row) {
    if (!row.message) {
      node.textContent = row.text;
      return;
    }
    const { own, item, draft, first } = row;
    const [who, text, meta] = node.children;
    who.className = first && !own ? 'who' : 'who hidden';
    who.textContent = own ? words.you : item.author.displayName;
    write(text, item ?? draft, this.chat.token);
    meta.replaceChildren(...(item ? stored(item, own) : this.unsent(draft)));
  }

  /** What is said of a message that has not arrived. */
  unsent({ id, failed, late }) {
    if (!failed) {
      return [late ? words.state.waiting : words.state.sending];
    }
    const why = failed === 'CONVERSATION_ENDED' ? words.state.ended : words.state.FAILED;
    const change = !this.chat.thread.closed && button(words.change, () => this.composer.put(this.chat.withdraw(id)));
    const drop = button(words.drop, () => this.chat.withdraw(id));
    return [element('span', { class: 'error' }, why), ' ', change || '', ' ', drop];
  }
}

/** A message, still empty. */
function bubble(own) {
  return element(
    'div',
    { class: own ? 'message own' : 'message' },
    element('p', {}),
    element('div', { class: 'bubble', dir: 'auto' }),
    element('p', { class: 'meta' }),
  );
}

/** Shows a text as it stands, or the HTML that the server has made of Markdown and cleaned. */
function write(where, { body, html, deletedAt, attachments, files }, token) {
  where.classList.toggle('removed', Boolean(deletedAt));
  where.classList.toggle('plain', !html);
  if (deletedAt || !html) {
    where.textContent = deletedAt ? words.removed : body;
  } else {
    where.innerHTML = html;
    for (const link of where.querySelectorAll('a')) {
      // Links leave the chat where it is.
      link.target = '_blank';
      link.rel = 'noopener noreferrer nofollow';
    }
  }
  const all = attachments ?? files ?? [];
  if (all.length && !deletedAt) {
    where.append(attached(all, token));
  }
}

/** What is said of a message that has arrived. */
function stored(item, own) {
  const at = new Date(item.createdAt);
  const parts = [element('time', { datetime: item.createdAt }, time.format(at))];
  if (item.editedAt && !item.deletedAt) {
    parts.push(' · ', words.edited);
  }
  if (own && !item.deletedAt) {
    parts.push(' · ', element('span', { class: 'state' }, words.state[item.status] ?? ''));
  }
  return parts;
}
