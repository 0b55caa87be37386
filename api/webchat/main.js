// The page: finds out what there is to show (a form, a chat that goes on, one that has ended) and puts it together.

import { CONVERSATION, END_VISIT, START, TokenOver, TryAgain, WEB_CHAT, ask, backoff } from './api.js';
import { Chat, newId } from './chat.js';
import { composes } from './composer.js';
import { question, unask } from './dialog.js';
import { button, element, say } from './elements.js';
import { Form } from './form.js';
import { Identity } from './identity.js';
import { Kept } from './kept.js';
import { View } from './view.js';
import { words } from './words.js';

const entryPoint = decodeURIComponent(location.pathname.split('/').pop());
const kept = new Kept(entryPoint);
const identity = new Identity(kept);
const framed = window.parent !== window;
const [heading, standing, corner, actions, main] = ['name', 'standing', 'corner', 'actions', 'main'].map((id) =>
  document.getElementById(id),
);

/** What `webChat` says of the entry point. */
let about;
let chat;
let view;
let form;
/** Counts up when everything is forgotten: what was under way then leads nowhere. */
let visits = 0;
/** What was answered before, for another chat on the same day. */
let answered = {};
/** Whether the launcher of a site shows the page, and the page of the site. */
let shown = !framed;
let page = null;

const visible = () => shown && !document.hidden;
const tell = (message) => framed && parent.postMessage({ rapport: true, ...message }, '*');
const pause = (time) => new Promise((done) => setTimeout(done, time));

document.documentElement.lang = words.locale;
document.title = words.chat;
if (framed) {
  corner.append(
    button('✕', () => tell({ close: true }), { id: 'close', 'aria-label': words.close, title: words.close }),
  );
}
boot();

async function boot() {
  main.replaceChildren(element('p', { class: 'notice', role: 'status' }, words.loading));
  for (let tries = 0; ; tries += 1) {
    try {
      about = (await ask(WEB_CHAT, { id: entryPoint })).webChat;
      break;
    } catch (error) {
      const again = new Promise((done) => {
        const text = element('p', { class: 'notice', role: 'alert' }, words.failed);
        main.replaceChildren(text, button(words.retry, done, { class: 'primary' }));
      });
      await Promise.race([again, pause(error.pause ?? backoff(tries, 2_000))]);
    }
  }
  if (!about) {
    main.replaceChildren(element('p', { class: 'notice', role: 'status' }, words.gone));
    return;
  }
  heading.textContent = about.name;
  document.title = about.name;
  if (framed) {
    // What is kept may be of somebody who is signed in no more.
    const visit = visits;
    await identity.told;
    if (visit !== visits) {
      return;
    }
  }
  await goOn();
}

/** Shows the chat that the browser knows of, or the form. */
async function goOn() {
  if (kept.get('token') && kept.get('conversation')) {
    await resume();
  } else {
    begin();
  }
}

/** Lets go of what is shown: it is somebody else's, and what is theirs is shown from now on. */
function change() {
  visits += 1;
  chat?.stop();
  chat = view = null;
  answered = {};
  unask();
  actions.replaceChildren();
  say(standing, '');
  main.replaceChildren(element('p', { class: 'notice', role: 'status' }, words.loading));
  goOn();
}

/** Goes on with the chat that the browser knows of. */
async function resume() {
  const visit = visits;
  for (let tries = 0; ; tries += 1) {
    try {
      const { conversation } = await ask(CONVERSATION, { id: kept.get('conversation') }, kept.get('token'));
      if (visit !== visits) {
        return;
      }
      return conversation ? open(conversation) : forget(words.expired);
    } catch (error) {
      if (visit !== visits) {
        return;
      }
      if (error instanceof TokenOver) {
        return forget(words.expired);
      }
      say(main.firstChild, words.wrong.unreachable);
      await pause(error.pause ?? backoff(tries));
    }
  }
}

