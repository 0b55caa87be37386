// Drives the GraphQL console in a real browser like a person: reads the documentation, signs in, queries and
// subscribes.
//
//   node graphiql.mjs http://127.0.0.1:8080
//
// The server must contain the demo organization. CHROMIUM names the browser when it is not in a usual place, and
// SCREENSHOTS a folder for pictures. Exits with 0 on success, else with 1 and the reason.
import assert from 'node:assert/strict';
import { join } from 'node:path';

import { launch } from './chromium.mjs';

const base = URL.canParse(process.argv[2] ?? '') && new URL(process.argv[2]);
if (!base) {
  console.error('usage: node graphiql.mjs URL');
  process.exit(1);
}

// The visible one of the two editors below the query. At first it is the editor of the headers.
const HEADERS = '.graphiql-editor-tool .graphiql-editor:not(.hidden)';

const browser = await launch(base.hostname);
const { page, noticed, sockets } = await open();
try {
  await drive(page, sockets);
  assert.deepEqual(noticed.violations, [], 'the content security policy was violated');
  assert.deepEqual(noticed.elsewhere, [], 'something was asked of another host');
  assert.deepEqual(noticed.complaints, [], 'the browser complained');
  console.log('The console works.');
} catch (error) {
  await picture(page, 'failure').catch(() => {});
  console.error(`The console does not work. ${error.stack}`);
  process.exitCode = 1;
} finally {
  await browser.close();
}

/** A page that records its WebSockets and everything that must not happen. */
async function open() {
  const page = await browser.newPage();
  page.setDefaultTimeout(10_000);
  await page.setViewport({ width: 1400, height: 900 });

  const noticed = { complaints: [], elsewhere: [], violations: [] };
  page.on('pageerror', (error) => noticed.complaints.push(String(error)));
  page.on('console', (message) => {
    if (['error', 'warn'].includes(message.type())) {
      noticed.complaints.push(message.text());
    }
  });
  await page.setRequestInterception(true);
  page.on('request', (request) => {
    const { protocol, host } = new URL(request.url());
    if (protocol === 'data:' || host === base.host) {
      request.continue();
    } else {
      noticed.elsewhere.push(request.url());
      request.abort();
    }
  });
  await page.exposeFunction('noteViolation', (violation) => noticed.violations.push(violation));
  await page.evaluateOnNewDocument(() => {
    addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI, sourceFile, lineNumber }) =>
      window.noteViolation(`${violatedDirective} ${blockedURI} ${sourceFile}:${lineNumber}`),
    );
  });

  const sockets = new Map();
  const network = await page.createCDPSession();
  await network.send('Network.enable');
  network.on('Network.webSocketCreated', ({ requestId, url }) => {
    sockets.set(requestId, { url, sent: [], open: true });
    if (new URL(url).host !== base.host) {
      noticed.elsewhere.push(url);
    }
  });
  network.on('Network.webSocketHandshakeResponseReceived', ({ requestId, response }) => {
    const name = Object.keys(response.headers).find((name) => name.toLowerCase() === 'sec-websocket-protocol');
    sockets.get(requestId).protocol = response.headers[name];
  });
  network.on('Network.webSocketFrameSent', ({ requestId, response }) => {
    if (response.opcode === 1) {
      sockets.get(requestId).sent.push(JSON.parse(response.payloadData));
    }
  });
  network.on('Network.webSocketClosed', ({ requestId }) => {
    // The message may be older than the clearing of the records.
    const socket = sockets.get(requestId);
    if (socket) {
      socket.open = false;
    }
  });
  return { page, noticed, sockets };
}

