// Who the visitor is, as the site says: told by the launcher, signed by the site's server. Of whoever was signed in before in the
// same browser nothing is left.

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
    this.given = null;
    /** Resolved once the site has said who the visitor is; at once where nobody was signed in before. */
    this.told = this.kept.get('who') === null ? Promise.resolve() : new Promise((done) => (this.met = done));
  }

  /** Takes what the site says. Where somebody else was signed in, everything kept is forgotten: then their token, or ''. */
  meet(given) {
    const before = this.kept.get('who');
    this.given = read(given);
    const changed = before !== null && before !== (this.given?.externalId ?? null);
    const token = changed ? (this.kept.get('token') ?? '') : null;
    if (changed) {
      this.kept.clear();
    }
    this.note();
    this.met?.();
    return token;
  }

  /** Keeps in mind whose chat the browser has. */
  note() {
    if (this.given) {
      this.kept.set('who', this.given.externalId);
    }
  }

  /** As a chat is begun with it, for as long as the signature counts. */
  get signed() {
    return this.given && this.given.expires * 1_000 > Date.now() ? this.given : undefined;
  }

  /** A signature that the server does not take is as good as none. */
  refused() {
    console.warn('rapport: the identity was refused, so the visitor is not known: is it signed with the right secret?');
    this.given = null;
  }
}
