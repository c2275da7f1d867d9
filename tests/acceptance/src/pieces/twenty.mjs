// Twenty broadcasters at once. Three of them are trouble; the other seventeen must not notice.
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { cpus } from 'node:os';
import { clip, feed } from '../broadcast.mjs';
import { Platform } from '../platform.mjs';
import { eventually, sleep } from '../process.mjs';
import { longestStill, open } from '../side-by-side.mjs';
import { watch } from '../viewer.mjs';

export const title = '20 broadcasters at once, each followed by a light client, one in Chromium; one killed, one garbage, one back after 20 s';
const COUNT = 20;
const SECONDS_BEFORE = 20;
const OUTAGE_SECONDS = 20;
const SECONDS_AFTER = 30;
/** A network as viewers have it at best: on loopback video.js stands still for half a minute where it finds one part at a time (docs/players.md). */
const ROUND_TRIP_MS = 20;

/** Mostly parts; some of the slower modes too. */
const mode = (index) => (index % 10 === 8 ? 'LOW' : index % 10 === 9 ? 'NORMAL' : 'ULTRA_LOW');

/** Speaks RTMP's first bytes and then nonsense, again and again; answers how often it was shown the door. */
function garbage(platform, until) {
  const [, port] = platform.rtmp.split(':');
  const greetings = [() => Buffer.concat([Buffer.from([3]), randomBytes(1536 * 2 + 4000)]), () => randomBytes(20_000), () => Buffer.from('GET / HTTP/1.1\r\nhost: x\r\n\r\n'), () => Buffer.from('160301020001', 'hex'), () => Buffer.alloc(0)];
  let closed = 0;
  const dial = (index) => new Promise((resolve) => {
    const socket = connect(Number(port), '127.0.0.1', () => socket.write(greetings[index % greetings.length]()));
    const left = setTimeout(() => socket.destroy(), Math.max(0, Math.min(12_000, until - Date.now())));
    socket.on('data', () => undefined).on('error', () => undefined);
    socket.on('end', () => { closed += 1; socket.destroy(); });
    socket.on('close', () => { clearTimeout(left); resolve(undefined); });
  });
  return (async () => {
    let dialled = 0;
    await Promise.all([0, 1, 2, 3].map(async (lane) => {
      while (Date.now() < until) { await dial(dialled++ + lane); await sleep(50); }
    }));
    return { dialled, closed };
  })();
}

