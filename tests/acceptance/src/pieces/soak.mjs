// Nothing grows: twenty channels, broadcasters who come again, viewers who come and go.
import { fileURLToPath } from 'node:url';
import { clip, Redialling } from '../broadcast.mjs';
import { held, line } from '../held.mjs';
import { lateness, Listing } from '../lateness.mjs';
import { Platform } from '../platform.mjs';
import { Program, sleep } from '../process.mjs';
import { Seeded } from '../seeded.mjs';

const MINUTES = Number(process.env.SIGMA_MINUTES ?? 55);
/** So many times as often do broadcasters and viewers come and go: what each of them leaves behind shows sooner. */
const PACE = Number(process.env.SIGMA_PACE ?? 1);
export const title = `${MINUTES} minutes, 20 channels, 8 of them with reconnects, 40 viewers who come and go${PACE === 1 ? '' : `, ${PACE} times as often`}`;
const COUNT = 20;
const STEADY = 12;
const VISITORS = 40;
const SAMPLE_MS = 10_000;
/** From here on nothing may grow: ended sessions stay in memory for 10 minutes and a feed's health for 15, playlists' windows are full. */
const SETTLED = Number(process.env.SIGMA_SETTLED ?? Math.min(25, MINUTES / 2));
/** The aim for the 99.9th percentile of how late a part is listed; none of the steady may be later. */
const LATE_AIM_MS = 200;
/** Growth within the settled time that counts as flat: pools and page tables breathe. */
const FLAT = 0.05;

const modes = (index) => (index < STEADY ? 'ULTRA_LOW' : ['ULTRA_LOW', 'LOW', 'NORMAL'][index % 3]);

export async function run(piece) {
  const file = await clip();
  const wrapper = process.env.SIGMA_NICE === undefined ? [] : ['nice', '-n', process.env.SIGMA_NICE];
  const platform = await Platform.start({ wrapper });
  const channels = [];
  for (let index = 0; index < COUNT; index += 1) channels.push(await platform.channel(`soak-${index}`, { latencyMode: modes(index) }));
  const encoders = [];
  for (const channel of channels) { encoders.push(new Redialling(file, channel.push)); await sleep(300); }
  for (const channel of channels) await platform.whenPlayable(channel);
  const listings = channels.slice(0, STEADY).map((channel) => new Listing(channel));
  const visitors = new Program('nice', ['-n', process.env.SIGMA_FEEDER_NICE ?? '0', 'node', fileURLToPath(new URL('../visitors.mjs', import.meta.url)), String(VISITORS), String(MINUTES * 60 + 30), ...channels.map(({ playlist }) => playlist)]);
  const began = Date.now();
  const until = began + MINUTES * 60_000;
  const random = new Seeded(20);
  let reconnects = 0;
  const restless = (async () => {
    while (Date.now() < until) {
      await sleep(random.between(5_000, 25_000) / PACE);
      const encoder = encoders[STEADY + Math.floor(random.next() * (COUNT - STEADY))];
      // Some leave in order: then the next is a session of its own.
      await encoder.program.end(random.next() < 0.2 ? 'SIGINT' : 'SIGKILL');
      reconnects += 1;
    }
  })();
  const usage = platform.usage();
  const samples = [];
  let said = 0;
  while (Date.now() < until) {
    await sleep(SAMPLE_MS);
    const minutes = (Date.now() - began) / 60_000;
    samples.push({ minutes, tasks: await platform.figure('tokio_alive_tasks'), ...held(platform.program.pid) });
    if (minutes >= said) {
      const { pss, descriptors, threads, tasks } = samples.at(-1);
      piece.say(`minute ${minutes.toFixed(1)}: ${pss} kB, ${descriptors} descriptors, ${threads} threads, ${tasks} tasks, ${reconnects} reconnects`);
      said += 5;
    }
  }
  const spent = platform.usage();
  await Promise.all(listings.map((listing) => listing.stop()));
  await restless;
  const settled = samples.filter(({ minutes }) => minutes >= SETTLED);
  const grows = (name, unit, room) => {
    const { slope, first, last } = line(settled.map((sample) => [sample.minutes, sample[name]]));
    const [least, most] = [Math.min(...settled.map((sample) => sample[name])), Math.max(...settled.map((sample) => sample[name]))];
    piece.rule(`${name} flat`, last - first <= Math.max(first * FLAT, room), `${slope >= 0 ? '+' : ''}${slope.toFixed(2)} ${unit} a minute from minute ${SETTLED.toFixed(0)} on, ${first.toFixed(0)} to ${last.toFixed(0)} by the line, ${least} to ${most} seen`);
  };
  for (const name of ['pss', 'anonymous', 'mapped']) {
    const every = samples.filter((_, index) => index % 30 === 0 || index === samples.length - 1);
    piece.figure(`${name} every five minutes, in MB`, every.map((sample) => (sample[name] / 1024).toFixed(1)).join(', '));
  }
  grows('pss', 'kB', 2048);
  grows('anonymous', 'kB', 2048);
  grows('descriptors', '', 10);
  grows('threads', '', 2);
  grows('tasks', '', 10);
  const found = lateness(listings);
  const beyond = found.all.filter((late) => late > LATE_AIM_MS).length;
  piece.rule(`no part of the ${STEADY} steady channels later than ${LATE_AIM_MS} ms (the aim for p99.9)`, beyond === 0, `${found.parts} parts: p50 ${found.p50.toFixed(0)}, p99 ${found.p99.toFixed(0)}, p99.9 ${found.p999.toFixed(0)}, at most ${found.most.toFixed(0)} ms; ${beyond} beyond`);
  piece.rule('no request for a playlist failed', found.failed.length === 0, found.failed.slice(0, 3).join('; '));
  piece.rule('the steady broadcasts were never cut', encoders.slice(0, STEADY).every((encoder) => encoder.program.isRunning && encoder.dialledAt < began), '');
  const told = visitors.words.trim().split('\n').at(-1);
  await visitors.end('SIGTERM');
  piece.figure('meanwhile', `${reconnects} reconnects; ${told.startsWith('{') ? told : `${VISITORS} visitors at once`}; ${((spent.seconds - usage.seconds) / (MINUTES * 60) * 100).toFixed(1)} % of a core`);
}
