// PostgreSQL and Kafka, started by the same program of ours that the end-to-end tests use.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { run } from './process.mjs';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

export class Backbone {
  /** Starts both; Kafka with so many nodes. */
  static async start(nodes = 1) {
    const backbone = new Backbone();
    const binary = process.env.SIGMA_BACKBONE ?? join(process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target'), 'debug/backbone');
    if (!process.env.SIGMA_BACKBONE) await run('cargo', ['build', '--quiet', '--package', 'end-to-end', '--bin', 'backbone'], { cwd: ROOT });
    // It ends, and ends both, when we are gone and its input with us.
    backbone.child = spawn(binary, [String(nodes)], { stdio: ['pipe', 'pipe', 'inherit'] });
    backbone.lines = createInterface({ input: backbone.child.stdout })[Symbol.asyncIterator]();
    Object.assign(backbone, JSON.parse(await backbone.#line()));
    return backbone;
  }

  async #line() {
    const { value, done } = await this.lines.next();
    if (done) throw new Error('the backbone has ended');
    return value;
  }

  /** Has a command done; answers the lines of its answer. */
  async #ask(command) {
    this.child.stdin.write(`${command}\n`);
    const lines = [];
    for (;;) {
      const line = await this.#line();
      if (line === 'done') return lines;
      lines.push(line);
    }
  }

  kill(node = 0) { return this.#ask(`kill ${node}`); }
  restart(node = 0) { return this.#ask(`restart ${node}`); }
  async events() { return (await this.#ask('events')).map((line) => JSON.parse(line)); }

  async end() {
    const ended = new Promise((resolve) => { this.child.once('exit', resolve); });
    this.child.stdin.end();
    await ended;
  }
}
