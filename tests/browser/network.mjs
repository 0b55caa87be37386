// The network between a browser and the server: a TCP line that tests can cut, and web sites that embed the chat.
import { createServer } from 'node:http';
import { connect, createServer as listen } from 'node:net';

/** A TCP line to a server. `up` and `down` are true while data in that direction arrives. */
export class Line {
  constructor(target) {
    this.target = new URL(target);
    this.open = true;
    this.down = true;
    this.pairs = new Set();
  }

  async start() {
    this.listener = listen((near) => this.join(near));
    await new Promise((done) => this.listener.listen(0, '127.0.0.1', done));
    this.url = `http://127.0.0.1:${this.listener.address().port}`;
    return this;
  }

  join(near) {
    if (!this.open) {
      near.destroy();
      return;
    }
    const far = connect(Number(this.target.port), this.target.hostname);
    const pair = [near, far];
    this.pairs.add(pair);
    near.on('data', (data) => far.write(data));
    far.on('data', (data) => this.down && near.write(data));
    for (const [one, other] of [pair, pair.toReversed()]) {
      one.on('error', () => other.destroy());
      one.on('close', () => {
        this.pairs.delete(pair);
        other.destroy();
      });
    }
  }

  /** Cuts every connection and refuses new ones until `mend`. */
  cut() {
    this.open = false;
    this.pairs.forEach((pair) => pair.forEach((socket) => socket.destroy()));
  }

  /** Data from the client still arrives, but answers are lost. */
  deafen() {
    this.down = false;
  }

  mend() {
    this.open = true;
    this.down = true;
  }

  stop() {
    this.cut();
    this.listener.close();
  }
}

/** A web site with one page. `html` returns its content. */
export async function site(html) {
  const server = createServer((request, response) => {
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', ...(html.headers ?? {}) });
    response.end(html.page ?? '');
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return { url: `http://127.0.0.1:${server.address().port}`, stop: () => server.close() };
}