export async function run(piece) {
  const file = await clip();
  const platform = await Platform.start();
  const channels = [];
  for (let index = 0; index < COUNT; index += 1) channels.push(await platform.channel(`broadcaster-${index}`, { latencyMode: mode(index) }));
  const feeds = [];
  for (const channel of channels) { feeds.push(feed(file, channel.push)); await sleep(100); }
  await Promise.all(channels.map((channel) => platform.whenPlayable(channel)));
  const viewers = await Promise.all(channels.map(watch));
  const [watched, killed, spoiled, returning] = [0, 1, 2, 3];
  const browser = await open([
    { player: 'hls', url: channels[watched].playlist },
    ...['hls', 'shaka-sequence', 'video'].map((player) => ({ player, url: channels[returning].playlist })),
  ], { roundTripMs: ROUND_TRIP_MS });
  const names = ['hls', 'shaka-sequence', 'video'];
  await eventually('every player shows a picture', 30_000, async () => (await browser.frames()).every((frames) => frames.length > 30));
  const usage = platform.usage();
  const began = Date.now();
  piece.say('all 20 are on air and watched');
  await sleep(SECONDS_BEFORE * 1000);

  piece.say('one is killed, one turns to garbage, one goes away for 20 s');
  const troubleAt = Date.now();
  const until = troubleAt + OUTAGE_SECONDS * 1000;
  await Promise.all([killed, spoiled, returning].map((index) => feeds[index].end('SIGKILL')));
  const spoil = garbage(platform, until + 10_000);
  await sleep(until - Date.now());
  const spans = viewers[returning].spans.length;
  const dialledAt = Date.now();
  feeds[returning] = feed(file, channels[returning].push);
  const back = platform.whenState(channels[returning], 'LIVE', 20_000).then(() => Date.now());
  const backAt = await back;
  await eventually('its media are listed', 20_000, () => viewers[returning].spans.length > spans, 20);
  const listedAt = viewers[returning].spans.at(-1).at;
  await sleep(SECONDS_AFTER * 1000);
  const until2 = Date.now();
  const spent = platform.usage();
  const frames = await browser.frames();
  const problems = await browser.problems();
  await browser.close();
  const { dialled, closed } = await spoil;

  const others = viewers.filter((_, index) => ![killed, spoiled, returning].includes(index));
  const faults = others.flatMap((viewer) => viewer.faults);
  piece.rule('the others: numbers without holes, nothing listed changes, all is there, decode times go on', faults.length === 0, faults.slice(0, 6).join('; ') || `${others.length} viewers, ${others.reduce((sum, { segments }) => sum + segments.size, 0)} segments, ${others.reduce((sum, { parts }) => sum + parts.size, 0)} parts, worst seam ${Math.max(...others.map(({ seamsMs }) => seamsMs)).toFixed(2)} ms`);
  const gaps = others.filter(({ gapSeconds, gapParts, discontinuities }) => gapSeconds + gapParts + discontinuities > 0).map(({ name }) => name);
  piece.rule('the others: no gap and no discontinuity', gaps.length === 0, gaps.join(', ') || 'none');
  piece.rule('the others: their encoders ran through', others.every(({ name }) => feeds[channels.findIndex((channel) => channel.name === name)].isRunning), '');
  const still = longestStill(frames[0].filter((at) => at > began), began, until2);
  piece.aim('the one in Chromium: no picture held over 500 ms', still <= 500, `longest ${still} ms over ${Math.round((until2 - began) / 1000)} s, ${frames[0].length} frames`);

  const comeback = viewers[returning];
  const sessions = await platform.sessions(channels[returning]);
  piece.rule('the one that came back: same session, the outage a gap, a discontinuity, no fault', sessions.length === 1 && comeback.gapSeconds >= OUTAGE_SECONDS - 8 && comeback.discontinuities >= 1 && comeback.faults.length === 0,
    comeback.faults.join('; ') || `gap segments of ${comeback.gapSeconds.toFixed(1)} s; LIVE ${backAt - dialledAt} ms and first media listed ${listedAt - dialledAt} ms after the encoder was started`);
  for (const [index, name] of names.entries()) {
    const shown = frames[index + 1];
    const firstAfter = shown.find((at) => at > backAt);
    const lost = longestStill(shown, troubleAt, until2);
    piece.rule(`${name} goes on by itself`, firstAfter !== undefined && shown.filter((at) => at > until2 - 5000).length > 50, `no picture for ${lost} ms; ${problems.filter((text) => text.startsWith(`${name}: `)).length} errors told by the player`);
    piece.aim(`${name}: within 3 s of the return`, firstAfter - backAt <= 3000, `${firstAfter - backAt} ms after the session was LIVE again, ${firstAfter - dialledAt} ms after the encoder was started`);
  }

  const [gone] = await platform.sessions(channels[killed]);
  piece.rule('the killed one is in ERROR or ended, its playlist made of gaps', ['ERROR', 'ENDED'].includes(gone.state) && viewers[killed].gapSeconds > 0, `${gone.state}, ${viewers[killed].gapSeconds.toFixed(1)} s of gaps`);
  piece.rule('garbage is shown the door', closed > 0 && platform.program.isRunning, `${dialled} connections, ${closed} closed by the platform`);
  const seconds = (Date.now() - began) / 1000;
  piece.figure('cost', `${((spent.seconds - usage.seconds) / ((until2 - began) / 1000) * 100).toFixed(0)} % of one core of ${cpus().length} for 20 feeds and ${COUNT + 4} viewers, ${spent.megabytes} MB; ${seconds.toFixed(0)} s`);
  viewers.forEach((viewer) => viewer.stop());
}
