// Who the visitor is, as the site says: told by the launcher, signed by the site's server. Of whoever was signed in before in the
// same browser nothing is left. A chat that was begun by somebody unknown goes on when they sign in.

/** What of it the API takes; none of something else. */
function read(given) {
  const { externalId, expires, signature, name, email } = given ?? {};
  if (typeof externalId !== 'string' || !Number.isInteger(expires) || typeof signature !== 'string') {
    return null;
  }
  const text = (value) => (typeof value === 'string' ? value : null);
  return { externalId, expires, signature, name: text(name), email: text(email) };
}

export class Identity {
  constructor(kept) {
    this.kept = kept;
    /** As a chat is begun with it; null of somebody unknown. */
    this.given = null;
    /** Whose chat the page shows: the site's own id of them. Another page of the browser may show somebody else's. */
    this.who = null;
    /** Resolved once the site has said who the visitor is; at once where nothing is kept of anybody who was signed in. */
    this.told = kept.signed().length === 0 ? Promise.resolve() : new Promise((done) => (this.met = done));
  }

  /**
   * Takes what the site says, and forgets whatever is kept of others whom it had signed. Whether what the page shows is somebody
   * else's, and the tokens that are of no use any more.
   */
  meet(given) {
    this.given = read(given);
    const who = this.given?.externalId ?? null;
    const others = this.kept.signed().filter((other) => other !== who);
    const tokens = others.map((other) => {
      const theirs = this.kept.beside(other);
      const token = theirs.get('token');
      theirs.clear();
      return token;
    });
    const changed = this.who === null ? who !== null && !this.adopt(who) : this.who !== who;
    this.who = who;
    this.kept.turn(who);
    this.met?.();
    return { changed, tokens: tokens.filter(Boolean) };
  }

  /** Lets a chat that was begun by somebody unknown be of whoever has signed in; not if they have one. */
  adopt(who) {
    const theirs = this.kept.beside(who);
    if (theirs.names('').length > 0) {
      return false;
    }
    const unknown = this.kept.beside(null);
    unknown.names('').forEach((name) => theirs.set(name, unknown.get(name)));
    unknown.clear();
    return true;
  }

  /** Lets go what the server does not take of it: a name or an address alone, else all of it. */
  refused(part) {
    if (part === 'name' || part === 'email') {
      this.given = { ...this.given, [part]: null };
      return;
    }
    console.warn('rapport: the identity was refused, so the visitor is not known: is it signed with the right secret?');
    this.given = null;
  }
}
