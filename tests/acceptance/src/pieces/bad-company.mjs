// Whoever means ill, or only behaves so, beside broadcasts that must not notice.
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { clip, feed } from '../broadcast.mjs';
import { held, processorSeconds } from '../held.mjs';
import { lateness, Listing } from '../lateness.mjs';
import { Platform } from '../platform.mjs';
import { eventually, Program, run as runProgram, sleep } from '../process.mjs';
import { parse } from '../playlist.mjs';

export const title = 'Half-open, silent, slow, deaf and guessing company beside four broadcasts';
const SECONDS = Number(process.env.SIGMA_COMPANY_SECONDS ?? 25);
const OTHERS = 4;
/** Parts may come this much later than where the attackers' processor time is merely burnt. */
const TOLERANCE_MS = 50;
/** What the platform may hold more than before under any of this, in MB. */
const MEMORY_MB = { waiting: 256, wide: 256 };
const MEMORY_ELSE_MB = 96;

const company = (kind, target) => new Program('node', [fileURLToPath(new URL('../company.mjs', import.meta.url)), kind, String(SECONDS), JSON.stringify(target)]);
const words = (program) => { const last = program.words.trim().split('\n').at(-1); return last.startsWith('{') ? JSON.parse(last) : { failed: program.words.slice(-400) }; };

/** Ten seconds of 100 Mbit/s; made when it is not there yet. */
async function wide() {
  const folder = join(tmpdir(), 'sigma-acceptance-media');
  const file = join(folder, 'wide-100m-10s.flv');
  if (existsSync(file)) return file;
  mkdirSync(folder, { recursive: true });
  const draft = join(folder, `draft-wide-${process.pid}.flv`);
  await runProgram('ffmpeg', ['-hide_banner', '-loglevel', 'error', '-nostdin', '-y', '-f', 'lavfi', '-i', 'testsrc2=size=1280x720:rate=30:duration=10,noise=alls=100:allf=t',
    '-f', 'lavfi', '-i', 'sine=frequency=440:sample_rate=48000:duration=10', '-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-g', '30', '-keyint_min', '30', '-sc_threshold', '0',
    '-b:v', '99M', '-minrate', '99M', '-maxrate', '99M', '-bufsize', '20M', '-x264-params', 'nal-hrd=cbr:force-cfr=1', '-c:a', 'aac', '-b:a', '96k', '-ac', '2', draft]);
  renameSync(draft, file);
  return file;
}

/** The path of a channel's media playlist, and the playlist. */
async function media(channel) {
  const master = await (await fetch(channel.playlist)).text();
  const url = new URL(master.split('\n').find((line) => line !== '' && !line.startsWith('#')), channel.playlist);
  return { url, playlist: parse(await (await fetch(url)).text()) };
}

