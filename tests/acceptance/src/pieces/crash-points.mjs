// The shipped binary dies at a system call, exactly: strace kills it at the n-th write to a named file. Nothing is built into it for that.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { clip, Redialling } from '../broadcast.mjs';
import { readModelsAreTheFold, wrongEnds } from '../fold.mjs';
import { differences, Owner } from '../ledger.mjs';
import { Platform } from '../platform.mjs';
import { eventually, outcome, sleep } from '../process.mjs';
import { Seeded } from '../seeded.mjs';
import { watch } from '../viewer.mjs';

export const title = 'Killed at the n-th system call on a named file: store commit, projection commit, deadlines, session open and end, segment log';
/** The n of the n-th call. */
const WHEN = (process.env.SIGMA_WHEN ?? '1,2,3,5,8').split(',').map(Number);
/** What a run does until it dies; one that has not died by then passed no such call so often. */
const LIVES_MS = 15_000;

/** The views' files: a file a generation. */
const views = (data) => readdirSync(join(data, 'views')).filter((name) => name.endsWith('.sqlite')).map((name) => join(data, 'views', name));

/** Where it dies: the calls, and the files on which they count. The write-ahead log's write comes before, its sync after a commit is decided. */
const POINTS = {
  'before the store commits': (platform) => ['pwrite64', [join(platform.data, 'events.sqlite-wal')]],
  'after the store wrote, before it is synced': (platform) => ['fdatasync,fsync', [join(platform.data, 'events.sqlite-wal')]],
  'while a view commits': (platform) => ['pwrite64', views(platform.data).map((file) => `${file}-wal`)],
  'while deadlines and repairs are written': (platform) => ['pwrite64', [join(platform.data, 'process.sqlite-wal')]],
  'before media of a part is written': (platform, session, next) => ['write,writev', [...Array(40).keys()].map((index) => join(platform.data, 'live', session, `${next + index}.m4s`))],
  'between media and the index': (platform, session) => ['write,writev', [join(platform.data, 'live', session, 'index')]],
};

export async function run(piece) {
  const { code } = await outcome('strace', ['-V']);
  if (code !== 0) { piece.skip('all of it', 'strace is missing: apt-get install strace'); return; }
  const file = await clip();
  const platform = await Platform.start();
  const channel = await platform.channel('points', { latencyMode: 'ULTRA_LOW', reconnectWindow: 120 });
  // A channel whose sessions are opened and ended again and again, in a life of their own.
  const restless = await platform.channel('restless', { latencyMode: 'ULTRA_LOW', reconnectWindow: 20 });
  const encoder = new Redialling(file, channel.push);
  const other = new Redialling(file, restless.push);
  await platform.whenPlayable(channel);
  const viewer = await watch(channel);
  viewer.forgive = true;
  await platform.whenState(restless, 'LIVE');
  const { id: session } = await platform.whenState(channel, 'LIVE');
  const random = new Seeded(7);
  const owners = [new Owner(platform, 'point', random), new Owner(platform, 'other point', random)];
  const tally = {};
  let wanted = true;
  const opening = (async () => { while (wanted) { await sleep(random.between(1000, 4000)); await other.program.end('SIGINT'); } })();

  for (const [point, where] of Object.entries(POINTS)) {
    const deaths = [];
    const wrong = [];
    for (const when of WHEN) {
      await platform.kill();
      const [calls, files] = where(platform, session, viewer.playlist.open.msn);
      platform.wrapper = ['strace', '-f', '-qq', '-o', '/dev/null', ...files.flatMap((path) => ['-P', path]), '-e', `trace=${calls}`, '-e', `inject=${calls}:signal=KILL:when=${when}`];
      owners.forEach((owner) => { owner.abandoned = false; });
      platform.spawn();
      const giving = owners.map((owner) => owner.give());
      const died = await Promise.race([platform.program.ended.then(() => true), sleep(LIVES_MS).then(() => false)]);
      deaths.push(died ? `${when}` : `${when}: not reached`);
      if (!died) {
        // Who traces it goes first, and it goes on alone: its own number stands in the data folder's lock.
        const pid = Number(readFileSync(join(platform.data, 'lock'), 'utf8'));
        await platform.kill();
        try { process.kill(pid, 'SIGKILL'); } catch { /* it went with it */ }
        await sleep(200);
      }
      platform.wrapper = [];
      await platform.launch();
      owners.forEach((owner) => { owner.wanted = false; });
      await Promise.all(giving);
      await platform.whenState(channel, 'LIVE', 40_000).catch((error) => wrong.push(`${when}: ${error.message}`));
      const sessions = await platform.sessions(channel);
      if (sessions.length !== 1 || sessions[0].id !== session) wrong.push(`${when}: ${sessions.length} sessions`);
      const { wrong: rows, events } = await readModelsAreTheFold(platform);
      wrong.push(...rows.map((text) => `${when}: ${text}`), ...differences(owners, events).map((text) => `${when}: ${text}`), ...wrongEnds(events).map((text) => `${when}: ${text}`));
      const before = viewer.faults.length;
      await eventually('media again', 20_000, () => Date.now() - viewer.mediaAt < 1000).catch((error) => wrong.push(`${when}: ${error.message}`));
      await viewer.again();
      wrong.push(...viewer.faults.slice(before).map((text) => `${when}: ${text}`));
    }
    tally[point] = deaths;
    piece.rule(`killed ${point}: nothing answered is lost or doubled, views are the fold, the session resumes, what was listed stands`, wrong.length === 0 && deaths.some((text) => !text.includes('not')), wrong.slice(0, 4).join('; ') || `at the call number ${deaths.join(', ')}`);
  }
  wanted = false;
  await opening;
  await other.crash();
  await encoder.crash();
  const ended = await eventually('the restless channel is free', 40_000, async () => (await platform.sessions(restless)).every(({ state }) => state === 'ENDED')).catch((error) => error.message);
  piece.rule('no session of the restless channel stays on air', ended === true, ended === true ? `${(await platform.sessions(restless)).length} sessions` : ended);
  piece.rule('commands were answered as they should be', owners.every(({ faults }) => faults.length === 0), owners.flatMap(({ faults }) => faults).slice(0, 3).join('; ') || `${owners.reduce((sum, { expected }) => sum + [...expected.values()].flat().length, 0)} commands`);
  viewer.stop();
}
