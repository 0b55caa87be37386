// What the browser keeps of an entry point's chat: in localStorage, else for this tab, else for as long as the page is open. Each
// visitor whom the site has signed has a place of their own in it.

/** A store that works; browsers may forbid one at any time, above all in a frame. */
function works(store) {
  try {
    const name = 'rapport.webchat.tried';
    store().setItem(name, '1');
    store().removeItem(name);
    return store();
  } catch {
    return null;
  }
}

/** The last resort. */
class Memory extends Map {
  getItem(name) {
    return this.get(name) ?? null;
  }

  setItem(name, value) {
    this.set(name, value);
  }

  removeItem(name) {
    this.delete(name);
  }
}

/** How names begin of what is somebody's; a full stop ends it. */
const SIGNED = '~';

export class Kept {
  constructor(entryPoint, store) {
    this.entryPoint = entryPoint;
    this.base = `rapport.webchat.${entryPoint}.`;
    this.start = this.base;
    this.store =
      store ?? works(() => window.localStorage) ?? works(() => window.sessionStorage) ?? new Memory();
  }

  /** From now on this is what is kept of a visitor whom the site has signed, or with null of whoever uses the browser. */
  turn(who) {
    const name = who === null ? '' : encodeURIComponent(who).replaceAll('.', '%2E');
    this.start = who === null ? this.base : `${this.base}${SIGNED}${name}.`;
  }

  /** The same of somebody else. */
  beside(who) {
    const other = new Kept(this.entryPoint, this.store);
    other.turn(who);
    return other;
  }

  /** The visitors whom the site had signed and of whom something is kept. */
  signed() {
    const start = this.base + SIGNED;
    const theirs = this.all().filter((name) => name.startsWith(start));
    return [...new Set(theirs.map((name) => decodeURIComponent(name.slice(start.length).split('.')[0])))];
  }

  all() {
    return this.store instanceof Memory ? [...this.store.keys()] : Object.keys(this.store);
  }

  get(name) {
    try {
      return JSON.parse(this.store.getItem(this.start + name));
    } catch {
      return null;
    }
  }

  set(name, value) {
    try {
      this.store.setItem(this.start + name, JSON.stringify(value));
    } catch {
      // A full store: the page goes on with what it holds itself.
    }
  }

  drop(name) {
    try {
      this.store.removeItem(this.start + name);
    } catch {
      // Nothing can be kept there anyway.
    }
  }

  /** The names that begin so, without order. */
  names(start) {
    const own = this.all().filter((name) => name.startsWith(this.start));
    const names = own.map((name) => name.slice(this.start.length));
    return names.filter((name) => name.startsWith(start) && !name.startsWith(SIGNED));
  }

  /** Forgets everything that is theirs about the entry point's chat. */
  clear() {
    this.names('').forEach((name) => this.drop(name));
  }
}
