// A conversation as the page knows it: what the server has numbered, and what still waits to be sent.

const RISING = ['QUEUED', 'SENT', 'FAILED', 'DELIVERED', 'READ'];
const ENDED = ['COMPLETED', 'ABANDONED', 'DROPPED', 'WRAP_UP'];

const higher = (one, other) => (RISING.indexOf(one) >= RISING.indexOf(other) ? one : other);
const isOwn = (item) => item.__typename === 'Message' && item.direction === 'INBOUND';

export class Thread {
  constructor(state, pending) {
    /** Written here and not yet taken by the server, in the order in which it was written. */
    this.pending = pending;
    this.begin(state);
  }

  /** Takes a state that was read whole. */
  begin(state) {
    this.id = state.id;
    this.cursor = state.streamCursor;
    this.closed = state.status === 'CLOSED';
    this.limit = state.replyCapability.characterLimit ?? Infinity;
    this.rules = state.replyCapability.attachments;
    this.task = state.task;
    this.items = new Map();
    this.people = new Map();
    this.readUpTo = 0;
    /** The number of the last event; none is known before the first. */
    this.last = null;
    for (const participant of state.participants) {
      this.meet(participant);
      if (participant.role === 'CUSTOMER') {
        this.readUpTo = participant.readUpTo ?? 0;
      }
    }
    this.prepend(state.items);
  }

  /** Takes a page of entries that stand before those that are known. */
  prepend({ nodes, pageInfo }) {
    nodes.forEach((item) => this.store(item));
    this.before = pageInfo.hasPreviousPage ? pageInfo.startCursor : null;
  }

  meet({ id, leftAt, actor }) {
    this.people.set(id, { agent: actor.__typename === 'Representative', name: actor.displayName, here: !leftAt });
  }

  /** Takes an entry; one that was written here takes the place of what waited. */
  store(item) {
    const known = this.items.get(item.sequence);
    if (known?.status) {
      item = { ...item, status: higher(known.status, item.status) };
    }
    this.items.set(item.sequence, item);
    if (item.clientMessageId) {
      this.pending = this.pending.filter(({ id }) => id !== item.clientMessageId);
    }
  }

  /** Takes an event; false when one is missing before it, so that the conversation has to be read again. */
  apply(event) {
    if (event.sequence !== undefined) {
      if (this.last !== null && event.sequence <= this.last) {
        return true;
      }
      if (this.last !== null && event.sequence > this.last + 1) {
        return false;
      }
      this.last = event.sequence;
    }
    switch (event.__typename) {
      case 'ItemAdded':
      case 'ItemChanged':
        this.store(event.item);
        break;
      case 'ReceiptAdvanced':
        this.advance(event);
        break;
      case 'ParticipantChanged':
        this.meet(event.participant);
        break;
      case 'TaskChanged':
        this.task = event.task;
        this.closed ||= ENDED.includes(event.task.status);
        break;
      case 'QueuePositionUpdate':
        this.task = { ...this.task, position: event.position, estimatedWaitSeconds: event.estimatedWaitSeconds };
        break;
    }
    return true;
  }

  advance({ fromSequence, message, receipt }) {
    if (receipt.participant.__typename === 'Customer') {
      this.readUpTo = Math.max(this.readUpTo, receipt.state === 'READ' ? message.sequence : 0);
      return;
    }
    for (const [sequence, item] of this.items) {
      if (isOwn(item) && sequence >= fromSequence && sequence <= message.sequence) {
        this.items.set(sequence, { ...item, status: higher(receipt.state, item.status) });
      }
    }
  }

  /** What is shown, in its order. The key of an own message is the same before and after it is taken. */
  entries() {
    const stored = [...this.items.values()].sort((one, other) => one.sequence - other.sequence);
    const shown = stored.map((item) => ({
      key: isOwn(item) && item.clientMessageId ? `own ${item.clientMessageId}` : `item ${item.sequence}`,
      own: isOwn(item),
      message: item.__typename === 'Message',
      item,
    }));
    const waiting = this.pending.map((draft) => ({ key: `own ${draft.id}`, own: true, message: true, draft }));
    return [...shown, ...waiting];
  }

  /** The number of the last entry. */
  get newest() {
    return Math.max(0, ...this.items.keys());
  }

  /** The messages of others that the visitor has not read. */
  unread() {
    const of = (item) => item.__typename === 'Message' && !isOwn(item) && item.sequence > this.readUpTo;
    return [...this.items.values()].filter(of);
  }

  /** The names of those who answer at the moment. */
  agents() {
    return [...this.people.values()].filter(({ agent, here }) => agent && here).map(({ name }) => name);
  }

  /** Whether nobody has taken it up yet. */
  get waits() {
    return !this.closed && ['QUEUED', 'OFFERED'].includes(this.task?.status);
  }
}
