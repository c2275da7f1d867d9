// An S3 of our own: PyPI's moto, on loopback. It keeps everything in memory, so that it goes away by being stopped where it stands, or
// by closing its door: what is behind it stays.
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from './platform.mjs';
import { endWithUs, eventually, Program } from './process.mjs';

const PYTHON = process.env.SIGMA_TEST_PYTHON ?? join(fileURLToPath(new URL('../../../', import.meta.url)), '.tools/python/bin/python');

export class Bucket {
  /** Starts the store, makes the bucket and opens a door before it. */
  static async start() {
    const bucket = new Bucket();
    const port = await freePort();
    bucket.program = new Program(PYTHON, ['-m', 'moto.server', '-H', '127.0.0.1', '-p', String(port)]);
    bucket.behind = `http://127.0.0.1:${port}`;
    bucket.sockets = new Set();
    bucket.port = await freePort();
    await eventually('the bucket is made', 60_000, () => fetch(`${bucket.behind}/recordings`, { method: 'PUT' }).then((answer) => answer.ok, () => false));
    bucket.target = port;
    await bucket.open();
    endWithUs(bucket);
    return bucket;
  }

  /** How a platform is started that keeps its recordings here. */
  get options() {
    return {
      flags: ['--objects', 's3://recordings/of/proofs'],
      env: { AWS_ENDPOINT_URL: `http://127.0.0.1:${this.port}`, AWS_REGION: 'us-east-1', AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' },
    };
  }

  /** Takes connections. */
  open() {
    this.server = createServer((socket) => {
      const other = connect(this.target, '127.0.0.1');
      for (const [from, to] of [[socket, other], [other, socket]]) {
        this.sockets.add(from);
        from.on('error', () => to.destroy());
        from.on('close', () => { this.sockets.delete(from); to.destroy(); });
        from.pipe(to);
      }
    });
    return new Promise((resolve) => { this.server.listen(this.port, '127.0.0.1', resolve); });
  }

  /** Its door is closed and every connection broken. */
  close() {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }

  /** It takes connections and answers none. */
  freeze() { this.program.signal('SIGSTOP'); }

  thaw() { this.program.signal('SIGCONT'); }

  /** Every key that it holds, with its size. */
  async keys() {
    const found = new Map();
    for (let after = ''; after !== undefined;) {
      const query = `list-type=2&max-keys=1000${after === '' ? '' : `&continuation-token=${encodeURIComponent(after)}`}`;
      const text = await (await fetch(`${this.behind}/recordings?${query}`)).text();
      for (const [, key, size] of text.matchAll(/<Contents>.*?<Key>(.*?)<\/Key>.*?<Size>(\d+)<\/Size>.*?<\/Contents>/gs)) found.set(key, Number(size));
      after = /<NextContinuationToken>(.*?)<\/NextContinuationToken>/.exec(text)?.[1];
    }
    return found;
  }

  async end() { this.close(); }
}
