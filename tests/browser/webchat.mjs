// Drives the web chat's page in a real browser like customers, while agents answer (see desk.mjs).
//
//   node webchat.mjs '{"server": URL, "shop": ID, "closed": ID, "plain": ID}'
//
// The ids name entry points: one with a form, the same outside its opening hours, and one without a form. Pictures go
// to SCREENSHOTS, or to a folder of that name. SLOWER=6 makes the customer's machine six times slower. Exits with 0 on
// success, else with 1 and the reason.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { launch } from './chromium.mjs';
import { desk, note } from './desk.mjs';
import { files } from './files.mjs';
import { Line } from './network.mjs';
import { embedded, signed, strange } from './sites.mjs';
import { Visitor } from './visitor.mjs';

const { server, shop, closed, plain } = JSON.parse(process.argv[2]);
/** A text that would run a script in a page that treats it as HTML. */
const HOSTILE = '<img src=x onerror=hacked()><script>hacked()</script><b>bold</b>';
const ALL = {
  'Your name': 'Kim Lee',
  'E-mail': 'kim@example.org',
  Topic: 'Order',
  'Your message': 'Hello, where is my order?',
};

setTimeout(() => fail(new Error('it takes too long')), 300_000).unref();
const browser = await launch('127.0.0.1');
const line = await new Line(server).start();
const page = (entryPoint) => `${line.url}/webchat/${entryPoint}`;
let visitor;
const arrive = async (language) => (visitor = await Visitor.come(browser, language));
try {
  for (const act of [talk, files, outOfHours, hostile, expired, languages, embedded, signed, strange]) {
    note(act.name);
    await act({ line, page, plain, arrive });
  }
  note('The web chat works.');
} catch (error) {
  await visitor?.picture('failure').catch(() => {});
  fail(error);
} finally {
  await browser.close();
  line.stop();
  process.exit();
}

function fail(error) {
  console.error(`The web chat does not work. ${error.stack} ${visitor?.noticed.join('\n') ?? ''}`);
  process.exit(1);
}

/** One customer from the form to the transcript, over a bad network. */
async function talk() {
  await arrive();
  const seen = visitor.page;
  await desk('another waits');
  await seen.goto(page(shop));
  await visitor.see('.start', 'Your name');
  assert.equal(await seen.evaluate(() => document.documentElement.lang), 'en');
  await visitor.look('form');
  await form();

  await visitor.see('#standing', 'You are number 2');
  await visitor.reads(['Hello, where is my order?']);
  await visitor.look('waiting');
  await desk('another leaves');
  await visitor.see('#standing', 'You are number 1');
  await desk('accept ann');
  await visitor.see('#standing', 'You are talking with Ann Archer');
  await visitor.see('.log', 'Ann Archer has joined.');

  // Both sides type and see each other's indicator, and read messages are marked.
  await desk('type ann on');
  await visitor.see('.typing', 'Ann Archer is typing');
  await desk('say ann Good morning! Which order is it?');
  await visitor.see('.log', 'Which order is it?');
  await seen.waitForFunction(() => document.querySelector('.typing').textContent === '', { polling: 50 });
  await visitor.write('Number 4711.\nIt is blue.');
  await visitor.state('Sent');
  await desk('read ann');
  await visitor.state('Read');
  await keys();
  await limit();
  await hidden();
  const before = [
    'Hello, where is my order?',
    'Good morning! Which order is it?',
    'Number 4711.\nIt is blue.',
    '한국어',
    'One moment, please.',
  ];
  await visitor.reads(before);
  await visitor.look('chat');
  await visitor.follows();
  await badNetwork(before);
}

async function form() {
  const seen = visitor.page;
  await seen.keyboard.press('Enter');
  await visitor.click('.start button[type=submit]');
  assert.equal(await visitor.error('Your name'), 'Please fill this in.');
  assert.equal(await seen.evaluate(() => document.activeElement.id), 'field-0', 'the first wrong field has the focus');
  await visitor.fill({ ...ALL, 'E-mail': 'kim@', Telephone: 'call me', 'Your message': 'x'.repeat(1_003) });
  await visitor.click('.start button[type=submit]');
  assert.match(await visitor.error('Your message'), /At most 1000 characters. Too long by 3 characters./);
  await visitor.fill({ 'Your message': ALL['Your message'] });
  await visitor.click('.start button[type=submit]');
  await visitor.see('.start', 'like jane@example.com');
  await visitor.fill({ 'E-mail': 'kim@example.org' });
  await visitor.click('.start button[type=submit]');
  await visitor.see('.start', '3 to 20 digits');
  await visitor.look('form-errors');
  await visitor.fill({ Telephone: '' });
  // The server is down at this moment. The form waits, and one chat starts.
  line.deafen();
  await visitor.click('.start button[type=submit]');
  await new Promise((done) => setTimeout(done, 500));
  line.cut();
  await visitor.see('.start', 'cannot be reached');
  line.mend();
}

