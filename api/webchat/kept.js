// What the browser keeps of an entry point's chat: in localStorage, else for this tab, else for as long as the page is open.

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

export class Kept {
  constructor(entryPoint) {
    this.start = `rapport.webchat.${entryPoint}.`;
    this.store = works(() => window.localStorage) ?? works(() => window.sessionStorage) ?? new Memory();
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
    const all = this.store instanceof Memory ? [...this.store.keys()] : Object.keys(this.store);
    return all.filter((name) => name.startsWith(this.start + start)).map((name) => name.slice(this.start.length));
  }

  /** Forgets everything about the entry point's chat. */
  clear() {
    this.names('').forEach((name) => this.drop(name));
  }
}
