// An encoder whose clock runs on whether it is connected or not: it sends what its clip has for now, so that nothing is sent twice.
import { join } from 'node:path';
import { feed } from './broadcast.mjs';
import { cut } from './flv.mjs';
import { sleep, temporaryFolder } from './process.mjs';

/** How long it waits before it dials again. */
const REDIAL_MS = 1000;

export class Broadcaster {
  /** `redials`: as encoders do, after the connection broke. */
  constructor(file, url, { redials = false } = {}) {
    this.file = file;
    this.url = url;
    this.folder = temporaryFolder('broadcaster');
    this.began = Date.now();
    this.feeds = 0;
    this.wanted = redials;
    this.dial();
  }

  get seconds() { return (Date.now() - this.began) / 1000; }

  dial() {
    const from = join(this.folder, 'now.flv');
    cut(this.file, this.feeds === 0 ? 0 : this.seconds, from);
    this.feeds += 1;
    this.program = feed(from, this.url, { once: true });
    this.program.ended.then(async () => {
      if (!this.wanted) return;
      await sleep(REDIAL_MS);
      if (this.wanted) this.dial();
    });
  }

  /** It crashes, and is there again after some seconds. */
  async lose(seconds) {
    await this.program.end('SIGKILL');
    await sleep(seconds * 1000);
    this.dial();
  }

  /** It stops in order. */
  async leave() {
    this.wanted = false;
    await this.program.end('SIGINT');
  }
}
