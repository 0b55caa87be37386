// A chat that goes on: follows it, sends what is written until it has arrived, and says what was read and who is typing.

import {
  CONVERSATION,
  EARLIER,
  END,
  READ,
  SEND,
  TRANSCRIPT,
  TYPING,
  TokenOver,
  TryAgain,
  ask,
  backoff,
} from './api.js';
import { Follower } from './follow.js';
import { Thread } from './thread.js';

/** How often it is said that the visitor is still typing, and for how long a hint of the other side counts. */
const TYPING_EVERY = 3_000;
const TYPING_COUNTS = 7_000;
const READ_AFTER = 300;

/** An id that nobody else makes up; pages without TLS have no `randomUUID`. */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

export class Chat {
  /** `changed` is called whenever something is to be shown, `over` when the visitor's token is taken no more. */
  constructor({ kept, token, state, changed, over }) {
    Object.assign(this, { kept, token, changed, over });
    this.thread = new Thread(state, this.keptDrafts(state));
    this.live = true;
    /** Who is typing, by the id of their part. */
    this.writing = new Map();
    this.sleepers = new Set();
  }

  /** What was written in this conversation before the page was loaded, and had not arrived. */
  keptDrafts({ id, items }) {
    const arrived = new Set(items.nodes.map((item) => item.clientMessageId));
    const drafts = this.kept.names('draft.').map((name) => this.kept.get(name));
    const mine = drafts.filter((draft) => draft?.conversation === id && !arrived.has(draft.id));
    return mine.sort((one, other) => one.at - other.at).map((draft) => ({ ...draft, failed: null }));
  }

  start() {
    this.follower = new Follower({
      conversation: this.thread.id,
      token: this.token,
      after: this.thread.cursor,
      heard: (event) => this.hear(event),
      live: (live) => this.flows(live),
      over: () => this.finish(),
      ended: (pause) => this.readAgain(pause),
    });
    this.follower.start();
    this.deliver();
  }

  stop() {
    this.stopped = true;
    this.follower?.stop();
    this.wake();
    clearTimeout(this.reading);
    this.writing.forEach(({ timer }) => clearTimeout(timer));
  }

  finish() {
    if (!this.stopped) {
      this.stop();
      this.over();
    }
  }

  flows(live) {
    this.live = live;
    if (live) {
      // Whatever could not be sent is tried at once.
      this.wake();
    }
    this.changed();
  }

  hear(event) {
    if (event.__typename === 'TypingIndicator') {
      this.sees(event.actor, event.typing);
    } else if (event.__typename === 'ResyncRequired' || !this.thread.apply(event)) {
      this.readAgain(0);
    } else if (event.__typename === 'ItemAdded') {
      this.forgetDraft(event.item.clientMessageId);
      this.sees(event.item.author ?? {}, false);
    }
    this.changed();
  }

  /** Reads the whole conversation and follows from there. */
  async readAgain(pause) {
    this.follower.stop();
    await this.sleep(pause);
    for (let tries = 0; !this.stopped; tries += 1) {
      try {
        const { conversation } = await ask(CONVERSATION, { id: this.thread.id }, this.token);
        if (!conversation) {
          return this.finish();
        }
        this.thread.begin(conversation);
        conversation.items.nodes.forEach((item) => this.forgetDraft(item.clientMessageId));
        this.changed();
        return this.stopped || this.start();
      } catch (error) {
        if (error instanceof TokenOver) {
          return this.finish();
        }
        this.flows(false);
        await this.sleep(error.pause ?? backoff(tries));
      }
    }
  }

  /** Waits, at most until `wake`. */
  sleep(pause) {
    return new Promise((done) => {
      this.sleepers.add(done);
      setTimeout(done, pause);
    });
  }

  wake() {
    this.sleepers.forEach((done) => done());
    this.sleepers.clear();
  }

  /** Shows a message at once and sends it for as long as it takes. */
  send(body, files) {
    const at = Math.max(Date.now(), ...this.thread.pending.map((draft) => draft.at + 1));
    const draft = { id: newId(), conversation: this.thread.id, body, files, at, failed: null };
    this.kept.set(`draft.${draft.id}`, draft);
    this.thread.pending.push(draft);
    this.toldTyping = 0;
    this.changed();
    this.deliver();
  }

