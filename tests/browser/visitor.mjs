// A customer in a browser: a page that records everything that must not happen, and the actions on it.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const pictures = process.env.SCREENSHOTS ?? 'screenshots';
mkdirSync(pictures, { recursive: true });
/** The slowdown of the customer's machine. */
const SLOWER = Number(process.env.SLOWER ?? 1);

const WIDTHS = [320, 1280];
/** The browser's messages about a missing network are expected. */
const EXPECTED = /ERR_INTERNET_DISCONNECTED|ERR_EMPTY_RESPONSE|ERR_CONNECTION|ERR_SOCKET|WebSocket connection to/;

export class Visitor {
  /** Creates a visitor with a separate browser and a language. */
  static async come(browser, language = 'en-GB') {
    const context = await browser.createBrowserContext();
    const page = await context.newPage();
    page.setDefaultTimeout(15_000);
    const visitor = new Visitor();
    Object.assign(visitor, { context, page, language: language.slice(0, 2), noticed: [] });
    page.on('pageerror', (error) => visitor.noticed.push(String(error)));
    page.on('console', (message) => {
      if (['error', 'warn'].includes(message.type()) && !EXPECTED.test(message.text())) {
        visitor.noticed.push(message.text());
      }
    });
    await page.exposeFunction('noteViolation', (violation) => visitor.noticed.push(violation));
    await page.evaluateOnNewDocument(() => {
      window.hacked = () => window.noteViolation('a script of a text has run');
      addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI, sourceFile, lineNumber }) =>
        window.noteViolation(`${violatedDirective} ${blockedURI} ${sourceFile}:${lineNumber}`),
      );
    });
    const userAgent = await browser.userAgent();
    const session = await page.createCDPSession();
    await session.send('Network.setUserAgentOverride', { userAgent, acceptLanguage: language });
    await page.setViewport({ width: 1280, height: 800 });
    await page.emulateCPUThrottling(SLOWER);
    return visitor;
  }

  async leave() {
    assert.deepEqual(this.noticed, [], 'something happened that should not');
    await this.context.close();
  }

  /** Fills form fields by the start of their labels. */
  async fill(values) {
    for (const [label, value] of Object.entries(values)) {
      const field = await this.field(label);
      const name = await field.evaluate((element) => element.localName);
      if (name === 'select') {
        await field.select(value);
      } else {
        await field.evaluate((element) => (element.value = ''));
        await field.type(value);
      }
    }
  }

  async field(label) {
    const field = await this.page.evaluateHandle((label) => {
      const labels = [...document.querySelectorAll('label')];
      return labels.find(({ textContent }) => textContent.startsWith(label))?.control ?? null;
    }, label);
    assert.ok(field.asElement(), `no field is called ${label}`);
    return field.asElement();
  }

  /** Returns the error message of a field. */
  async error(label) {
    const field = await this.field(label);
    return field.evaluate((element) => {
      const ids = element.getAttribute('aria-describedby').split(' ');
      const texts = ids.map((id) => document.getElementById(id)).filter((one) => one.classList.contains('error'));
      return element.getAttribute('aria-invalid') === 'true'
        ? texts.map(({ textContent }) => textContent).join('')
        : '';
    });
  }

  /** Types a message like a person and presses Enter. */
  async write(text) {
    await this.page.focus('#box');
    const [first, ...lines] = text.split('\n');
    await this.page.keyboard.type(first);
    for (const line of lines) {
      await this.page.keyboard.down('Shift');
      await this.page.keyboard.press('Enter');
      await this.page.keyboard.up('Shift');
      await this.page.keyboard.type(line);
    }
    await this.page.keyboard.press('Enter');
  }

  async click(selector) {
    await this.page.waitForSelector(selector, { visible: true });
    await this.page.click(selector);
  }

  /** Waits until an element shows a text. */
  async see(selector, text) {
    const seen = (selector, text) => {
      const found = document.querySelector(selector);
      return found?.checkVisibility() && found.innerText.includes(text);
    };
    try {
      await this.page.waitForFunction(seen, { polling: 50 }, selector, text);
    } catch {
      const shown = await this.page.evaluate((selector) => document.querySelector(selector)?.innerText, selector);
      assert.fail(`${selector} does not show ${text}, but ${shown}`);
    }
  }

  /** Returns the texts of all messages, from top to bottom. */
  messages() {
    return this.page.$$eval('.message .bubble', (all) => all.map(({ textContent }) => textContent));
  }

  /** Waits until the messages are exactly these. */
  async reads(expected) {
    const same = (expected) =>
      JSON.stringify([...document.querySelectorAll('.message .bubble')].map(({ textContent }) => textContent)) ===
      expected;
    try {
      await this.page.waitForFunction(same, { polling: 50 }, JSON.stringify(expected));
    } catch {
      assert.deepEqual(await this.messages(), expected);
    }
  }

  /** Checks that the end of the conversation is visible in narrow and wide windows until the customer scrolls up. */
  async follows() {
    for (const width of [...WIDTHS, ...WIDTHS, WIDTHS[0]]) {
      await this.page.setViewport({ width, height: 420 });
      await this.rest();
      assert.ok((await this.below()) < 2, `what was said last is in sight at ${width}`);
    }
    await this.page.$eval('.log', (log) => log.scrollTo(0, 0));
    await this.rest();
    assert.ok((await this.below()) > 100, 'who reads what was before goes on reading it');
    await this.page.$eval('.log', (log) => log.scrollTo(0, log.scrollHeight));
    await this.rest();
    await this.page.setViewport({ width: 1280, height: 800 });
  }

  /** Returns the height of the conversation below the visible part, in pixels. */
  below() {
    return this.page.$eval('.log', (log) => log.scrollHeight - log.scrollTop - log.clientHeight);
  }

  /** Waits until the page's current state is laid out and drawn. */
  rest() {
    const frames = () =>
      new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 100))));
    return this.page.evaluate(frames);
  }

  /** Returns the status text below the last own message. */
  async state(text) {
    const seen = (text) => [...document.querySelectorAll('.own .meta')].at(-1)?.textContent.includes(text);
    try {
      await this.page.waitForFunction(seen, { polling: 50 }, text);
    } catch {
      const all = await this.page.$$eval('.own .meta', (all) => all.map(({ textContent }) => textContent));
      assert.fail(`the last own message is not ${text}: ${all}`);
    }
  }

  /**
   * Checks the page in light and dark, narrow and wide: no accessibility violation and no overflow. Takes a picture of
   * each.
   */
  async look(name) {
    for (const scheme of ['light', 'dark']) {
      await this.page.emulateMediaFeatures([
        { name: 'prefers-color-scheme', value: scheme },
        { name: 'prefers-reduced-motion', value: 'reduce' },
      ]);
      for (const width of WIDTHS) {
        await this.page.setViewport({ width, height: width < 500 ? 640 : 800 });
        await this.rest();
        await this.picture(`${name}-${scheme}-${width}`);
        const beyond = await this.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        assert.ok(beyond <= 0, `${name} is ${beyond} pixels too wide at ${width}`);
        await this.audit(`${name} ${scheme} ${width}`);
      }
    }
    await this.page.emulateMediaFeatures([]);
    await this.page.setViewport({ width: 1280, height: 800 });
  }

  async audit(name) {
    // Checks each frame separately, because frames of different origins cannot access each other.
    for (const frame of this.page.frames()) {
      await frame.evaluate(axe);
      const { violations } = await frame.evaluate(() =>
        window.axe.run(document, { resultTypes: ['violations'], iframes: false }),
      );
      const told = violations.map(
        ({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join('; ')}`,
      );
      assert.deepEqual(told, [], `${name} can be used by everybody`);
    }
  }

  async picture(name) {
    await this.page.screenshot({ path: join(pictures, `${this.language}-${name}.png`) });
  }
}