export async function run(piece) {
  const [file, fat] = [await clip(), await wide()];
  const platform = await Platform.start();
  const channels = [];
  for (let index = 0; index < OTHERS; index += 1) channels.push(await platform.channel(`other-${index}`, { latencyMode: 'ULTRA_LOW' }));
  const restless = await platform.channel('restless', { latencyMode: 'ULTRA_LOW', reconnectWindow: 60 });
  const feeds = channels.map((channel) => feed(file, channel.push));
  for (const channel of channels) await platform.whenPlayable(channel);
  await sleep(3000);

  /** Parts of the others, and what the platform holds and spends, while something else goes on; parts of `own` by themselves. */
  const beside = async (during, own) => {
    const before = held(platform.program.pid);
    const cpu = processorSeconds(platform.program.pid);
    const listings = channels.map((channel) => new Listing(channel));
    const within = own === undefined ? [] : [new Listing(own)];
    const program = during();
    let most = before;
    let newcomer;
    const began = Date.now();
    while (Date.now() - began < SECONDS * 1000) {
      await sleep(1000);
      const now = held(platform.program.pid);
      if (now.anonymous > most.anonymous) most = now;
      // Half way through, somebody honest wants in.
      if (newcomer === undefined && Date.now() - began > SECONDS * 400) newcomer = honest();
    }
    await program?.ended;
    await Promise.all([...listings, ...within].map((listing) => listing.stop()));
    const found = { ...lateness(listings), within: lateness(within) };
    return { ...found, told: program === undefined ? {} : words(program), cpu: (processorSeconds(platform.program.pid) - cpu) / SECONDS, grown: (most.anonymous - before.anonymous) / 1024, newcomer: await newcomer };
  };
  let honestCount = 0;
  /** A new broadcaster and his first viewer; answers how long they took, or what kept them out. */
  const honest = async () => {
    const began = Date.now();
    try {
      const channel = await platform.channel(`honest-${honestCount += 1}`, { latencyMode: 'ULTRA_LOW' });
      let encoder = feed(file, channel.push);
      await eventually('the newcomer is on air', 15_000, async () => {
        if (!encoder.isRunning) { await sleep(500); encoder = feed(file, channel.push); }
        return (await fetch(channel.playlist)).ok;
      });
      await encoder.end('SIGINT');
      return { ms: Date.now() - began };
    } catch (error) {
      return { kept: error.message };
    }
  };

  const attack = async (kind, what, target, refused, own) => {
    const found = await beside(() => company(kind, { rtmp: platform.rtmp, http: platform.http, ...target }), own);
    const { cpu = 0, failed, ...told } = found.told;
    const calm = await beside(() => company('burn', { rtmp: platform.rtmp, http: platform.http, share: Math.min(1, cpu) }));
    const figures = `${found.parts} parts, late by p99 ${found.p99.toFixed(0)}, at most ${found.most.toFixed(0)} ms; burnt: ${calm.parts}, p99 ${calm.p99.toFixed(0)}, at most ${calm.most.toFixed(0)} ms; the attacker at ${(cpu * 100).toFixed(0)} %, the server at ${(found.cpu * 100).toFixed(0)} % of a core`;
    piece.rule(`${what}: the others' parts at most ${TOLERANCE_MS} ms later`, failed === undefined && found.failed.length === 0 && found.parts >= calm.parts * 0.9 && found.p99 <= calm.p99 + TOLERANCE_MS, failed ?? `${figures}${found.failed.length > 0 ? `; ${found.failed[0]}` : ''}`);
    if (own !== undefined) piece.figure(`${what}: parts of their own broadcast, to somebody who does read`, `${found.within.parts} parts, late by p99 ${found.within.p99.toFixed(0)}, at most ${found.within.most.toFixed(0)} ms`);
    const limit = MEMORY_MB[kind] ?? MEMORY_ELSE_MB;
    piece.rule(`${what}: memory bounded`, found.grown <= limit, `${found.grown.toFixed(1)} MB more than before, ${limit} allowed`);
    piece.rule(`${what}: a new broadcaster and viewer come through`, found.newcomer?.ms !== undefined, found.newcomer?.kept ?? `on air and played ${found.newcomer.ms} ms after he made his channel`);
    if (refused !== undefined) piece.rule(`${what}: limits hold`, refused(told), JSON.stringify(told)); else piece.figure(`${what}: what they met`, JSON.stringify(told));
    await eventually('all that is let go', 20_000, async () => (await platform.figure('sigma_http_connections')) < 100).catch(() => undefined);
  };

  const only = process.env.SIGMA_KINDS?.split(',');
  const wanted = (kind) => only === undefined || only.includes(kind);
  if (wanted('half-open')) await attack('half-open', '500 half-open RTMP connections', {}, (told) => (told['closed by the server'] ?? 0) + (told.ECONNRESET ?? 0) > 0);
  if (wanted('silent')) await attack('silent', '1,024 silent RTMP connections', {}, (told) => (told['closed by the server'] ?? 0) + (told.ECONNRESET ?? 0) > 0);
  if (wanted('slowloris')) await attack('slowloris', '500 HTTP requests that come a byte a second', {}, (told) => (told['closed by the server'] ?? 0) > 0);
  if (wanted('waiting')) {
    // A broadcast beside the others: who waits for the same part as a crowd is one of it.
    const crowded = await platform.channel('crowded', { latencyMode: 'ULTRA_LOW' });
    const broadcaster = feed(file, crowded.push);
    await platform.whenPlayable(crowded);
    await sleep(3000);
    const { url, playlist } = await media(crowded);
    await attack('waiting', '5,000 waiting playlist requests that never read', { media: url.pathname + url.search, msn: playlist.open.msn, segment: playlist.segments.at(-1).duration }, undefined, crowded);
    await broadcaster.end('SIGINT');
  }
  if (wanted('reconnects')) await attack('reconnects', 'a thousand reconnects a minute', { key: restless.key }, (told) => Object.values(told).reduce((sum, value) => sum + value, 0) >= SECONDS * 12);
  if (wanted('guesses')) {
    const logged = platform.log.length;
    await attack('guesses', 'keys guessed at 1,000 a second', {}, (told) => told.accepted === undefined && (told.tried ?? 0) > 0);
    const lines = platform.log.slice(logged).split('\n').filter((line) => /stream key|publisher|guess/i.test(line));
    // The first few of an address are told one by one.
    piece.rule('keys guessed: the first few are logged, then once a minute', lines.length <= 20, `${lines.length} lines; the last: ${lines.at(-1)?.slice(0, 240) ?? 'none'}`);
  }
  if (wanted('wide')) {
    const channel = await platform.channel('wide', { latencyMode: 'ULTRA_LOW' });
    const broadcaster = feed(fat, channel.push);
    await platform.whenPlayable(channel);
    await sleep(4000);
    const used = processorSeconds(broadcaster.pid);
    const found = await beside(() => undefined);
    const share = (processorSeconds(broadcaster.pid) - used) / SECONDS;
    const session = (await platform.sessions(channel))[0];
    const { url, playlist } = await media(channel);
    const segment = new URL(playlist.segments.filter(({ gap }) => !gap).at(-1).uri, url);
    await attack('trickle', 'twenty viewers of a 100 Mbit/s broadcast at 1 kB/s', { segment: segment.pathname });
    piece.rule('a broadcaster at 100 Mbit/s: on air, not cut', session.state === 'LIVE' && broadcaster.isRunning, `${session.state}; ${JSON.stringify(session.input)}`);
    await broadcaster.end('SIGINT');
    await platform.whenState(channel, 'ENDED', 20_000);
    const burnt = await beside(() => company('burn', { rtmp: platform.rtmp, http: platform.http, share: Math.min(1, share) }));
    piece.rule(`a broadcaster at 100 Mbit/s: the others' parts at most ${TOLERANCE_MS} ms later`, found.failed.length === 0 && found.p99 <= burnt.p99 + TOLERANCE_MS, `${found.parts} parts, late by p99 ${found.p99.toFixed(0)}, at most ${found.most.toFixed(0)} ms; burnt: p99 ${burnt.p99.toFixed(0)}, at most ${burnt.most.toFixed(0)} ms; the encoder at ${(share * 100).toFixed(0)} %, the server at ${(found.cpu * 100).toFixed(0)} % of a core`);
    piece.rule('a broadcaster at 100 Mbit/s: memory bounded', found.grown <= MEMORY_MB.wide, `${found.grown.toFixed(1)} MB more`);
  }
  piece.rule('the others were never cut', feeds.every((program) => program.isRunning), '');
}
