// Tests of the chat on web sites: on a listed site by its launcher, and on a site that is not listed.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';

import { desk } from './desk.mjs';
import { site } from './network.mjs';

/** Adds one script tag to a page of a listed site, under the site's own strict policy. */
export async function embedded({ line, page, arrive }) {
  const html = {
    headers: { 'content-security-policy': `default-src 'none'; script-src ${line.url}; frame-src ${line.url}` },
  };
  const shopping = await site(html);
  const entryPoint = await desk('site', shopping.url);
  const script = `<script async src="${page(entryPoint)}.js"></script>`;
  html.page = `<!doctype html><html lang="en"><title>Shop</title><main><h1>Shop</h1><a href="#x">A link</a></main>${script}</html>`;
  const visitor = await arrive();
  const seen = visitor.page;
  await seen.goto(`${shopping.url}/shoes?size=42`);
  const launcher = (part) => seen.waitForSelector(`#rapport-webchat >>> ${part}`);
  const button = await launcher('button');
  // The site's page receives a change in the frame a little later.
  const stands = (open) =>
    until(`the chat is ${open ? 'open' : 'shut'}`, async () => {
      const expanded = await button.evaluate((button) => button.getAttribute('aria-expanded'));
      return expanded === String(open);
    });
  await stands(false);
  assert.equal(await button.evaluate((button) => button.getAttribute('aria-label')), 'Chat with us');
  await visitor.look('launcher');

  // Uses the keyboard only: the button, the form, and back.
  await seen.keyboard.press('Tab');
  await seen.keyboard.press('Tab');
  await seen.keyboard.press('Enter');
  await stands(true);
  const frame = await (await launcher('iframe')).contentFrame();
  await frame.waitForFunction(() => document.activeElement.id === 'message');
  await visitor.look('open');
  await seen.keyboard.press('Escape');
  await stands(false);
  await until('the button has the focus', () => button.evaluate((button) => button.getRootNode().activeElement === button));
  await seen.keyboard.press('Enter');
  await frame.waitForFunction(() => document.activeElement.id === 'message');
  await seen.keyboard.type('Hello from the shop');
  await seen.keyboard.press('Tab');
  await seen.keyboard.press('Enter');
  await frame.waitForSelector('.message');
  await desk('accept ann');
  await frame.waitForFunction(() => document.getElementById('standing').textContent.includes('Ann'));
  await visitor.look('talking');
  await frame.click('#close');
  await stands(false);
  await desk('say ann Are you still here?');
  const news = async () => (await launcher('.badge')).evaluate((badge) => (badge.hidden ? '' : badge.textContent));
  await until('the news are counted', async () => (await news()) === '1');
  assert.equal(await button.evaluate((button) => button.getAttribute('aria-label')), 'Chat with us, 1 unread');
  await visitor.look('news');

  // Another page of the site shows that the chat continues, and counts new messages.
  await seen.goto(`${shopping.url}/boots`);
  await until('the news are counted again', async () => (await news()) === '1');
  await (await launcher('button')).click();
  const reopened = await (await launcher('iframe')).contentFrame();
  await reopened.waitForFunction(() => document.querySelectorAll('.message').length === 2);
  await until('the news are read', async () => (await news()) === '');
  await desk('end ann');
  await reopened.waitForFunction(() => !document.querySelector('.ended').hidden);
  await desk('wrap ann');
  await visitor.leave();
  shopping.stop();
}

/**
 * A site that signs its visitors: each visitor sees their own chat on every device, and never the previous visitor's
 * chat.
 */
