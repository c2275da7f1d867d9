// Debian's Chromium with one page, and nothing that looks into it but the questions that are asked. Playwright has Chromium
// record each page's network traffic, and the page's process then keeps the bodies of what it fetched, some hundred megabytes
// of them: no way to measure what a page that plays a stream holds.
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { FLAGS } from './browser.mjs';

const STARTS_WITHIN_MS = 20_000;

export class BarePage {
  #asked = new Map();
  #heard = new Map();
  #serial = 0;

  /** Opens a browser with an empty page. */
  static async open() {
    const page = new BarePage();
    page.profile = await mkdtemp(join(tmpdir(), 'sigma-chromium-'));
    page.browser = spawn(process.env.CHROMIUM ?? '/usr/bin/chromium',
      [...FLAGS, '--remote-debugging-port=0', `--user-data-dir=${page.profile}`, '--window-size=1280,800', 'about:blank'], { stdio: 'ignore' });
    page.ended = new Promise((resolve) => { page.browser.once('exit', resolve); });
    const target = await until('the browser has a page', STARTS_WITHIN_MS, async () => {
      const [port] = (await readFile(join(page.profile, 'DevToolsActivePort'), 'utf8').catch(() => '')).split('\n');
      if (!port) return undefined;
      const targets = await fetch(`http://127.0.0.1:${port}/json/list`).then((answer) => answer.json(), () => []);
      return targets.find(({ type }) => type === 'page');
    });
    page.socket = new WebSocket(target.webSocketDebuggerUrl, { perMessageDeflate: false });
    page.socket.on('message', (text) => page.#hear(JSON.parse(text)));
    await new Promise((resolve, reject) => { page.socket.once('open', resolve).once('error', reject); });
    return page;
  }

  #hear({ id, method, params, result, error }) {
    if (id === undefined) {
      this.#heard.get(method)?.(params);
      return;
    }
    const { resolve, reject } = this.#asked.get(id);
    this.#asked.delete(id);
    if (error) reject(new Error(error.message));
    else resolve(result);
  }

  /** A command of the DevTools protocol. */
  send(method, params = {}) {
    const id = (this.#serial += 1);
    return new Promise((resolve, reject) => {
      this.#asked.set(id, { resolve, reject });
      this.socket.send(JSON.stringify({ id, method, params }));
    });
  }

  on(method, act) { this.#heard.set(method, act); }

  /** Calls a function in the page; it and what it is given go there as text. */
  async evaluate(work, ...given) {
    const expression = `(${work})(...${JSON.stringify(given)})`;
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  /** Goes to an address and waits until `there`, called in the page, says that what is looked for stands. */
  async goTo(url, there, ...given) {
    await this.send('Page.navigate', { url });
    await until(`${url} stands`, STARTS_WITHIN_MS, () => this.evaluate(there, ...given).catch(() => undefined));
  }

  async close() {
    this.socket?.close();
    this.browser.kill();
    await this.ended;
    await rm(this.profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function until(what, withinMs, ask) {
  const by = performance.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (performance.now() > by) throw new Error(`not in ${withinMs} ms: ${what}`);
    await new Promise((resolve) => { setTimeout(resolve, 100); });
  }
}