/** The keys of the text box: Enter confirms the text of an input method without sending. */
async function keys() {
  const seen = visitor.page;
  await seen.focus('#box');
  const composing = await seen.createCDPSession();
  await composing.send('Input.imeSetComposition', { text: '한국', selectionStart: 2, selectionEnd: 2 });
  await composing.send('Input.dispatchKeyEvent', {
    type: 'rawKeyDown',
    windowsVirtualKeyCode: 229,
    key: 'Process',
    code: 'Enter',
  });
  await seen.evaluate(() => {
    // Safari reports the end of the composition first, and then the key with its old number.
    const event = new KeyboardEvent('keydown', { key: 'Enter', keyCode: 229, bubbles: true, cancelable: true });
    document.getElementById('box').dispatchEvent(event);
  });
  await composing.send('Input.insertText', { text: '한국어' });
  assert.equal((await visitor.messages()).length, 3, 'nothing was sent while composing');
  assert.equal(await seen.$eval('#box', (box) => box.value), '한국어');
  await seen.keyboard.press('Enter');
  await visitor.see('.log', '한국어');
}

/** The page counts characters like the API. */
async function limit() {
  const seen = visitor.page;
  await seen.$eval('#box', (box) => {
    box.value = '😀'.repeat(1_002);
    box.dispatchEvent(new Event('input'));
  });
  assert.equal(
    await seen.$eval('#box-error', ({ textContent }) => textContent),
    'At most 1000 characters. Too long by 2 characters.',
  );
  const before = await visitor.messages();
  await seen.focus('#box');
  await seen.keyboard.press('Enter');
  assert.deepEqual(await visitor.messages(), before, 'what is too long is not sent');
  await visitor.look('too-long');
  await seen.$eval('#box', (box) => {
    box.value = '';
    box.dispatchEvent(new Event('input'));
  });
}

/** The title counts messages that arrive while the page is hidden, and the page marks them. */
async function hidden() {
  const seen = visitor.page;
  const turn = (state) =>
    seen.evaluate((state) => {
      Object.defineProperty(document, 'hidden', { configurable: true, get: () => state });
      document.dispatchEvent(new Event('visibilitychange'));
    }, state);
  await turn(true);
  await desk('say ann One moment, please.');
  await seen.waitForFunction(() => document.title === '(1) Corner Shop', { polling: 50 });
  await turn(false);
  await seen.waitForFunction(() => document.title === 'Corner Shop', { polling: 50 });
  await visitor.see('.log .fresh', 'New messages');
}

/**
 * The network fails in several ways while both sides write. Each message appears once and in order, also after a
 * reload.
 */
async function badNetwork(before) {
  const seen = visitor.page;
  await seen.setOfflineMode(true);
  await desk('say ann It has left us on Monday.');
  await visitor.write('Are you there?');
  await visitor.write('I see nothing.');
  await desk('say ann It should be with you tomorrow.');
  await visitor.see('.banner', 'No connection');
  await visitor.look('offline');
  await seen.setOfflineMode(false);
  let all = [
    ...before,
    'It has left us on Monday.',
    'It should be with you tomorrow.',
    'Are you there?',
    'I see nothing.',
  ];
  await visitor.reads(all);
  await visitor.state('Sent');
  await seen.waitForFunction(() => document.querySelector('.banner').textContent === '', { polling: 50 });

  // The answer is lost after the server stored the message. The repeated message appears once.
  line.deafen();
  await visitor.write('Thank you.');
  for (let tries = 0; !(await desk('messages ann')).includes('Thank you.'); tries += 1) {
    assert.ok(tries < 100, 'the message does not arrive');
    await new Promise((done) => setTimeout(done, 100));
  }
  line.cut();
  await desk('say ann You are welcome.');
  // The page is reloaded while its API is unreachable. The unsent message is not lost.
  await visitor.write('One more thing:');
  line.mend();
  await seen.reload();
  all = [...all, 'Thank you.', 'You are welcome.', 'One more thing:'];
  await visitor.reads(all);
  await visitor.state('Sent');

  // An hour later, without a connection in between.
  line.cut();
  await desk('advance 3600');
  await visitor.write('Can it be changed?');
  line.mend();
  await visitor.state('Sent');
  await desk('say ann Yes, of course.');
  all = [...all, 'Can it be changed?', 'Yes, of course.'];
  await visitor.reads(all);

  // Two weeks later the log has pruned the page's cursor, so the page reads everything again.
  line.cut();
  await desk('say ann I have changed it.');
  await desk('advance 1296000');
  await desk('prune');
  line.mend();
  all = [...all, 'I have changed it.'];
  await visitor.reads(all);
  await visitor.write('Perfect.');
  await visitor.state('Sent');
  await desk('say ann Anything else?');
  all = [...all, 'Perfect.', 'Anything else?'];
  await visitor.reads(all);
  assert.deepEqual(JSON.parse(await desk('messages ann')), all, 'the agent sees the same');
  const again = await visitor.messages();
  await seen.reload();
  await visitor.reads(again);
  await others(again);
  await ending();
}

