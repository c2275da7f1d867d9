// PostgreSQL and Kafka, started by the same program of ours that the end-to-end tests use.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { endWithUs, run } from './process.mjs';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

export class Backbone {
  /** Starts both; Kafka with so many nodes. */
  static async start(nodes = 1) {
    const backbone = new Backbone();
    backbone.nodes = nodes;
    const binary = process.env.SIGMA_BACKBONE ?? join(process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target'), 'debug/backbone');
    if (!process.env.SIGMA_BACKBONE) await run('cargo', ['build', '--quiet', '--package', 'end-to-end', '--bin', 'backbone'], { cwd: ROOT });
    // It ends, and ends both, when we are gone and its input with us.
    backbone.child = spawn(binary, [String(nodes)], { stdio: ['pipe', 'pipe', 'inherit'] });
    backbone.forget = endWithUs(backbone);
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

  /** How a platform is started that keeps everything here. */
  get options() { return { flags: ['--kafka', this.kafka, '--kafka-partitions', '3', '--kafka-copies', String(this.nodes)], env: { SIGMA_EVENT_STORE: this.database } }; }

  kill(node = 0) { return this.#ask(`kill ${node}`); }
  restart(node = 0) { return this.#ask(`restart ${node}`); }
  async events() { return (await this.#ask('events')).map((line) => JSON.parse(line)); }

  async end() {
    this.forget();
    const ended = new Promise((resolve) => { this.child.once('exit', resolve); });
    this.child.stdin.end();
    await ended;
  }
}