/** Forgets the chat, and begins anew; what had not been sent is in the form. */
function forget(notice) {
  visits += 1;
  const message = notice && unsent();
  kept.clear();
  answered = { message };
  begin(notice);
}

/** What was written in the chat and has not arrived, or is still in the box. */
function unsent() {
  const texts = (chat?.thread.pending ?? []).map(({ body }) => body);
  return [...texts, view?.composer.box.value].filter(Boolean).join('\n');
}

/** Shows the form; a start that was under way when the page went away goes on. */
function begin(notice) {
  chat?.stop();
  chat = view = null;
  tell({ begun: false });
  unread();
  const starting = kept.get('starting');
  form = new Form({ chat: about, answered: starting?.answered ?? answered, notice, submit: start });
  form.know(identity.given);
  main.replaceChildren(form.whole);
  actions.replaceChildren();
  say(standing, '');
  if (starting) {
    go(starting);
  } else if (visible()) {
    form.focus();
  }
}

function start({ fields, message }) {
  answered = Object.fromEntries(fields.map(({ name, value }) => [name, value]));
  const input = {
    entryPointId: entryPoint,
    fields,
    idempotencyKey: newId(),
    message: { clientMessageId: newId(), body: message },
  };
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  const starting = { input: { ...input, pageUrl: page, timeZone }, answered: { ...answered, message } };
  // Kept before it is sent: whoever loads the page again begins the same chat and not another.
  kept.set('starting', starting);
  go(starting);
}

/** Begins the chat, for as long as it takes. */
async function go({ input }) {
  const visit = visits;
  form.wait(true);
  const { conversation, visitorToken, userErrors } = await begun(input);
  if (visit !== visits) {
    return;
  }
  kept.drop('starting');
  form.wait(false);
  if (!conversation) {
    form.refuse(userErrors[0] ?? {});
    return;
  }
  if (visitorToken) {
    kept.set('token', visitorToken);
  }
  kept.set('conversation', conversation.id);
  open(conversation);
}

/** What `startWebChat` answers, once it does. */
async function begun(input) {
  const visit = visits;
  for (let tries = 0; visit === visits;) {
    try {
      const signed = identity.given;
      const { startWebChat } = await ask(START, { input: { ...input, identity: signed } }, kept.get('token'));
      const [, refused, part] = startWebChat.userErrors[0]?.field ?? [];
      if (!signed || refused !== 'identity') {
        return startWebChat;
      }
      if (visit === visits) {
        identity.refused(part);
      }
    } catch (error) {
      if (visit !== visits) {
        break;
      }
      if (error instanceof TokenOver && kept.get('token')) {
        // Whoever it was, they begin as somebody new.
        kept.drop('token');
      } else if (error instanceof TryAgain) {
        form.wait(true, words.wrong.unreachable);
        const online = new Promise((done) => addEventListener('online', done, { once: true }));
        await Promise.race([online, pause(error.pause ?? backoff(tries++))]);
      } else {
        break;
      }
    }
  }
  return { userErrors: [] };
}

function open(state) {
  form = null;
  chat = new Chat({ kept, token: kept.get('token'), state, changed: show, over: () => forget(words.expired) });
  view = new View(chat, {
    earlier: () => chat.earlier().catch(() => {}),
    again,
    forget: leave,
    transcript,
    scrolled: seen,
  });
  main.replaceChildren(view.whole);
  // What was there before is no news.
  view.log.setAttribute('aria-live', 'off');
  show();
  setTimeout(() => view?.log.setAttribute('aria-live', 'polite'), 500);
  tell({ begun: !chat.thread.closed });
  chat.start();
  if (visible()) {
    view.focus();
  }
}

