// Follows a conversation over graphql-transport-ws for as long as it is wanted, whatever the network does.

import { EVENTS, backoff, url } from './api.js';

const PROTOCOL = 'graphql-transport-ws';
/** How long a socket may take until its first event, and until it answers a ping. */
const BEGIN_WITHIN = 10_000;
const ANSWER_WITHIN = 6_000;
const PING_EVERY = 20_000;
/** The token is taken no more. */
const OVER = [4401, 4403];
/** The instance goes away; another one is there. */
const RESTART = 1012;

/**
 * `heard` gets every event; `live` whether events flow now; `over` that the token is taken no more; `ended` that the server
 * has nothing more to tell of the conversation, so that it should be read again. `after` is the cursor to begin at.
 */
export class Follower {
  constructor({ conversation, token, after, heard, live, over, ended }) {
    Object.assign(this, { conversation, token, after, heard, live, over, ended });
    this.tries = 0;
    this.nudged = () => this.nudge();
    this.cut = () => this.lose();
  }

  start() {
    addEventListener('online', this.nudged);
    addEventListener('offline', this.cut);
    addEventListener('pageshow', this.nudged);
    document.addEventListener('visibilitychange', this.nudged);
    this.open();
  }

  stop() {
    this.stopped = true;
    removeEventListener('online', this.nudged);
    removeEventListener('offline', this.cut);
    removeEventListener('pageshow', this.nudged);
    document.removeEventListener('visibilitychange', this.nudged);
    clearTimeout(this.timer);
    this.release();
  }

  /** Something may have changed about the network: tries at once, or finds out whether the socket still is one. */
  nudge() {
    if (this.stopped || document.hidden) {
      return;
    }
    if (!this.socket) {
      this.open();
    } else if (this.begun) {
      this.ping();
    }
  }

  open() {
    clearTimeout(this.timer);
    const address = new URL(url);
    address.protocol = address.protocol.replace('http', 'ws');
    const socket = new WebSocket(address, PROTOCOL);
    this.socket = socket;
    socket.onopen = () => this.say({ type: 'connection_init', payload: { authorization: `Bearer ${this.token}` } });
    socket.onmessage = ({ data }) => this.hear(JSON.parse(data));
    socket.onclose = ({ code }) => this.closed(code);
    this.expect(BEGIN_WITHIN);
  }

  hear({ type, payload }) {
    this.expect(null);
    if (type === 'connection_ack') {
      const variables = { id: this.conversation, after: this.after };
      this.say({ type: 'subscribe', id: '1', payload: { query: EVENTS, variables } });
      this.expect(BEGIN_WITHIN);
    } else if (type === 'ping') {
      this.say({ type: 'pong' });
    } else if (type === 'next' && payload.data?.event && !payload.errors) {
      this.take(payload.data.event);
    } else if (type === 'next') {
      // The server had a fault of its own; the cursor says where to go on.
      this.lose();
    } else if (type === 'error' || type === 'complete') {
      this.release();
      this.ended(backoff(this.tries++));
    }
  }

  take(event) {
    if (!this.begun) {
      this.begun = true;
      this.tries = 0;
      this.pings = setInterval(() => this.ping(), PING_EVERY);
      this.live(true);
    }
    // Each event moves the place along from which the next socket goes on.
    this.after = event.cursor ?? this.after;
    this.heard(event);
  }

  ping() {
    this.say({ type: 'ping' });
    this.expect(ANSWER_WITHIN);
  }

  /** Whatever comes next must come in this time; a network that is gone says nothing. */
  expect(within) {
    clearTimeout(this.deadline);
    this.deadline = within ? setTimeout(() => this.lose(), within) : null;
  }

  say(message) {
    if (this.socket?.readyState === WebSocket.OPEN) {
      this.socket.send(JSON.stringify(message));
    }
  }

  closed(code) {
    this.release();
    if (OVER.includes(code)) {
      this.over();
    } else {
      this.again(code === RESTART ? Math.random() * 1_000 : undefined);
    }
  }

  /** Gives the socket up, and tries again. */
  lose() {
    this.release();
    this.again();
  }

  again(pause = backoff(this.tries++)) {
    if (!this.stopped) {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.open(), pause);
    }
  }

  /** Lets go of the socket. */
  release() {
    this.expect(null);
    clearInterval(this.pings);
    const { socket, begun } = this;
    this.socket = null;
    this.begun = false;
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    }
    if (begun && !this.stopped) {
      this.live(false);
    }
  }
}
