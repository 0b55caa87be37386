// The files that go with a message: chosen, checked, and uploaded while the text is written.

import { CREATE_UPLOAD, TokenOver, TryAgain, ask, backoff, fileUrl } from './api.js';
import { newId } from './chat.js';
import { button, element, say } from './elements.js';
import { words } from './words.js';

/** Whether the browser can make the digests that the server asks for; without TLS it cannot. */
export const possible = Boolean(globalThis.crypto?.subtle);

/** A file name as the server takes it: one line without a path. */
const cleanName = (name) => name.replace(/[/\\\p{Cc}]/gu, '_').replace(/^\.+/, '') || '_';

const extension = (name) => name.split('.').pop().toLowerCase();

async function sha256(bytes) {
  const digest = await crypto.subtle.digest('SHA-256', bytes);
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

export class Files {
  /** `chat` has the conversation and the token, `changed` is called when the size of the list changes. */
  constructor(chat, changed) {
    Object.assign(this, { chat, changed });
    this.chosen = [];
    this.input = element('input', {
      type: 'file',
      multiple: true,
      hidden: true,
      tabindex: '-1',
      'aria-hidden': 'true',
      onchange: () => {
        this.add([...this.input.files]);
        this.input.value = '';
      },
    });
    this.open = button('+', () => this.input.click(), {
      class: 'attach',
      'aria-label': words.files.add,
      title: words.files.add,
    });
    this.list = element('ul', { class: 'files', 'aria-label': words.files.list, hidden: true });
    this.error = element('p', { class: 'error', 'aria-live': 'polite' });
  }

  /** The rules may change with the entry point. */
  allow(rules) {
    this.types = rules.types.filter(({ inbound }) => inbound);
    this.rules = rules;
    this.open.hidden = !possible || this.types.length === 0;
    this.input.accept = this.types.map((type) => `.${type.extension}`).join(',');
  }

  get busy() {
    return this.chosen.some(({ state }) => state === 'uploading');
  }

  get failed() {
    return this.chosen.some(({ state }) => state === 'failed');
  }

  /** Adds files that were chosen, dropped or pasted; says what is wrong with the others. */
  add(files) {
    const wrong = [];
    for (const file of this.open.hidden ? [] : files) {
      const why = this.problem(file);
      if (why) {
        wrong.push(`${file.name}: ${why}`);
      } else {
        this.upload({ key: newId(), name: cleanName(file.name), size: file.size, file, state: 'uploading', sent: 0 });
      }
    }
    say(this.error, wrong.join(' '));
    this.show();
  }

  problem({ name, size }) {
    const type = this.types.find((one) => one.extension === extension(cleanName(name)));
    const total = this.chosen.reduce((sum, one) => sum + one.size, size);
    if (!type) {
      return words.files.type;
    }
    if (size === 0) {
      return words.files.empty;
    }
    if (size > type.maximumBytes || total > this.rules.maximumBytes) {
      return words.files.large(Math.min(type.maximumBytes, this.rules.maximumBytes));
    }
    return this.chosen.length >= this.rules.maximumCount ? words.files.many(this.rules.maximumCount) : null;
  }

  /** Uploads a file, for as long as it takes. */
  async upload(one) {
    this.chosen.push(one);
    this.show();
    for (let tries = 0; one.state === 'uploading' && !this.chat.stopped;) {
      try {
        await this.uploadOnce(one);
      } catch (error) {
        if (error instanceof TokenOver) {
          return this.chat.finish();
        }
        if (error instanceof TryAgain) {
          await this.chat.sleep(error.pause ?? backoff(tries++));
        } else {
          one.state = 'failed';
        }
      }
      this.show();
    }
  }

  async uploadOnce(one) {
    const bytes = await one.file.arrayBuffer();
    const input = {
      conversationId: this.chat.thread.id,
      clientUploadId: one.key,
      name: one.name,
      mediaType: one.file.type,
      byteSize: bytes.byteLength,
      sha256: await sha256(bytes),
    };
    const { createAttachmentUpload } = await ask(CREATE_UPLOAD, { input }, this.chat.token);
    const { upload, userErrors } = createAttachmentUpload;
    if (!upload) {
      one.why = userErrors[0]?.code === 'FILE_TYPE_NOT_ALLOWED' ? words.files.type : words.files.failed;
      one.state = 'failed';
      return;
    }
    one.id = upload.attachment.id;
    const status = upload.url ? await this.put(one, upload.url, bytes) : 200;
    if (status === 0 || status >= 500 || [401, 408, 429].includes(status)) {
      // A path that has ended is asked for anew.
      throw new TryAgain(`answered ${status}`);
    }
    one.state = status === 200 ? 'done' : 'failed';
    one.why = { 413: words.files.pixels, 415: words.files.content, 422: words.files.infected }[status];
  }

  /** Sends the bytes, and shows how many have left. Answers with the status, 0 when there is none. */
  put(one, path, bytes) {
    return new Promise((done) => {
      const request = new XMLHttpRequest();
      one.request = request;
      request.open('PUT', fileUrl(path));
      request.upload.onprogress = ({ loaded, total }) => {
        one.sent = loaded / total;
        this.show();
      };
      request.onloadend = () => done(request.status);
      request.send(bytes);
    });
  }

  remove(one) {
    this.chosen = this.chosen.filter((other) => other !== one);
    one.state = 'removed';
    one.request?.abort();
    say(this.error, '');
    this.show();
    this.open.focus();
  }

  /** Takes the uploaded files out, for a message. */
  take() {
    const taken = this.chosen.map(({ id, name, size }) => ({ id, name, byteSize: size }));
    this.chosen = [];
    say(this.error, '');
    this.show();
    return taken;
  }

  /** Puts files of a message back that was not sent. */
  restore(files) {
    this.chosen.push(
      ...files.map(({ id, name, byteSize }) => ({ key: id, id, name, size: byteSize, state: 'done', sent: 1 })),
    );
    this.show();
  }

  /** Shows the chosen files; those that are shown already stay the same elements. */
  show() {
    for (const one of this.chosen) {
      one.node ??= this.row(one);
      const [, about, bar] = one.node.children;
      const { state, why, sent } = one;
      bar.hidden = state !== 'uploading';
      bar.value = sent;
      say(about, state === 'failed' ? (why ?? words.files.failed) : words.files.size(one.size));
      about.className = state === 'failed' ? 'error' : 'size';
    }
    this.list.replaceChildren(...this.chosen.map(({ node }) => node));
    this.list.hidden = this.chosen.length === 0;
    this.changed();
  }

  row(one) {
    return element(
      'li',
      {},
      element('span', { class: 'name', dir: 'auto' }, one.name),
      element('span', { class: 'size', role: 'status' }),
      element('progress', { max: '1', 'aria-label': words.files.progress(one.name) }),
      button('✕', () => this.remove(one), { 'aria-label': words.files.remove(one.name) }),
    );
  }
}