/** Other agents answer too: one joins and leaves, and another receives a transfer. */
async function others(before) {
  for (const [act, told, message] of [
    ['join ann ben', 'Ben Baker has joined.', 'say ben I know that order.'],
    ['part ben', 'Ben Baker has left.', 'say ann Thank you, Ben.'],
    ['transfer ann ben', 'Ben Baker has joined.', 'say ben Now it is me.'],
  ]) {
    await desk(act);
    await visitor.see('.log', told);
    await desk(message);
    before.push(message.split(' ').slice(2).join(' '));
    await visitor.reads(before);
  }
  await visitor.look('others');
}

async function ending() {
  const seen = visitor.page;
  await visitor.click('#end');
  await visitor.see('dialog', 'End this chat?');
  await visitor.look('end');
  await seen.keyboard.press('Escape');
  await seen.waitForSelector('dialog', { hidden: true });
  assert.equal(await seen.evaluate(() => document.activeElement.id), 'end', 'the focus is back');
  await visitor.click('#end');
  await visitor.click('#end-yes');
  await visitor.see('.ended', 'This chat has ended');
  await visitor.see('.log', 'You have left the conversation.');
  await seen.waitForFunction(() => document.activeElement.id === 'again', { polling: 50 });
  await visitor.look('ended');
  const text = await transcript();
  assert.match(text, /Kim Lee: Number 4711\.\n {4}It is blue\./);
  assert.match(text, /\* Ann Archer has joined\./);
  await desk('wrap ben');
  await seen.reload();
  await visitor.see('.ended', 'This chat has ended');
  await visitor.click('#again');
  await visitor.see('.start', 'Your name');
  await visitor.fill({ ...ALL, 'Your message': 'It is me again.' });
  await visitor.click('.start button[type=submit]');
  await visitor.reads(['It is me again.']);
  await desk('accept ann');
  await visitor.see('#standing', 'Ann Archer');
  await desk('end ann');
  await visitor.see('.ended', 'This chat has ended');
  await visitor.see('.log', 'Ann Archer has ended the conversation.');
  await desk('wrap ann');
  await visitor.click('#forget');
  await visitor.see('.start', 'Your name');
  assert.deepEqual(await seen.evaluate(() => Object.keys(localStorage)), [], 'nothing is kept');
  await visitor.leave();
}

