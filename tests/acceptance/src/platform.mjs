// The binary under test, on free loopback ports and a data folder of its own, and a client of its API.
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Backbone } from './backbone.mjs';
import { eventually, Program, temporaryFolder } from './process.mjs';

export const BINARY = process.env.SIGMA_BINARY ?? fileURLToPath(new URL('../../../target/release/sigma', import.meta.url));

/** So many loopback ports that are free at the moment: all are held until all are drawn, so that none is drawn twice. */
export async function freePorts(count) {
  const servers = await Promise.all(Array.from({ length: count }, () => new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve(server));
  })));
  return Promise.all(servers.map((server) => new Promise((resolve) => { const { port } = server.address(); server.close(() => resolve(port)); })));
}

export async function freePort() {
  const [port] = await freePorts(1);
  return port;
}

/** Where it is a number of nodes of Kafka, platforms keep everything in PostgreSQL and Kafka, each in its own; else in their data folders. */
export const BACKBONE = Number(process.env.SIGMA_ACCEPTANCE_BACKBONE ?? 0);

export class Platform {
  /** Starts one and waits until it is ready. */
  static async start({ flags = [], data, folder, wrapper = [], env = {} } = {}) {
    if (!existsSync(BINARY)) throw new Error(`${BINARY} is missing: make build`);
    const platform = new Platform();
    const backbone = BACKBONE > 0 && env.SIGMA_EVENT_STORE === undefined ? (await Backbone.start(BACKBONE)).options : { flags: [], env: {} };
    platform.folder = folder ?? temporaryFolder('acceptance');
    /** A command, with its arguments, that starts the binary, and what its environment has beside ours. */
    platform.wrapper = wrapper;
    platform.env = { ...backbone.env, ...env };
    platform.data = data ?? join(platform.folder, 'data');
    [platform.http, platform.rtmp] = (await freePorts(2)).map((port) => `127.0.0.1:${port}`);
    platform.flags = [...backbone.flags, ...flags];
    await platform.launch();
    return platform;
  }

  get arguments() { return ['serve', '--http', this.http, '--rtmp', this.rtmp, '--data-dir', this.data, ...this.flags]; }

  /** Starts the binary on the same folder and ports; waits until it is ready. */
  async launch() {
    this.spawn();
    await this.whenReady();
  }

  /** Starts the binary and waits for nothing. */
  spawn() {
    const { SIGMA_ADMIN_TOKEN: _, ...env } = process.env;
    this.startedAt = Date.now();
    const [command, ...before] = [...this.wrapper, BINARY];
    this.program = new Program(command, [...before, ...this.arguments], { env: { ...env, ...this.env }, cwd: this.folder, log: join(this.folder, 'sigma.log') });
  }

  /** Waits until it says that it is ready, or that it is and something is amiss. */
  async whenReady(withinMs = 20_000) {
    await eventually('the platform is ready', withinMs, async () => {
      if (!this.program.isRunning) throw new Error(`the platform ended with ${this.program.code}:\n${this.log.slice(-2000)}`);
      return fetch(this.url('/readyz')).then((answer) => answer.ok, () => false);
    }, 50);
  }

  /** What `/readyz` says: its status, and each component that is not ready with its message. */
  async readiness() {
    const answer = await fetch(this.url('/readyz'), { signal: AbortSignal.timeout(10_000) });
    const { status, components } = await answer.json();
    return { code: answer.status, status, amiss: components.filter((component) => component.status !== 'ready') };
  }

  /** One figure of `/metrics`: the sum of its series. */
  async figure(name) {
    const text = await (await fetch(this.url('/metrics'))).text();
    const lines = text.split('\n').filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  }

  get log() { return this.program.words; }
  get token() { return readFileSync(join(this.data, 'admin-token'), 'utf8').trim(); }
  url(path) { return `http://${this.http}${path}`; }
  pushUrl(key) { return `rtmp://${this.rtmp}/live/${key}`; }
  kill() { return this.program.end('SIGKILL'); }

  /** Processor time used so far, in seconds, and resident memory in MB. */
  usage() {
    const fields = readFileSync(`/proc/${this.program.pid}/stat`, 'utf8').split(') ')[1].split(' ');
    const memory = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${this.program.pid}/status`, 'utf8'));
    return { seconds: (Number(fields[11]) + Number(fields[12])) / 100, megabytes: Math.round(Number(memory?.[1] ?? 0) / 1024) };
  }

  /** Asks the API with the admin token; throws what it answers as errors. */
  async graphql(query, variables = {}) {
    const answer = await fetch(this.url('/graphql'), {
      method: 'POST', headers: { 'content-type': 'application/json', authorization: `Bearer ${this.token}` }, body: JSON.stringify({ query, variables }),
    });
    const body = await answer.json();
    if (body.errors) throw new Error(JSON.stringify(body.errors));
    return body.data;
  }

  /** Makes a channel; `settings` are further fields of CreateChannelInput. */
  async channel(name, settings = {}) {
    const { createChannel: { streamKey, channel } } = await this.graphql(
      'mutation($input: CreateChannelInput!) { createChannel(input: $input) { streamKey channel { id playbackId } } }', { input: { name, ...settings } });
    return { ...channel, name, key: streamKey, push: this.pushUrl(streamKey), playlist: this.url(`/live/${channel.playbackId}/index.m3u8`), watch: this.url(`/watch/${channel.playbackId}`) };
  }

  /** The channel's sessions, newest first. */
  async sessions(channel) {
    const { sessions } = await this.graphql(
      'query($id: ID!) { sessions(channelId: $id, first: 100) { nodes { id state startedAt liveAt endedAt endReason playbackUrl input { protocol videoCodec width height frameRate audioCodec } } } }',
      { id: channel.id });
    return sessions.nodes;
  }

  /** Waits until the newest session is in a state; answers it. */
  whenState(channel, state, withinMs = 30_000) {
    return eventually(`${channel.name} is ${state}`, withinMs, async () => {
      const [session] = await this.sessions(channel);
      return session?.state === state ? session : undefined;
    });
  }

  /** Waits until its playlist can be played. */
  whenPlayable(channel, withinMs = 60_000) {
    return eventually(`${channel.name} can be played`, withinMs, async () => (await fetch(channel.playlist)).ok);
  }
}
