// Tests of files in a chat: chosen and sent by the customer, sent by an agent, seen and saved on both sides.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { desk } from './desk.mjs';

/** A customer sends a picture and a table and gets a report, over a bad network. */
export async function files({ line, page, plain, arrive }) {
  const folder = mkdtempSync(join(tmpdir(), 'rapport-files-'));
  const visitor = await arrive();
  const seen = visitor.page;
  try {
    await seen.goto(page(plain));
    await visitor.see('.start', 'Your message');
    await visitor.fill({ 'Your message': 'May I send you a photo?' });
    const photo = join(folder, '사진 & <b>photo.png');
    await seen.screenshot({ path: photo });
    const table = join(folder, 'orders.csv');
    writeFileSync(table, 'number,what\n4711,"a blue one"\n');
    const program = join(folder, 'program.exe');
    writeFileSync(program, 'MZ');
    const page2 = join(folder, 'page.png');
    writeFileSync(page2, '<html><script>hacked()</script>');
    await visitor.click('.start button[type=submit]');
    await desk('accept ann');
    await visitor.see('#standing', 'Ann Archer');

    const input = await seen.waitForSelector('.composer input[type=file]');
    await input.uploadFile(photo, program, page2);
    await visitor.see('.composer', 'program.exe: Files of this type cannot be sent here.');
    await visitor.see('.files', 'The file is not what its name says.');
    await uploaded(seen, 1);
    await visitor.look('files-chosen');
    await seen.focus('#box');
    await seen.keyboard.press('Enter');
    await visitor.see('#box-error', 'Remove the files that could not be uploaded.');
    await visitor.click('.files li:nth-child(2) button');

    // The server is away while a file is uploaded. The upload goes on when it is back.
    line.cut();
    await input.uploadFile(table);
    await visitor.see('.files', 'orders.csv');
    await seen.keyboard.press('Enter');
    line.mend();
    await uploaded(seen, 2);
    await visitor.write('Here they are.');
    await seen.waitForFunction(
      () => {
        const picture = document.querySelector('.own .attached img');
        return picture?.complete && picture.naturalWidth > 0;
      },
      { polling: 50 },
    );
    await visitor.state('Sent');
    assert.deepEqual(JSON.parse(await desk('files ann')), ['사진 & <b>photo.png', 'orders.csv']);
    // A file alone is a message too.
    await input.uploadFile(table);
    await uploaded(seen, 1);
    await visitor.write('');
    await seen.waitForFunction(() => document.querySelectorAll('.own .attached li').length === 3, { polling: 50 });

    await desk('attach ann report.pdf');
    await visitor.see('.log', 'report.pdf');
    await visitor.look('files');
    await seen.reload();
    await visitor.see('.log', 'report.pdf');
    const report = await saved(visitor, '.message:not(.own) .attached a', folder, 'report.pdf');
    assert.match(report, /^%PDF-/);
    const orders = await saved(visitor, '.own .attached li:nth-child(2) a', folder, 'orders.csv');
    assert.match(orders, /4711,"a blue one"/);
    await desk('end ann');
    await visitor.see('.ended', 'This chat has ended');
    await desk('wrap ann');
    // The browser reports the refusal of the page that pretends to be a picture.
    visitor.noticed = visitor.noticed.filter((text) => !text.includes('status of 415'));
    await visitor.leave();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Waits until a number of the chosen files is uploaded and none is on its way. */
function uploaded(seen, count) {
  const ready = (count) => {
    const rows = [...document.querySelectorAll('.files li')];
    const done = rows.filter((row) => row.querySelector('progress').hidden && !row.querySelector('.error'));
    return done.length === count && rows.every((row) => row.querySelector('progress').hidden);
  };
  return seen.waitForFunction(ready, { polling: 50 }, count);
}

/** Saves a file by its link. Returns its text. */
async function saved(visitor, link, folder, name) {
  const session = await visitor.page.createCDPSession();
  const downloadPath = join(folder, `saved-${name}`);
  await session.send('Browser.setDownloadBehavior', {
    behavior: 'allow',
    downloadPath,
    browserContextId: visitor.context.id,
  });
  await visitor.click(link);
  for (let tries = 0; tries < 100; tries += 1) {
    try {
      if (readdirSync(downloadPath).includes(name)) {
        return readFileSync(join(downloadPath, name), 'latin1');
      }
    } catch {
      // The folder does not exist yet.
    }
    await new Promise((done) => setTimeout(done, 50));
  }
  return assert.fail(`${name} was not saved`);
}
