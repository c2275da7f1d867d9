// `kill -9` at random moments while sessions are recorded: what was listed is kept, the log and its archive recover, and what nobody needs
// any more goes.
import { existsSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { held } from '../access-units.mjs';
import { distinctClip } from '../broadcast.mjs';
import { Broadcaster } from '../broadcaster.mjs';
import { packets } from '../packets.mjs';
import { keepParts } from '../parts.mjs';
import { Platform } from '../platform.mjs';
import { eventually, sleep } from '../process.mjs';
import { contents, fetched, here, owned, whenKept } from '../recordings.mjs';
import { Seeded } from '../seeded.mjs';

const TIMES = Number(process.env.SIGMA_TIMES ?? 50);
const SEED = Number(process.env.SIGMA_SEED ?? 1127);
const CHANNELS = 2;
/** A kill, the start after it and the time on air before the next, at most. */
const ROUND_SECONDS = 14;
/** The sweeper lets be what began within a day; it looks at the archive every ten minutes and believes what it sees after five. */
const DAYS_AGO = 2;
const SWEPT_WITHIN_MS = 15 * 60_000;

export const title = `kill -9 at ${TIMES} random moments (seed ${SEED}) while ${CHANNELS} sessions are recorded; then all of it is deleted`;

/** Every file below a folder. */
function files(folder) {
  if (!existsSync(folder)) return [];
  const all = readdirSync(folder, { recursive: true, withFileTypes: true });
  return all.filter((entry) => entry.isFile()).map((entry) => join(entry.path, entry.name));
}

/** The files of media below a folder that a recording does not list, and whatever is neither media nor of the log. */
function strangers(folder, playlist) {
  const listed = new Set(playlist.segments.filter(({ gap }) => !gap).flatMap(({ uri, map }) => [uri, map]));
  const known = (name) => listed.has(name) || /^(meta\.json|recorded|index|index\/\d+|archived)$/.test(name);
  return files(folder).map((file) => relative(folder, file)).filter((name) => !known(name));
}

/** Makes what is kept of a session as old as if it had begun some days ago. */
function dateBack(folder) {
  const ago = new Date(Date.now() - DAYS_AGO * 86_400_000);
  for (const file of files(folder)) {
    if (file.endsWith('meta.json')) {
      const meta = JSON.parse(readFileSync(file, 'utf8'));
      writeFileSync(file, JSON.stringify({ ...meta, createdUs: ago.getTime() * 1000 }));
    }
    utimesSync(file, ago, ago);
  }
}

export async function run(piece) {
  const random = new Seeded(SEED);
  const clip = await distinctClip(60 + TIMES * ROUND_SECONDS);
  const sent = { v: await packets(clip, 'v'), a: await packets(clip, 'a') };
  const platform = await Platform.start();
  const channels = [];
  for (let index = 0; index < CHANNELS; index += 1) channels.push(await platform.channel(`kept-${index}`, { latencyMode: index === 0 ? 'ULTRA_LOW' : 'LOW', reconnectWindow: 120 }));
  const encoders = channels.map(({ push }) => new Broadcaster(clip, push, { redials: true }));
  await Promise.all(channels.map((channel) => platform.whenPlayable(channel)));
  const witness = await keepParts(channels[0]);
  witness.viewer.forgive = true;
  const first = await Promise.all(channels.map(async (channel) => (await platform.whenState(channel, 'LIVE')).id));
  let slowest = 0;
  for (let time = 1; time <= TIMES; time += 1) {
    // A fifth of them while it starts and takes up what it left.
    if (random.next() < 0.2) await sleep(random.between(5, 500));
    else await sleep(random.between(1500, 7000));
    await platform.kill();
    await sleep(random.between(0, 1000));
    platform.spawn();
    await platform.whenReady();
    slowest = Math.max(slowest, Date.now() - platform.startedAt);
    if (time % 10 === 0) piece.say(`${time} kills, ${witness.viewer.parts.size} parts, ${witness.viewer.faults.length} faults`);
  }
  const sessions = await Promise.all(channels.map((channel) => platform.whenState(channel, 'LIVE', 60_000)));
  await sleep(5000);
  await Promise.all(encoders.map((encoder) => encoder.leave()));
  for (const channel of channels) await platform.whenState(channel, 'ENDED', 30_000);
  const kept = await Promise.all(sessions.map((session) => whenKept(platform, session)));
  const { viewer } = witness;
  await eventually('ENDLIST', 10_000, () => viewer.ended);
  const listed = await contents(await witness.end());

  piece.figure('killed', `${TIMES} times; ready after ${slowest} ms at most; ${encoders.map(({ feeds }) => feeds).join(' and ')} feeds`);
  piece.rule('each broadcast is one session', sessions.every(({ id }, index) => id === first[index]), sessions.map(({ id }) => id).join(', '));
  piece.rule('the live playlist was without a fault', viewer.faults.length === 0, viewer.faults.slice(0, 4).join('; ') || `${viewer.parts.size} parts, ${viewer.gapSeconds.toFixed(1)} s of gaps, ${viewer.discontinuities} discontinuities`);
  piece.rule('every part that was listed plays', listed.complaints.length === 0, listed.complaints.join('; ') || `${listed.v.length} pictures, ${listed.seconds.toFixed(1)} s`);
  const before = [];
  for (const [index, { source, catchup }] of kept.entries()) {
    const what = channels[index].name;
    const record = await contents(source.sourceUrls.map((url) => owned(platform, here(platform, url))));
    const shown = await fetched(here(platform, catchup.playbackUrl));
    const seen = await contents(shown.files);
    before.push(shown.playlist.text);
    piece.rule(`${what}: source and catchup decode without a word`, [...record.complaints, ...seen.complaints, ...shown.wrong].length === 0, [...record.complaints, ...seen.complaints, ...shown.wrong].slice(0, 3).join('; ') || `${record.seconds.toFixed(1)} and ${seen.seconds.toFixed(1)} s`);
    for (const track of ['v', 'a']) {
      const strange = held(record[track], sent[track]);
      piece.rule(`${what}: each ${track === 'v' ? 'picture' : 'sound'} of the source was sent, byte for byte, once and in that order`, record[track].length > 0 && strange.missing === 0 && strange.inOrder, `${record[track].length}, ${strange.missing} were not sent`);
      if (index > 0) continue;
      const lacking = held(listed[track], record[track]);
      piece.rule(`${what}: and each that was listed is in it once, in order`, lacking.missing + lacking.doubled === 0 && lacking.inOrder, `${listed[track].length} listed, ${lacking.missing} missing${lacking.missing > 0 ? ` (${lacking.firstMissing})` : ''}, ${lacking.doubled} twice`);
    }
  }

  const folders = sessions.map(({ id }) => ({ archive: join(platform.data, 'objects', 'sessions', id), log: join(platform.data, 'live', id) }));
  await eventually('all of it is archived', 60_000, () => folders.every(({ log }) => existsSync(join(log, 'archived'))));
  const orphans = [];
  for (const [index, { archive, log }] of folders.entries()) {
    const all = await fetched(owned(platform, here(platform, kept[index].source.playbackUrl)));
    orphans.push(...strangers(archive, all.playlist), ...strangers(log, all.playlist));
  }
  piece.rule('no file stands on the disk or in the archive that the recording does not have', orphans.length === 0, orphans.slice(0, 6).join(', ') || `${folders.reduce((sum, { archive }) => sum + files(archive).length, 0)} files in the archive`);

  piece.say('the indexes are lost, and the node its disk');
  await platform.kill();
  for (const { archive, log } of folders) for (const lost of [join(archive, 'index'), log]) rmSync(lost, { recursive: true, force: true });
  await platform.launch();
  const again = await Promise.all(kept.map(({ catchup }) => fetched(here(platform, catchup.playbackUrl))));
  piece.rule('indexes are made anew from the segments alone: the same playlist, and all of it is there', again.every(({ playlist, wrong }, index) => wrong.length === 0 && playlist.text === before[index]), again.flatMap(({ wrong }) => wrong).slice(0, 3).join('; ') || `${again.map(({ playlist }) => playlist.segments.length).join(' and ')} segments`);

  for (const { source, catchup } of kept) for (const { id } of [source, catchup]) await platform.graphql('mutation($id: ID!) { deleteAsset(id: $id) { asset { state } } }', { id });
  await platform.program.end('SIGTERM');
  for (const folder of folders.flatMap(({ archive, log }) => [archive, log])) dateBack(folder);
  piece.say('all of it is deleted, and as old as two days; the sweeper takes his time');
  const began = Date.now();
  await platform.launch();
  const left = () => [...files(join(platform.data, 'live')), ...files(join(platform.data, 'objects'))];
  await eventually('nothing is left', SWEPT_WITHIN_MS, () => left().length === 0, 1000).catch(() => undefined);
  const leftOver = left();
  piece.rule('nothing is orphaned after the sweeper', leftOver.length === 0, leftOver.map((file) => relative(platform.data, file)).slice(0, 6).join(', ') || `nothing left on the disk or in the archive after ${Math.round((Date.now() - began) / 1000)} s`);
}