/** Shows the chat as it is now. */
function show() {
  if (!view) {
    return;
  }
  view.show();
  say(standing, stands(chat));
  const { closed } = chat.thread;
  if (view.closed !== closed) {
    view.closed = closed;
    const ending = !closed && button(words.end.open, end, { id: 'end' });
    const saving = !closed && button(words.transcript.open, transcript, { id: 'transcript' });
    const held = actions.contains(document.activeElement);
    actions.replaceChildren(...[saving, ending].filter(Boolean));
    if (held) {
      view.focus();
    }
    tell({ begun: !closed });
  }
  unread();
  seen();
}

/** How things stand, in a sentence or two. */
function stands({ thread }) {
  const { standing } = words;
  if (thread.closed) {
    return standing.ended;
  }
  if (!thread.waits) {
    const names = thread.agents();
    return names.length ? standing.talking(names.join(', ')) : standing.connected;
  }
  const { position, estimatedWaitSeconds: wait } = thread.task;
  const place = position ? standing.place(position) : standing.waiting;
  const long = wait === null || wait === undefined ? null : wait < 60 ? standing.soon : standing.wait(wait);
  return [place, long].filter(Boolean).join(' · ');
}

/** Says that everything was seen, if it was. */
function seen() {
  if (view && visible() && view.atEnd()) {
    chat.seen();
  }
}

/** Counts what was not read, in the title and at the launcher. */
function unread() {
  const news = chat?.thread.unread() ?? [];
  if (view && news.length && !visible()) {
    view.fresh ??= news[0].sequence;
  }
  const title = about?.name ?? words.chat;
  document.title = news.length && !visible() ? `(${news.length}) ${title}` : title;
  tell({ unread: news.length });
}

/** Another chat of the same visitor. */
function again() {
  answered.message = unsent();
  kept.names('draft.').forEach((name) => kept.drop(name));
  kept.drop('conversation');
  // Whether somebody is there may have changed.
  boot();
}

/** Ends the visit: the token, and everything that the browser keeps. */
async function leave() {
  await ask(END_VISIT, {}, kept.get('token')).catch(() => {});
  forget();
}

async function transcript() {
  try {
    const text = new Blob(['\ufeff', await chat.transcript()], { type: 'text/plain' });
    const url = URL.createObjectURL(text);
    const date = new Date().toISOString().slice(0, 10);
    element('a', { href: url, download: `${words.transcript.name}-${date}.txt` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  } catch (error) {
    complain(error, words.transcript.failed);
  }
}

function complain(error, text) {
  if (error instanceof TokenOver) {
    chat.finish();
  } else {
    say(view.banner, text);
  }
}

/** Asks whether to end the chat, and ends it. */
function end() {
  const { title, text, no, yes, failed } = words.end;
  const then = async () => {
    if (await chat.end()) {
      view?.focus();
    } else {
      say(view.banner, failed);
    }
  };
  question({ title, text, no, yes, then });
}

addEventListener('keydown', (event) => {
  if (event.key === 'Escape' && framed && !composes(event) && !document.querySelector('dialog')) {
    tell({ close: true });
  }
});

addEventListener('message', ({ source, data }) => {
  // Only those can frame the page whom its policy admits.
  if (!framed || source !== parent || !data?.rapport) {
    return;
  }
  page =
    typeof data.page === 'string' && /^https?:\/\//.test(data.page) && data.page.length <= 2_000 ? data.page : null;
  shown = Boolean(data.shown);
  const { changed, tokens } = identity.meet(data.identity);
  tokens.forEach((token) => ask(END_VISIT, {}, token).catch(() => {}));
  if (changed && about) {
    change();
  } else {
    form?.know(identity.given);
  }
  turned();
  if (shown && data.focus) {
    (view ?? form)?.focus();
  }
});

document.addEventListener('visibilitychange', turned);
addEventListener('focus', seen);

/** The page came into sight or went out of it. */
function turned() {
  if (view) {
    // What comes from now on is news.
    view.fresh = !visible() && chat.thread.unread().length === 0 ? null : view.fresh;
    show();
  } else {
    unread();
  }
}

tell({ ready: true });