/** The transcript as a saved file. */
async function transcript() {
  const folder = mkdtempSync(join(tmpdir(), 'rapport-transcript-'));
  const session = await visitor.page.createCDPSession();
  await session.send('Browser.setDownloadBehavior', {
    behavior: 'allow',
    downloadPath: folder,
    browserContextId: visitor.context.id,
  });
  await visitor.click('#transcript-after');
  try {
    for (let tries = 0; tries < 100; tries += 1) {
      const [name] = readdirSync(folder).filter((name) => /^chat-\d{4}-\d\d-\d\d\.txt$/.test(name));
      if (name) {
        return readFileSync(join(folder, name), 'utf8');
      }
      await new Promise((done) => setTimeout(done, 50));
    }
    assert.fail(`no transcript, but ${readdirSync(folder)}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Outside opening hours the message is accepted, with an address for the answer. */
async function outOfHours() {
  await arrive();
  await visitor.page.goto(page(closed));
  await visitor.see('.notice', 'Nobody is here right now.');
  await visitor.look('away');
  await visitor.fill({ ...ALL, 'E-mail': '' });
  await visitor.click('.start button[type=submit]');
  assert.equal(await visitor.error('E-mail'), 'Please fill this in.');
  await visitor.fill({ 'E-mail': 'kim@example.org' });
  await visitor.click('.start button[type=submit]');
  await visitor.see('.log', 'We have your message and will answer it.');
  await visitor.click('#end');
  await visitor.click('#end-yes');
  await visitor.see('.ended', 'This chat has ended');
  await visitor.leave();
}

/** Names and messages are shown as texts, whatever they contain. */
async function hostile() {
  await arrive();
  await visitor.page.goto(page(shop));
  await visitor.see('.start', 'Your name');
  await visitor.fill({ ...ALL, 'Your name': HOSTILE, 'Your message': HOSTILE });
  await visitor.click('.start button[type=submit]');
  await visitor.reads([HOSTILE]);
  await desk('accept eve');
  await visitor.see('#standing', 'Eve <img src=x onerror=hacked()>');
  await desk(`say eve ${HOSTILE}`);
  await visitor.write(HOSTILE);
  await visitor.reads([HOSTILE, HOSTILE, HOSTILE]);
  assert.deepEqual(await visitor.page.$$('img, .log script, .log b'), []);
  await visitor.state('Sent');
  await visitor.look('hostile');
  await desk('end eve');
  await visitor.see('.log', 'Eve <img src=x onerror=hacked()> has ended the conversation.');
  await desk('wrap eve');
  await visitor.leave();
}

/** An expired token leads back to the form with an explanation. */
async function expired() {
  await arrive();
  const seen = visitor.page;
  await seen.goto(page(plain));
  await seen.waitForSelector('.start');
  await visitor.fill({ 'Your message': 'Hello' });
  await visitor.click('.start button[type=submit]');
  await visitor.reads(['Hello']);
  const ended = await seen.evaluate(async () => {
    const name = Object.keys(localStorage).find((name) => name.endsWith('.token'));
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${JSON.parse(localStorage[name])}` };
    const end = (query) => fetch('/graphql', { method: 'POST', headers, body: JSON.stringify({ query }) });
    const id = JSON.parse(localStorage[name.replace(/token$/, 'conversation')]);
    await end(`mutation { endConversation(input: { conversationId: "${id}" }) { task { id } } }`);
    return (await end('mutation { revokeVisitorToken { outcome } }')).json();
  });
  assert.equal(ended.data.revokeVisitorToken.outcome, 'APPLIED');
  await visitor.see('.notice', 'can no longer be continued');
  await seen.goto(`${line.url}/webchat/entry_01m7xnapkeess9yf3kt8ay0ya3`);
  assert.equal(await seen.evaluate(() => document.body.innerText), 'There is nothing here.');
  visitor.noticed = visitor.noticed.filter((text) => !text.includes('404') && !text.includes('401'));
  await visitor.leave();
}

/** The languages with other scripts. */
async function languages() {
  for (const [language, words] of [
    [
      'ko-KR',
      {
        hello: '주문한 상품이 아직 도착하지 않았습니다. 언제쯤 받을 수 있을까요?',
        answer: '안녕하세요, 확인해 드리겠습니다. 주문 번호를 알려 주시겠어요?',
        talking: '님과 상담 중입니다',
        ended: '채팅이 종료되었습니다',
      },
    ],
    [
      'ja-JP',
      {
        hello: '注文した商品がまだ届いていません。いつ頃届きますか？',
        answer: 'お問い合わせありがとうございます。ご注文番号を教えていただけますか？',
        talking: '対応しています',
        ended: 'チャットは終了しました',
      },
    ],
    [
      'de-DE',
      {
        hello: 'Meine Bestellung ist noch nicht da.',
        answer: 'Guten Tag! Welche Nummer hat sie?',
        talking: 'Sie sprechen mit',
        ended: 'Dieser Chat ist beendet',
      },
    ],
  ]) {
    await arrive(language);
    await visitor.page.goto(page(shop));
    await visitor.page.waitForSelector('.start');
    assert.equal(await visitor.page.evaluate(() => document.documentElement.lang), language.slice(0, 2));
    await visitor.look('form');
    await visitor.page.select('#field-3', 'Order');
    await visitor.page.type('#field-0', 'Kim');
    await visitor.page.type('#message', words.hello);
    await visitor.click('.start button[type=submit]');
    await visitor.reads([words.hello]);
    await desk('accept ann');
    await visitor.see('#standing', words.talking);
    await desk(`say ann ${words.answer}`);
    await visitor.reads([words.hello, words.answer]);
    await visitor.look('chat');
    await desk('end ann');
    await visitor.see('.ended', words.ended);
    await visitor.look('ended');
    await desk('wrap ann');
    await visitor.leave();
  }
}