async function drive(page, sockets) {
  await page.goto(base.href);
  assert.equal(await page.title(), 'Rapport');
  await page.waitForSelector('.graphiql-query-editor .CodeMirror');
  await picture(page, 'start');

  await readDocumentation(page);
  await openDialogs(page);
  await complete(page);

  // Without a token a subscription is refused, and the console shows the refusal at once.
  await run(page, 'IncomingRequests');
  await response(page, /UNAUTHENTICATED/);
  await picture(page, 'refused');

  await run(page, 'SignIn');
  const { data } = JSON.parse(await response(page, /"accessToken": "/));
  const jane = data.signIn.accessToken;
  await setHeaders(page, { Authorization: `Bearer ${jane}` });
  await run(page, 'Me');
  await response(page, /"displayName": "Jane/);
  await picture(page, 'query');

  const richard = await signIn('richard');
  await separate(richard);

  sockets.clear();
  await run(page, 'IncomingRequests');
  await response(page, /"SubscriptionStarted"/);
  const message = `Hello at ${Date.now()}`;
  const request = await requestConnection(richard, message);
  const received = await response(page, new RegExp(message));
  assert.match(received, /"ConnectionRequestReceived"/);
  await picture(page, 'subscription');
  await withdraw(richard, request);
  await response(page, /"WITHDRAWN"/);
  await stop(page);

  // Another user's token opens another socket, and the first socket closes.
  await setHeaders(page, { authorization: `Bearer ${richard}` });
  await run(page, 'IncomingRequests');
  await response(page, /"SubscriptionStarted"/);
  const [first, second, ...more] = [...sockets.values()];
  assert.deepEqual(more, [], 'more sockets than authorizations');
  for (const [socket, token] of [[first, jane], [second, richard]]) {
    assert.equal(socket.protocol, 'graphql-transport-ws');
    assert.equal(new URL(socket.url).pathname, '/graphql');
    assert.deepEqual(socket.sent[0], { type: 'connection_init', payload: { authorization: `Bearer ${token}` } });
  }
  for (let tries = 0; first.open; tries += 1) {
    assert.ok(tries < 100, 'the first socket stays behind');
    await new Promise((done) => setTimeout(done, 50));
  }
  assert.ok(second.open);
  await stop(page);

  // The typed text survives a reload, and the token does not.
  await page.reload();
  await page.waitForSelector('.graphiql-query-editor .CodeMirror');
  assert.match(await content(page, '.graphiql-query-editor'), /mutation SignIn/);
  assert.equal(await content(page, HEADERS), '');
  const kept = await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }));
  assert.ok(!kept.includes(jane) && !kept.includes(richard), 'a token was written down');
}

async function readDocumentation(page) {
  await page.click('[aria-label="Show Documentation Explorer"]');
  await page.waitForSelector('.graphiql-doc-explorer-root-type, .graphiql-doc-explorer-type-name');
  await choose(page, '.graphiql-doc-explorer-content a', 'Query');
  await see(page, '.graphiql-doc-explorer-content', 'connectionRequests');
  await picture(page, 'documentation');
  await page.type('.graphiql-doc-explorer-search-input input', 'signIn');
  await see(page, '[role="listbox"]', 'Mutation.signIn');
  await picture(page, 'search');
  await choose(page, '[role="option"]', 'Mutation.signIn');
  await see(page, '.graphiql-doc-explorer-content', 'Signs in with a handle and a password');
  await page.click('[aria-label="Hide Documentation Explorer"]');
}

/** Dialogs, tooltips and panels create styles at run time. */
async function openDialogs(page) {
  for (const name of ['settings', 'short keys']) {
    await page.click(`[aria-label="Open ${name} dialog"]`);
    await page.waitForSelector('[role="dialog"]');
    await picture(page, name.replace(' ', '-'));
    await page.keyboard.press('Escape');
    await page.waitForSelector('[role="dialog"]', { hidden: true });
  }
  await page.hover('[aria-label="Show History"]');
  await see(page, '[role="tooltip"]', 'Show History');
  await page.click('[aria-label="Show History"]');
  await page.waitForSelector('.graphiql-history');
  await page.click('[aria-label="Hide History"]');
}

/** Uses a separate tab, so that the operations of the first one stay complete. */
async function complete(page) {
  await page.click('.graphiql-tab-add');
  await page.click('.graphiql-query-editor .CodeMirror');
  await page.keyboard.down('Control');
  await page.keyboard.press('a');
  await page.keyboard.up('Control');
  await page.keyboard.sendCharacter('{ con');
  await page.keyboard.down('Control');
  await page.keyboard.press('Space');
  await page.keyboard.up('Control');
  await see(page, '.CodeMirror-hints', 'connectionRequests');
  await picture(page, 'completion');
  // The type beside the hint links to its documentation. The position of the hint among the others depends on the
  // schema.
  const chosen = () => page.$eval('.CodeMirror-hint-active', (hint) => hint.textContent);
  for (let tries = 0; tries === 0 || !(await chosen()).includes('connectionRequests'); tries += 1) {
    assert.ok(tries < 20, 'the hint cannot be reached by keys');
    await page.keyboard.press('ArrowDown');
  }
  await page.waitForSelector('.CodeMirror-hint-information-type-name');
  await page.click('.CodeMirror-hint-information-type-name');
  await see(page, '.graphiql-doc-explorer-title', 'Connection');
  await page.keyboard.press('Escape');
  await page.click('[aria-label="Hide Documentation Explorer"]');
  await page.hover('.graphiql-query-editor .cm-property, .graphiql-query-editor .cm-invalidchar');
  await page.waitForSelector('.CodeMirror-lint-tooltip, .CodeMirror-info');
  await picture(page, 'tip');
  await page.click('.graphiql-tab-active .graphiql-tab-close');
}

