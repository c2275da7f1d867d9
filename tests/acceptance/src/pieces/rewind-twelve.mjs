// Twelve hours of rewind, fed through the RTMP door as fast as it takes them: what players load again and again, what they load once,
// and how fast they are anywhere in it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, rmSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { distinctClip } from '../broadcast.mjs';
import { endless } from '../flv.mjs';
import { quantile } from '../lateness.mjs';
import { Platform } from '../platform.mjs';
import { play } from '../playback.mjs';
import { parse } from '../playlist.mjs';
import { endWithUs, eventually, sleep } from '../process.mjs';
import { here, whenKept } from '../recordings.mjs';
import { Seeded } from '../seeded.mjs';

const HOURS = Number(process.env.SIGMA_HOURS ?? 12);
const SEEKS = 300;
const PICTURES = 12;
export const title = `${HOURS} h of rewind in segments of 2 s, fed faster than real time through the RTMP door`;

/** Feeds a clip over and over: so many seconds as fast as they are taken, then in real time until it is stopped. */
class Hurried {
  constructor(file, url, seconds) {
    this.child = spawn('ffmpeg', ['-hide_banner', '-loglevel', 'error', '-f', 'flv', '-i', 'pipe:0', '-c', 'copy', '-f', 'flv', '-flvflags', 'no_duration_filesize', url], { stdio: ['pipe', 'ignore', 'inherit'] });
    this.child.stdin.on('error', () => undefined);
    this.forget = endWithUs(this);
    this.wanted = true;
    this.caughtUp = new Promise((resolve) => { this.done = this.#feed(file, seconds, resolve); });
  }

  async #feed(file, seconds, caughtUp) {
    let since;
    for (const piece of endless(file)) {
      if (!this.wanted) break;
      if (!this.child.stdin.write(piece.bytes)) await once(this.child.stdin, 'drain');
      if (piece.seconds < seconds) continue;
      since ??= Date.now() - piece.seconds * 1000;
      caughtUp();
      await sleep(Math.max(0, since + piece.seconds * 1000 - Date.now()));
    }
    this.child.stdin.end();
  }

  async end() {
    this.forget();
    this.wanted = false;
    const ended = once(this.child, 'exit');
    await this.done;
    await ended;
  }
}

/** Fetches over a connection that is kept; answers when the first bytes came, when the last, and the body as it was sent. */
function timed(agent, url, headers = {}) {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    get(url, { agent, headers }, (answer) => {
      const pieces = [];
      let firstMs;
      answer.on('data', (bytes) => { firstMs ??= performance.now() - began; pieces.push(bytes); });
      answer.on('end', () => resolve({ status: answer.statusCode, firstMs, allMs: performance.now() - began, body: Buffer.concat(pieces), encoding: answer.headers['content-encoding'] }));
      answer.on('error', reject);
    }).on('error', reject);
  });
}

/** The first request for a recording after a start: its index is loaded for it. */
async function loading(platform, agent, url) {
  await platform.kill();
  await platform.launch();
  // The connection, the control plane's answer and the code itself are warm; this index is not.
  await timed(agent, platform.url('/readyz'));
  await timed(agent, url.replace(/as_[0-9a-f]+/, 'as_00000000000000000000000000000000'));
  return timed(agent, url);
}

