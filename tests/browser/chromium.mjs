// Starts the installed browser so that only host names of this machine resolve.
import { existsSync } from 'node:fs';

import puppeteer from 'puppeteer-core';

/** Returns the path of the browser. */
export function chromium() {
  const usual = [
    '/usr/bin/chromium',
    '/usr/bin/chromium-browser',
    '/usr/bin/google-chrome',
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
  ];
  const found = process.env.CHROMIUM ?? usual.find(existsSync);
  if (!found) {
    console.error('No Chromium found; set CHROMIUM to its path.');
    process.exit(1);
  }
  return found;
}

/** Starts a browser for a server on this host. */
export function launch(host) {
  const args = ['--no-sandbox', `--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE ${host}`];
  return puppeteer.launch({ executablePath: chromium(), args });
}