  /** Takes back what could not be sent: its text and its files. */
  withdraw(id) {
    const draft = this.thread.pending.find((draft) => draft.id === id);
    this.thread.pending = this.thread.pending.filter((other) => other !== draft);
    this.kept.drop(`draft.${id}`);
    this.changed();
    return { body: draft?.body ?? '', files: draft?.files ?? [] };
  }

  forgetDraft(id) {
    if (id) {
      this.kept.drop(`draft.${id}`);
    }
  }

  /** Sends what waits, one after the other, so that it arrives in the order in which it was written. */
  async deliver() {
    if (this.delivering) {
      return;
    }
    this.delivering = true;
    for (let tries = 0; !this.stopped;) {
      const draft = this.thread.pending.find(({ failed }) => !failed);
      if (!draft) {
        break;
      }
      try {
        await this.deliverOne(draft);
        tries = 0;
      } catch (error) {
        if (error instanceof TokenOver) {
          this.finish();
          break;
        }
        if (error instanceof TryAgain) {
          draft.late = true;
          this.changed();
          await this.sleep(error.pause ?? backoff(tries++));
        } else {
          draft.failed = 'INVALID';
          this.changed();
        }
      }
    }
    this.delivering = false;
  }

  async deliverOne(draft) {
    const { conversation: conversationId, id: clientMessageId, body, files = [] } = draft;
    const input = { conversationId, clientMessageId, body, attachmentIds: files.map(({ id }) => id) };
    const { sendMessage } = await ask(SEND, { input }, this.token);
    if (sendMessage.message) {
      this.thread.store(sendMessage.message);
      this.forgetDraft(draft.id);
    } else {
      draft.failed = sendMessage.userErrors[0]?.code ?? 'INVALID';
    }
    this.changed();
  }

  /** Says that the visitor types or has stopped; not more often than is of use. */
  typing(on) {
    const now = Date.now();
    const since = now - (this.toldTyping || 0);
    if (!this.live || this.thread.closed || (on ? since < TYPING_EVERY : !this.toldTyping)) {
      return;
    }
    this.toldTyping = on ? now : 0;
    ask(TYPING, { input: { conversationId: this.thread.id, typing: on } }, this.token).catch(() => {});
  }

  /** Somebody else types or has stopped. */
  sees({ id, displayName }, typing) {
    clearTimeout(this.writing.get(id)?.timer);
    this.writing.delete(id);
    if (typing) {
      const timer = setTimeout(() => {
        this.writing.delete(id);
        this.changed();
      }, TYPING_COUNTS);
      this.writing.set(id, { name: displayName, timer });
    }
  }

  /** The visitor has seen everything that is there. */
  seen() {
    clearTimeout(this.reading);
    if (this.thread.unread().length === 0) {
      return;
    }
    this.reading = setTimeout(async () => {
      const upToSequence = this.thread.newest;
      try {
        await ask(READ, { input: { conversationId: this.thread.id, upToSequence } }, this.token);
        this.thread.readUpTo = Math.max(this.thread.readUpTo, upToSequence);
        this.changed();
      } catch {
        // Said again with the next thing that is seen.
      }
    }, READ_AFTER);
  }

  /** Ends the chat; whether that was possible. */
  async end() {
    try {
      const { endConversation } = await ask(END, { input: { conversationId: this.thread.id } }, this.token);
      const code = endConversation.userErrors[0]?.code;
      this.thread.closed ||= !code || code === 'CONVERSATION_ENDED';
      this.changed();
      return this.thread.closed;
    } catch (error) {
      if (error instanceof TokenOver) {
        this.finish();
      }
      return false;
    }
  }

  async transcript() {
    const { conversation } = await ask(TRANSCRIPT, { id: this.thread.id }, this.token);
    return conversation.transcript;
  }

  /** Reads the page of entries before those that are known. */
  async earlier() {
    const { conversation } = await ask(EARLIER, { id: this.thread.id, before: this.thread.before }, this.token);
    this.thread.prepend(conversation.items);
    this.changed();
  }
}