/** Chooses an operation by name from the menu of the button with the triangle. */
async function run(page, operation) {
  // The button has a menu only after the editor has read its document.
  await page.waitForSelector('.graphiql-execute-button[aria-haspopup="menu"]');
  await page.click('.graphiql-execute-button');
  await page.waitForSelector('[role="menuitem"]');
  await picture(page, 'menu');
  await choose(page, '[role="menuitem"]', operation);
}

async function stop(page) {
  await page.click('.graphiql-execute-button[aria-label^="Stop"]');
  await page.waitForSelector('.graphiql-execute-button[aria-label^="Execute"]');
}

async function setHeaders(page, headers) {
  await page.click(`${HEADERS} .CodeMirror`);
  await page.keyboard.down('Control');
  await page.keyboard.press('a');
  await page.keyboard.up('Control');
  await page.keyboard.sendCharacter(JSON.stringify(headers));
  assert.equal(await content(page, HEADERS), JSON.stringify(headers));
}

function content(page, editor) {
  return page.$eval(`${editor} .CodeMirror`, (element) => element.CodeMirror.getValue());
}

/** Returns the text of the response pane once it matches. */
async function response(page, pattern) {
  const source = pattern.source;
  const shown = (source) => {
    const text = document.querySelector('.result-window .CodeMirror')?.CodeMirror.getValue() ?? '';
    return new RegExp(source).test(text) && text;
  };
  try {
    return await (await page.waitForFunction(shown, {}, source)).jsonValue();
  } catch {
    assert.fail(`the response does not match ${pattern}:\n${await content(page, '.result-window')}`);
  }
}

async function see(page, selector, text) {
  const seen = (selector, text) => document.querySelector(selector)?.textContent.includes(text);
  try {
    await page.waitForFunction(seen, {}, selector, text);
  } catch {
    assert.fail(`${selector} does not show ${text}`);
  }
}

/** Clicks on the element with exactly this text. */
async function choose(page, selector, text) {
  for (const element of await page.$$(selector)) {
    if ((await element.evaluate((element) => element.textContent)) === text) {
      await element.click();
      return;
    }
  }
  assert.fail(`no ${selector} is called ${text}`);
}

async function picture(page, name) {
  if (process.env.SCREENSHOTS) {
    await page.screenshot({ path: join(process.env.SCREENSHOTS, `graphiql-${name}.png`) });
  }
}

/** Calls the API without the browser. */
async function ask(token, query, variables) {
  const answer = await fetch(new URL('/graphql', base), {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await answer.json();
  assert.equal(errors, undefined, JSON.stringify(errors));
  return data;
}

async function signIn(handle) {
  const { signIn } = await ask(
    null,
    'mutation($handle: String!) { signIn(input: {handle: $handle, password: "rapport"}) { accessToken } }',
    { handle },
  );
  return signIn.accessToken;
}

/** Makes Richard and Jane strangers, whatever an earlier run left. */
async function separate(richard) {
  const { user } = await ask(richard, '{ user(handle: "jane") { id relationship { connection request { id } } } }');
  const { connection, request } = user.relationship;
  if (connection === 'REQUEST_SENT') {
    await withdraw(richard, request.id);
  } else if (connection === 'CONNECTED') {
    await ask(richard, 'mutation($id: ID!) { disconnect(input: {userId: $id}) { outcome } }', { id: user.id });
  }
}

/** Sends a connection request to Jane. Returns its id. */
async function requestConnection(richard, message) {
  const { user } = await ask(richard, '{ user(handle: "jane") { id } }');
  const { requestConnection } = await ask(
    richard,
    `mutation($id: ID!, $message: String) {
      requestConnection(input: {userId: $id, message: $message}) { outcome request { id } userErrors { message } }
    }`,
    { id: user.id, message },
  );
  assert.equal(requestConnection.outcome, 'APPLIED', JSON.stringify(requestConnection.userErrors));
  return requestConnection.request.id;
}

async function withdraw(richard, id) {
  const { withdrawConnectionRequest } = await ask(
    richard,
    'mutation($id: ID!) { withdrawConnectionRequest(input: {requestId: $id}) { outcome userErrors { message } } }',
    { id },
  );
  assert.equal(withdrawConnectionRequest.outcome, 'APPLIED', JSON.stringify(withdrawConnectionRequest.userErrors));
}
