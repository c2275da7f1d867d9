// Child processes: started with their words kept in a file, and all ended with us.
import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const running = new Set();
const folders = [];

/** A temporary folder that is removed with us (kept when SIGMA_KEEP is set). */
export function temporaryFolder(name) {
  const folder = mkdtempSync(join(tmpdir(), `sigma-${name}-`));
  folders.push(folder);
  return folder;
}

/** A running program. */
export class Program {
  /**
   * @param {string} command
   * @param {string[]} args
   * @param {import('node:child_process').SpawnOptions & {log?: string}} [options] `log`: a file that gets stdout and stderr
   */
  constructor(command, args, { log, ...options } = {}) {
    this.startedAt = Date.now();
    this.logFile = log ?? join(temporaryFolder('words'), 'words.log');
    const file = openSync(this.logFile, 'a');
    this.child = spawn(command, args, { stdio: ['ignore', file, file], ...options });
    closeSync(file);
    this.code = undefined;
    running.add(this);
    this.ended = new Promise((resolve) => {
      const done = (code) => { this.code = code; running.delete(this); resolve(code); };
      this.child.once('exit', (code, signal) => done(code ?? signal));
      this.child.once('error', (error) => done(String(error)));
    });
  }

  get pid() { return this.child.pid; }
  get isRunning() { return this.code === undefined; }
  /** What it said so far. */
  get words() { return readFileSync(this.logFile, 'utf8'); }

  /** Sends a signal and waits for the end; answers the exit code or the signal's name. */
  async end(signal = 'SIGKILL', withinMs = 20_000) {
    if (this.isRunning) this.child.kill(signal);
    const late = setTimeout(() => this.child.kill('SIGKILL'), withinMs);
    const code = await this.ended;
    clearTimeout(late);
    return code;
  }

  signal(name) { this.child.kill(name); }
}

/** Runs a program to its end; throws with its words when it fails. */
export async function run(command, args, options = {}) {
  const program = new Program(command, args, options);
  const code = await program.ended;
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}:\n${program.words.slice(-3000)}`);
  return program.words;
}

/** Runs a program to its end and answers its exit code, its stdout and its stderr. */
export function outcome(command, args, options = {}) {
  return new Promise((resolve) => {
    const began = Date.now();
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (text) => { stdout += text; });
    child.stderr.on('data', (text) => { stderr += text; });
    const late = setTimeout(() => child.kill('SIGKILL'), options.withinMs ?? 600_000);
    const done = (code) => { clearTimeout(late); resolve({ code, stdout, stderr, ms: Date.now() - began }); };
    child.once('error', (error) => done(String(error)));
    child.once('close', (code, signal) => done(code ?? signal));
  });
}

/** Has something that has `end` ended with us; answers how to say that it has ended before. */
export function endWithUs(thing) {
  running.add(thing);
  return () => running.delete(thing);
}

/** Ends all that runs and removes what was temporary. */
export async function endAll() {
  await Promise.all([...running].map((program) => program.end('SIGKILL')));
  if (process.env.SIGMA_KEEP) return;
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}

export const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/** Asks until there is an answer; throws after `withinMs`. */
export async function eventually(what, withinMs, ask, everyMs = 100) {
  const until = Date.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > until) throw new Error(`not in ${withinMs} ms: ${what}`);
    await sleep(everyMs);
  }
}