export async function run(piece) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const random = new Seeded(12);
  const clip = await distinctClip(60, { size: '160x90', kilobits: 60 });
  const platform = await Platform.start({ flags: ['--limit-feed-bitrate', '10000'] });
  const channel = await platform.channel('twelve', { latencyMode: 'ULTRA_LOW', dvrWindow: HOURS * 3600 });
  const began = Date.now();
  const encoder = new Hurried(clip, channel.push, HOURS * 3600 + 60);
  await encoder.caughtUp;
  piece.say(`${HOURS} h were fed in ${Math.round((Date.now() - began) / 1000)} s`);
  const session = await platform.whenState(channel, 'LIVE', 60_000);
  const dvr = platform.url(`/live/${channel.playbackId}/dvr.m3u8`);
  const master = (await timed(agent, dvr)).body.toString();
  const media = new URL(master.split('\n').find((line) => line !== '' && !line.startsWith('#')), dvr).href;
  const live = async () => parse((await timed(agent, media)).body.toString());
  await eventually('all that was fed is listed', 120_000, async () => (await live()).segments.length >= HOURS * 1800 - 10, 1000);
  // A delta leaves out what everybody holds who asks for it: what has been listed for some time.
  await sleep(40_000);

  const [full, deltas] = [[], []];
  for (let time = 0; time < 20; time += 1) {
    full.push(await timed(agent, media, { 'accept-encoding': 'gzip' }));
    deltas.push(await timed(agent, `${media}?_HLS_skip=YES`));
    await sleep(300);
  }
  const most = (answers, what) => Math.max(...answers.map(what));
  const text = gunzipSync(full.at(-1).body).toString();
  const playlist = parse(text);
  const listed = playlist.segments.reduce((sum, { duration }) => sum + duration, 0);
  piece.figure('fed', `${listed.toFixed(0)} s listed in ${playlist.segments.length} segments, ${text.length} bytes of playlist, ${Math.round((Date.now() - began) / 1000)} s after the first byte; ${platform.usage().megabytes} MB of memory`);
  piece.rule(`the window holds ${HOURS} h`, Math.abs(listed - HOURS * 3600) < 60, `${(listed / 3600).toFixed(3)} h`);
  piece.rule('a reload by delta has at most 10 kB', deltas.every(({ status, body }) => status === 200 && body.includes('#EXT-X-SKIP')) && most(deltas, ({ body }) => body.length) <= 10_000, `at most ${most(deltas, ({ body }) => body.length)} bytes, ${most(deltas, ({ allMs }) => allMs).toFixed(1)} ms`);
  piece.rule('a full one, gzipped, has at most 150 kB', full.every(({ encoding }) => encoding === 'gzip') && most(full, ({ body }) => body.length) <= 150_000, `at most ${most(full, ({ body }) => body.length)} bytes, ${most(full, ({ allMs }) => allMs).toFixed(1)} ms`);
  const begins = [];
  playlist.segments.reduce((at, { duration }) => { begins.push(at); return at + duration * 1000; }, 0);
  const dates = playlist.segments.flatMap(({ date }, index) => (date === undefined ? [] : [date - begins[index]]));
  const off = Math.max(...dates) - Math.min(...dates);
  piece.rule('its dates are right to a tenth of a second', dates.length > 100 && off <= 100, `${dates.length} dates, ${off.toFixed(0)} ms between them and the lengths before them at most`);

  const seeks = [];
  for (let time = 0; time < SEEKS; time += 1) {
    const segment = random.pick(playlist.segments);
    const answer = await timed(agent, new URL(segment.uri, media).href);
    if (answer.status !== 200) throw new Error(`${segment.uri} answers ${answer.status}`);
    seeks.push(answer.firstMs);
  }
  seeks.sort((a, b) => a - b);
  piece.aim('first bytes of a seek within 50 ms', seeks.at(-1) < 50, `${SEEKS} seeks, p50 ${quantile(seeks, 0.5).toFixed(1)}, p99 ${quantile(seeks, 0.99).toFixed(1)}, at most ${seeks.at(-1).toFixed(1)} ms`);

  const player = await play(dvr);
  const known = await player.known();
  const pictures = [];
  const lost = [];
  // The first place shows that it plays at all; a seek is what comes after it.
  await player.visit(known.ends - 30, known.ends - 29);
  for (let time = 0; time < PICTURES; time += 1) {
    const place = random.between(known.begins + 60, known.ends - 60);
    const seen = await player.visit(place, place + 1);
    if (seen.pictureMs === null || !seen.reached) lost.push(`${place.toFixed(0)} s`);
    else pictures.push(seen.pictureMs);
  }
  const problems = await player.problems();
  await player.close();
  pictures.sort((a, b) => a - b);
  piece.rule('any place plays in Chromium (hls.js)', lost.length + problems.length === 0, [...lost, ...problems].join(', ') || `${PICTURES} places of ${((known.ends - known.begins) / 3600).toFixed(2)} h`);
  piece.aim('a picture within 1 s of a seek', pictures.length > 0 && pictures.at(-1) < 1000, `p50 ${quantile(pictures, 0.5).toFixed(0)}, at most ${pictures.at(-1)?.toFixed(0)} ms`);

  await encoder.end();
  await platform.whenState(channel, 'ENDED', 30_000);
  const { catchup } = await whenKept(platform, session);
  const log = join(platform.data, 'live', session.id);
  await eventually('all of it is archived', 300_000, () => existsSync(join(log, 'archived')), 500);
  const url = here(platform, catchup.playbackUrl);
  const fromDisk = [];
  for (let time = 0; time < 5; time += 1) fromDisk.push((await loading(platform, agent, url)).allMs);
  piece.aim('its index loads within 50 ms from the disk', Math.min(...fromDisk) < 50, `the first request for the catchup after a start, all of it: ${fromDisk.map((ms) => ms.toFixed(1)).join(', ')} ms`);
  await platform.kill();
  rmSync(log, { recursive: true });
  const fromArchive = [];
  for (let time = 0; time < 3; time += 1) fromArchive.push((await loading(platform, agent, url)).allMs);
  piece.aim('and from the archive', Math.min(...fromArchive) < 50, `the same where only the archive has it: ${fromArchive.map((ms) => ms.toFixed(1)).join(', ')} ms`);
  agent.destroy();
}