export async function signed({ page, arrive }) {
  const html = {};
  const shop = await site(html);
  const entryPoint = await desk('signing', shop.url);
  const sign = (externalId, secret = 'the secret of the site') => {
    // The server has a different clock.
    const expires = Math.floor(Date.now() / 1_000) + 100 * 86_400;
    const signature = createHmac('sha256', secret).update(`${externalId}.${expires}`).digest('hex');
    return JSON.stringify({ externalId, expires, signature, name: `Visitor ${externalId}` });
  };
  const tag = (identity) =>
    `<script id="chat" async src="${page(entryPoint)}.js" data-identity='${identity}'></script>`;
  const visit = async (visitor, identity) => {
    html.page = `<!doctype html><html lang="en"><title>Shop</title><h1>Shop</h1>${tag(identity)}</html>`;
    await visitor.page.goto(shop.url);
    const button = await visitor.page.waitForSelector('#rapport-webchat >>> button');
    if ((await button.evaluate((button) => button.getAttribute('aria-expanded'))) === 'false') {
      await button.click();
    }
    return (await visitor.page.waitForSelector('#rapport-webchat >>> iframe')).contentFrame();
  };
  const form = (frame) => frame.waitForSelector('.start button[type=submit]');
  const begin = async (frame, text) => {
    await form(frame);
    await frame.type('#message', text);
    await frame.click('.start button[type=submit]');
    await frame.waitForSelector('.message');
  };
  const name = (frame) => frame.$eval('#field-0', ({ value }) => value);
  const reads = (frame) => frame.$$eval('.message', (all) => all.length);

  const visitor = await arrive();
  let frame = await visit(visitor, sign('42'));
  await form(frame);
  assert.equal(await name(frame), 'Visitor 42', 'the form knows what the site says');
  await begin(frame, 'Hello');
  frame = await visit(visitor, sign('42'));
  await frame.waitForSelector('.message');

  // Another visitor signs in, in the same browser.
  frame = await visit(visitor, sign('43'));
  await form(frame);
  assert.equal(await name(frame), 'Visitor 43');
  assert.equal(await reads(frame), 0, 'nothing of the one before is shown');
  await begin(frame, 'I am somebody else');
  assert.equal(await reads(frame), 1);

  // The first visitor returns, and their chat continues.
  frame = await visit(visitor, sign('42'));
  await begin(frame, 'Here again');
  await frame.waitForFunction(() => document.querySelectorAll('.message').length === 2);

  // Another page of the browser still has the old visitor. It neither shows nor changes the other visitor's chat.
  const beside = { page: await visitor.context.newPage() };
  const other = await visit(beside, sign('43'));
  await begin(other, 'On another page');
  await other.waitForFunction(() => document.querySelectorAll('.message').length === 2);
  await form(frame);
  assert.equal(await reads(frame), 0, 'whose token has ended sees nothing more');
  await visitor.page.evaluate((tag) => document.getElementById('chat').setAttribute('data-identity', tag), sign('43'));
  await frame.waitForFunction(() => document.querySelectorAll('.message').length === 2, { polling: 50 });
  await beside.page.close();
  frame = await visit(visitor, sign('42'));
  await begin(frame, 'Once more');
  await frame.waitForFunction(() => document.querySelectorAll('.message').length === 3);

  // The visitor signs out, on a site that loads no new page.
  await visitor.page.evaluate(() => document.getElementById('chat').removeAttribute('data-identity'));
  await form(frame);
  assert.equal(await name(frame), '');
  assert.equal(await reads(frame), 0, 'nothing is left of who has signed out');

  // An invalid signature counts as none: the chat starts with an anonymous visitor.
  frame = await visit(visitor, sign('42', 'guessed'));
  await begin(frame, 'Let me in');
  assert.equal(await reads(frame), 1, 'nobody is who they only say they are');
  await until('the site hears why', () => visitor.noticed.some((text) => text.includes('the identity was refused')));
  visitor.noticed = [];
  await visitor.leave();
  shop.stop();
}

async function until(what, holds) {
  for (let tries = 0; !(await holds()); tries += 1) {
    assert.ok(tries < 200, `in vain: ${what}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

/** A site that is not listed can neither frame the page nor read an answer. */
export async function strange({ line, page, plain, arrive }) {
  const html = {};
  const evil = await site(html);
  const other = await site({});
  const listed = await desk('site', other.url);
  for (const entryPoint of [listed, plain]) {
    const visitor = await arrive();
    const seen = visitor.page;
    html.page = `<!doctype html><title>Evil</title><iframe src="${page(entryPoint)}"></iframe><script src="${page(entryPoint)}.js"></script>`;
    await seen.goto(evil.url);
    await (await seen.waitForSelector('#rapport-webchat >>> button')).click();
    await until('both frames are refused', async () => {
      const inner = seen.frames().filter((frame) => frame !== seen.mainFrame());
      return inner.length === 2 && inner.every((frame) => frame.url().startsWith('chrome-error:'));
    });
    const said = await seen.evaluate(
      async (graphql, id) => {
        const body = JSON.stringify({ query: `{ webChat(entryPointId: "${id}") { name } }` });
        const ask = (init) =>
          fetch(graphql, { method: 'POST', body, ...init }).then(
            (answer) => answer.type,
            (error) => error.name,
          );
        const socket = new Promise((done) => {
          const socket = new WebSocket(graphql.replace('http', 'ws'), 'graphql-transport-ws');
          socket.onopen = () => done('open');
          socket.onclose = () => done('closed');
        });
        const json = await ask({ headers: { 'content-type': 'application/json' } });
        return [json, await ask({ mode: 'no-cors' }), await socket];
      },
      `${line.url}/graphql`,
      entryPoint,
    );
    // A request without a preflight gives no readable answer, and the server accepts only JSON.
    assert.deepEqual(said, ['TypeError', 'opaque', 'closed']);
    const refusals = () => visitor.noticed.filter((text) => text.includes('frame-ancestors')).length;
    await until('the browser says of both frames why', () => refusals() >= 2);
    visitor.noticed = [];
    await visitor.leave();
  }
  evil.stop();
  other.stop();
}
