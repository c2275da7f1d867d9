// The machine's worst days: what a broadcast and its viewers notice, what is said, and whether it heals by itself.
import { existsSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { clip, Redialling } from '../broadcast.mjs';
import { MemoryGroup, OwnDisk, SmallDisk } from '../disk.mjs';
import { readModelsAreTheFold } from '../fold.mjs';
import { held } from '../held.mjs';
import { Listing } from '../lateness.mjs';
import { Platform } from '../platform.mjs';
import { eventually, sleep, temporaryFolder } from '../process.mjs';
import { watch } from '../viewer.mjs';

export const title = 'Full disk, unwritable disk, hung disk, slow disk, 64 descriptors, 256 MB, a clock that is set: what is seen on air, what is said, what heals';
const SECONDS = Number(process.env.SIGMA_FAULT_SECONDS ?? 30);
/** Viewers count as going on while media is listed at least so often. */
const GOES_ON_MS = 3000;
const FAKETIME = '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1';

/** A platform with a broadcast on air and a viewer who fetches all of it. */
class Stage {
  static async open(name, file, options = {}, settings = {}) {
    const stage = new Stage();
    stage.platform = await Platform.start(options);
    stage.channel = await stage.platform.channel(name, { latencyMode: 'ULTRA_LOW', ...settings });
    stage.encoder = new Redialling(file, stage.channel.push);
    await stage.platform.whenPlayable(stage.channel);
    stage.viewer = await watch(stage.channel);
    stage.listing = new Listing(stage.channel);
    await sleep(4000);
    stage.session = await stage.platform.whenState(stage.channel, 'LIVE');
    stage.logged = stage.platform.log.length;
    return stage;
  }

  /** Lets time go by and answers the longest time without new media. */
  async goesOn(seconds = SECONDS) {
    let longest = 0;
    const until = Date.now() + seconds * 1000;
    while (Date.now() < until) { await sleep(100); longest = Math.max(longest, Date.now() - this.viewer.mediaAt); }
    return longest;
  }

  /** New lines of the log from a level on. */
  lines(level = /WARN|ERROR/) { return this.platform.log.slice(this.logged).split('\n').filter((line) => level.test(line)).map((line) => line.replace(/^\S+\s+/, '')); }

  command(name) {
    return this.platform.graphql('mutation($input: CreateChannelInput!) { createChannel(input: $input) { channel { id } } }', { input: { name } })
      .then(() => 'done', (error) => error.message.slice(0, 300));
  }

  async healed(piece, what, withinMs = 20_000) {
    const began = Date.now();
    let now;
    await eventually('ready', withinMs, async () => { now = await this.platform.readiness().catch(() => undefined); return now?.status === 'ready'; }).catch(() => undefined);
    const took = Date.now() - began;
    const command = await this.command(`after ${what}`);
    await sleep(4000);
    const again = await this.viewer.again();
    const session = (await this.platform.sessions(this.channel))[0];
    const same = session.id === this.session.id && session.state === 'LIVE';
    piece.rule(`${what}: healed without a restart`, now?.status === 'ready' && command === 'done' && same && this.platform.program.isRunning,
      `${now?.status === 'ready' ? `ready ${took} ms after` : JSON.stringify(now)}; a command: ${command}; ${same ? 'the same session, LIVE' : `${session.id} ${session.state}`}`);
    piece.rule(`${what}: what was listed is there, numbers went on`, this.viewer.faults.length === 0 && again > 0, this.viewer.faults.slice(0, 3).join('; ') || `${again} segments fetched again, ${this.viewer.segments.size} listed, ${this.viewer.discontinuities} discontinuities`);
  }

  async close() {
    this.viewer.stop();
    await this.encoder.crash();
    const code = await this.platform.program.end('SIGTERM');
    await this.listing.stop();
    return code;
  }
}

/** What the three places say while something is wrong. */
async function said(piece, what, stage, expected) {
  const ready = await stage.platform.readiness().catch((error) => ({ status: error.message, amiss: [] }));
  const health = await stage.platform.graphql('{ health { status components { name status message } } }').then(({ health: told }) => told, (error) => ({ status: error.message.slice(0, 200) }));
  const inReady = ready.amiss.filter(({ message }) => expected.test(message ?? ''));
  const inLog = stage.lines().filter((line) => expected.test(line));
  piece.rule(`${what}: said in /readyz`, inReady.length > 0, inReady.map(({ name, status, message }) => `${name} ${status}: ${message}`).join('; ').slice(0, 500) || JSON.stringify(ready));
  piece.rule(`${what}: said in the log`, inLog.length > 0, `${inLog.length} lines of ${stage.lines().length}; ${inLog[0]?.slice(0, 250) ?? 'none'}`);
  piece.rule(`${what}: said by health`, health.components?.some(({ message }) => expected.test(message ?? '')) ?? false, String(health.status));
  return ready;
}

const ways = {
  async full(piece, file) {
    const disk = await SmallDisk.mount();
    try {
      const stage = await Stage.open('full', file, { data: join(disk.folder, 'data') });
      await disk.fill();
      const longest = await stage.goesOn();
      piece.rule('full disk: viewers go on', longest <= GOES_ON_MS && stage.viewer.faults.length === 0, `at most ${longest} ms without new media in ${SECONDS} s; ${stage.viewer.faults.slice(0, 3).join('; ')}`);
      const command = await stage.command('on a full disk');
      piece.rule('full disk: a command is refused with the reason, or done', command === 'done' || /space|UNAVAILABLE/.test(command), command);
      await said(piece, 'full disk', stage, /space|room|full/i);
      await disk.empty();
      await stage.healed(piece, 'full disk');
      piece.rule('full disk: SIGTERM exits 0', await stage.close() === 0, '');
    } finally { await disk.unmount(); }
  },

  async unwritable(piece, file) {
    const disk = await OwnDisk.mount();
    try {
      const stage = await Stage.open('unwritable', file, { data: join(disk.folder, 'data') });
      await disk.refuse();
      const longest = await stage.goesOn();
      piece.rule('unwritable disk: viewers go on', longest <= GOES_ON_MS && stage.viewer.faults.length === 0, `at most ${longest} ms without new media in ${SECONDS} s; ${stage.viewer.faults.slice(0, 3).join('; ')}`);
      const command = await stage.command('on an unwritable disk');
      piece.rule('unwritable disk: a command is refused with the reason', /UNAVAILABLE/.test(command), command);
      await said(piece, 'unwritable disk', stage, /writ|read-only|permit/i);
      await disk.take();
      await stage.healed(piece, 'unwritable disk');
      piece.rule('unwritable disk: SIGTERM exits 0', await stage.close() === 0, '');
    } finally { await disk.unmount(); }
  },

  async hung(piece, file) {
    const disk = await OwnDisk.mount();
    try {
      const stage = await Stage.open('hung', file, { data: join(disk.folder, 'data') });
      const seconds = Math.min(SECONDS, 15);
      await disk.hang();
      const asked = stage.command('on a hung disk');
      const longest = await stage.goesOn(seconds);
      const ready = await said(piece, 'hung disk', stage, /disk|answer|writ|late/i);
      await disk.goOn();
      piece.rule('hung disk: viewers go on', longest <= GOES_ON_MS && stage.viewer.faults.length === 0, `at most ${longest} ms without new media in ${seconds} s; /readyz answered ${ready.code}; ${stage.viewer.faults.slice(0, 3).join('; ')}`);
      piece.figure('hung disk: a command given meanwhile', await asked);
      await stage.healed(piece, 'hung disk');
      piece.rule('hung disk: SIGTERM exits 0', await stage.close() === 0, '');
    } finally { await disk.unmount(); }
  },

  async slow(piece, file) {
    const disk = await OwnDisk.mount();
    try {
      const stage = await Stage.open('slow', file, { data: join(disk.folder, 'data') });
      disk.slow(stage.platform.program.pid, 40_000);
      const began = stage.listing.late.length;
      const commands = [];
      const until = Date.now() + SECONDS * 1000;
      const giving = (async () => { while (Date.now() < until) { const at = Date.now(); commands.push([await stage.command(`slow ${commands.length}`), Date.now() - at]); await sleep(200); } })();
      const longest = await stage.goesOn();
      await giving;
      const late = stage.listing.late.slice(began).sort((a, b) => a - b);
      piece.rule('slow disk (40 kB/s): viewers go on', longest <= GOES_ON_MS && stage.viewer.faults.length === 0, `at most ${longest} ms without new media in ${SECONDS} s; parts late by p99 ${(late[Math.floor(late.length * 0.99)] ?? 0).toFixed(0)}, at most ${(late.at(-1) ?? 0).toFixed(0)} ms; ${stage.viewer.faults.slice(0, 3).join('; ')}`);
      const slowest = Math.max(...commands.map(([, ms]) => ms));
      piece.rule('slow disk: commands are done, late', commands.every(([answer]) => answer === 'done' || /UNAVAILABLE/.test(answer)), `${commands.filter(([answer]) => answer === 'done').length} of ${commands.length} done, the slowest after ${slowest} ms; ${commands.find(([answer]) => answer !== 'done')?.[0] ?? ''}`);
      disk.quick();
      await stage.healed(piece, 'slow disk');
      piece.rule('slow disk: SIGTERM exits 0', await stage.close() === 0, '');
    } finally { await disk.unmount(); }
  },

  async descriptors(piece, file) {
    const stage = await Stage.open('descriptors', file, { wrapper: ['prlimit', '--nofile=80:80'] });
    const before = held(stage.platform.program.pid);
    // Viewers who hold their connections: as many as there is room for, and many more.
    const [host, port] = stage.platform.http.split(':');
    const crowd = [];
    const dial = () => { const socket = connect(Number(port), host); socket.on('error', () => undefined); socket.write(`GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n`); socket.resume(); crowd.push(socket); };
    for (let index = 0; index < 200; index += 1) dial();
    const longest = await stage.goesOn(Math.min(SECONDS, 20));
    const during = held(stage.platform.program.pid);
    piece.rule('64 descriptors and 200 connections: who is on air goes on', longest <= GOES_ON_MS && stage.viewer.faults.length === 0, `at most ${longest} ms without new media; ${before.descriptors} descriptors before, ${during.descriptors} with the crowd; ${stage.viewer.faults.slice(0, 3).join('; ')}`);
    piece.rule('64 descriptors: the segment log is written', stage.lines().every((line) => !/segment log is not written/.test(line)), stage.lines().find((line) => /segment log/.test(line))?.slice(0, 250) ?? '');
    const told = stage.lines().filter((line) => /descriptor|open files|connections/i.test(line));
    piece.rule('64 descriptors: said in the log', told.length > 0, `${told.length} lines of ${stage.lines().length}; ${told[0]?.slice(0, 250) ?? ''}`);
    crowd.forEach((socket) => socket.destroy());
    await sleep(1000);
    await stage.healed(piece, '64 descriptors');
    piece.rule('64 descriptors: SIGTERM exits 0', await stage.close() === 0, '');
  },

  async memory(piece, file) {
    if (!existsSync('/sys/fs/cgroup/memory')) { piece.skip('256 MB of memory', 'no memory cgroup here'); return; }
    const group = new MemoryGroup(256 * 1024 * 1024);
    try {
      const stage = await Stage.open('memory', file);
      group.take(stage.platform.program.pid);
      const others = [];
      for (let index = 0; index < 9; index += 1) {
        const channel = await stage.platform.channel(`memory-${index}`, { latencyMode: 'ULTRA_LOW' });
        others.push(new Redialling(file, channel.push));
        await sleep(100);
      }
      // Viewers who never read what they asked for, again and again.
      const path = new URL(stage.viewer.media).pathname;
      const crowd = [...Array(1500).keys()].map(() => {
        const [host, port] = stage.platform.http.split(':');
        const socket = connect(Number(port), host);
        socket.on('error', () => undefined);
        socket.pause();
        socket.asks = setInterval(() => { if (socket.writableLength === 0) socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`); }, 500);
        socket.on('close', () => clearInterval(socket.asks));
        return socket;
      });
      const longest = await stage.goesOn();
      piece.rule('256 MB, 10 broadcasts, 1,500 deaf viewers: who is on air goes on', longest <= GOES_ON_MS && stage.viewer.faults.length === 0 && stage.platform.program.isRunning, `at most ${longest} ms without new media; ${stage.viewer.faults.slice(0, 3).join('; ')}`);
      piece.rule('256 MB: nobody is killed', group.killed === 0, `at most ${Math.round(group.most / 1048576)} MB with the page cache, ${Math.round(held(stage.platform.program.pid).anonymous / 1024)} MB of it our own; the limit was met ${group.failed} times`);
      crowd.forEach((socket) => socket.destroy());
      await Promise.all(others.map((encoder) => encoder.crash()));
      await stage.healed(piece, '256 MB');
      piece.rule('256 MB: SIGTERM exits 0', await stage.close() === 0, '');
    } finally { group.end(); }
  },

  async clock(piece, file) {
    if (!existsSync(FAKETIME)) { piece.skip('a clock that is set', `${FAKETIME} is missing: apt-get install faketime`); return; }
    const control = join(temporaryFolder('clock'), 'offset');
    // libfaketime reads it anew every second; the monotonic clock is left alone, as when a machine's clock is set.
    const set = (offset) => writeFileSync(control, `${offset}\n`);
    set('+0');
    const env = { LD_PRELOAD: FAKETIME, FAKETIME_TIMESTAMP_FILE: control, FAKETIME_DONT_FAKE_MONOTONIC: '1', FAKETIME_CACHE_DURATION: '1' };
    const stage = await Stage.open('clock', file, { env }, { reconnectWindow: 20 });
    const dates = () => stage.viewer.playlist.segments.map(({ date }) => date).filter((date) => date !== undefined);
    for (const [what, offset] of [['an hour forward', '+3600'], ['back again', '+0'], ['an hour back', '-3600'], ['right again', '+0']]) {
      const faults = stage.viewer.faults.length;
      const discontinuities = stage.viewer.discontinuities;
      stage.logged = stage.platform.log.length;
      set(offset);
      const longest = await stage.goesOn(Math.min(SECONDS, 12));
      const command = await stage.command(`${what} ${offset}`);
      const [session] = await stage.platform.sessions(stage.channel);
      piece.rule(`the clock ${what}: the broadcast does not notice`, longest <= GOES_ON_MS && stage.viewer.faults.length === faults && stage.viewer.discontinuities === discontinuities && session.id === stage.session.id && session.state === 'LIVE' && command === 'done',
        `at most ${longest} ms without new media; ${session.state}; a command: ${command}; ${stage.viewer.faults.slice(faults, faults + 3).join('; ')}`);
      const told = stage.lines().filter((line) => /clock/i.test(line));
      piece.rule(`the clock ${what}: said in the log`, told.length > 0, told[0]?.slice(0, 250) ?? 'not a word');
      const ready = await stage.platform.readiness();
      piece.figure(`the clock ${what}: /readyz`, `${ready.status} ${ready.amiss.map(({ name, message }) => `${name}: ${message}`).join('; ')}`);
    }
    const steps = dates().map((date, index, all) => (index === 0 ? 0 : date - all[index - 1]));
    piece.rule('dates in the playlist never go back', steps.every((step) => step >= 0), `${dates().length} dates`);
    // A feed that is lost across a step: its window neither ends at once nor lasts an hour.
    for (const [what, offset] of [['back', '-3600'], ['forward', '+3600']]) {
      await stage.platform.whenState(stage.channel, 'LIVE');
      const [session] = await stage.platform.sessions(stage.channel);
      await stage.encoder.crash();
      await stage.platform.whenState(stage.channel, 'ERROR');
      const lostAt = Date.now();
      await sleep(1500);
      set(offset);
      const ended = await eventually('the lost session is ended', 60_000, async () => (await stage.platform.sessions(stage.channel)).find(({ id, state }) => id === session.id && state === 'ENDED'), 300).catch(() => undefined);
      const took = Date.now() - lostAt;
      piece.rule(`the clock an hour ${what} while a feed is lost: its session ends, after its window of 20 s or at once`, ended !== undefined && took < 35_000, ended === undefined ? 'it stands after 60 s' : `${ended.endReason} ${(took / 1000).toFixed(1)} s after the loss`);
      set('+0');
      await sleep(2500);
      stage.encoder = new Redialling(file, stage.channel.push);
      await eventually('a new broadcast', 40_000, async () => { const [now] = await stage.platform.sessions(stage.channel); return now.state === 'LIVE' && now.id !== session.id; }).catch(() => undefined);
      const [now] = await stage.platform.sessions(stage.channel);
      piece.rule(`the clock ${what} and right again: the next broadcast is on air`, now.state === 'LIVE' && now.id !== session.id, `${now.state}${now.id === session.id ? ', the same session' : ''}`);
      stage.session = now;
    }
    const { wrong } = await readModelsAreTheFold(stage.platform);
    piece.rule('a clock that is set: read models equal the fold of the log', wrong.length === 0, wrong.slice(0, 3).join('; '));
    stage.viewer.stop();
    await stage.encoder.crash();
    piece.rule('a clock that is set: SIGTERM exits 0', await stage.platform.program.end('SIGTERM') === 0, '');
    await stage.listing.stop();
  },
};

export async function run(piece) {
  if (process.getuid() !== 0) { piece.skip('all of it', 'disks, limits and groups are root\'s'); return; }
  const file = await clip();
  const only = process.env.SIGMA_KINDS?.split(',') ?? Object.keys(ways);
  for (const way of only) {
    try {
      await ways[way](piece, file);
    } catch (error) {
      piece.rule(`${way}: it can be tried`, false, String(error.stack).slice(0, 500));
    }
  }
}
