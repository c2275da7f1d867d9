// The bucket that recordings go to is away for minutes under ten broadcasts: nobody who watches notices, and all of it arrives later.
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { clip, Redialling } from '../broadcast.mjs';
import { Bucket } from '../bucket.mjs';
import { lateness, Listing } from '../lateness.mjs';
import { decoded } from '../packets.mjs';
import { Platform } from '../platform.mjs';
import { eventually, sleep } from '../process.mjs';
import { fetched, here, whenKept } from '../recordings.mjs';

const SECONDS = Number(process.env.SIGMA_AWAY_SECONDS ?? 300);
const CALM_SECONDS = 30;
const CHANNELS = 10;
/** A part that is listed so much later than it is long is late. */
const LATE_MS = 200;
export const title = `The bucket (S3, PyPI's moto) is away for ${SECONDS} s under ${CHANNELS} recordings: its door closed for the first half, open and silent for the second`;

/** By session: the numbers of the segments in the bucket. */
function numbers(keys) {
  const found = new Map();
  for (const key of keys) {
    const [, session, msn] = /sessions\/([^/]+)\/(\d+)\.m4s$/.exec(key) ?? [];
    if (session !== undefined) found.set(session, [...(found.get(session) ?? []), Number(msn)]);
  }
  return found;
}

/** Sessions whose segments have come out of order: a later one is there and one before it is not. */
const holes = (keys) => [...numbers(keys)].filter(([, all]) => all.length !== Math.max(...all) + 1).map(([session]) => session);

const told = ({ parts, p50, p99, most }) => `${parts} parts, later than their length by p50 ${p50.toFixed(0)}, p99 ${p99.toFixed(0)}, at most ${most.toFixed(0)} ms`;

export async function run(piece) {
  const media = await clip();
  const bucket = await Bucket.start();
  const platform = await Platform.start(bucket.options);
  const channels = [];
  for (let index = 0; index < CHANNELS; index += 1) channels.push(await platform.channel(`recorded-${index}`, { latencyMode: 'ULTRA_LOW' }));
  const encoders = channels.map(({ push }) => new Redialling(media, push));
  const sessions = await Promise.all(channels.map((channel) => platform.whenState(channel, 'LIVE', 60_000)));
  const listen = () => channels.map((channel) => new Listing(channel));
  const heard = async (listings) => { await Promise.all(listings.map((listing) => listing.stop())); return lateness(listings); };
  await eventually('media is archived', 60_000, async () => (await platform.figure('sigma_archive_bytes_total')) > 0);

  let listings = listen();
  await sleep(CALM_SECONDS * 1000);
  const calm = await heard(listings);
  piece.say(`calm: ${told(calm)}`);
  const before = platform.usage().megabytes;
  const archived = await platform.figure('sigma_archive_bytes_total');

  listings = listen();
  bucket.close();
  await sleep(SECONDS * 500);
  bucket.freeze();
  await bucket.open();
  await sleep(SECONDS * 500);
  const away = await heard(listings);
  const waiting = await platform.figure('sigma_archive_waiting_bytes');
  const during = platform.usage().megabytes;
  const readiness = await platform.readiness();
  piece.say(`away: ${told(away)}; ${(waiting / 1e6).toFixed(1)} MB wait`);

  listings = listen();
  bucket.thaw();
  const back = Date.now();
  const disordered = new Set();
  let looks = 0;
  await eventually('all that waited is archived', 600_000, async () => {
    for (const session of holes((await bucket.keys()).keys())) disordered.add(session);
    looks += 1;
    return (await platform.figure('sigma_archive_waiting_bytes')) < waiting / 20;
  }, 500);
  const caughtUp = Date.now() - back;
  const after = await heard(listings);
  await Promise.all(encoders.map((encoder) => encoder.leave()));
  for (const channel of channels) await platform.whenState(channel, 'ENDED', 30_000);
  const kept = await Promise.all(sessions.map((session) => whenKept(platform, session)));
  const logs = sessions.map(({ id }) => join(platform.data, 'live', id));
  await eventually('all of it is archived', 120_000, () => logs.every((log) => existsSync(join(log, 'archived'))));
  const urls = kept.map(({ catchup }) => here(platform, catchup.playbackUrl));
  const fromDisk = await Promise.all(urls.map(fetched));

  piece.rule('every listing is answered', calm.failed.length + away.failed.length + after.failed.length === 0, [...away.failed, ...after.failed].slice(0, 3).join('; '));
  piece.figure('parts before', told(calm));
  piece.aim(`no part is ${LATE_MS} ms late while the bucket is away`, away.most <= LATE_MS, told(away));
  piece.aim(`no part is ${LATE_MS} ms late while all is caught up with`, after.most <= LATE_MS, told(after));
  piece.rule('no broadcast is begun anew, no part is a gap', fromDisk.every(({ playlist }) => playlist.discontinuitySequence === 0 && playlist.segments.every(({ gap, discontinuity }) => !gap && !discontinuity)) && (await Promise.all(channels.map((channel) => platform.sessions(channel)))).every((all) => all.length === 1), `${CHANNELS} broadcasts, one session each`);
  piece.figure('what waited', `${(waiting / 1e6).toFixed(1)} MB on the disk (${(archived / 1e6).toFixed(1)} MB were archived before), archived ${(caughtUp / 1000).toFixed(1)} s after the bucket answered; memory ${before} MB before, ${during} MB at the end of it; /readyz: ${readiness.amiss.map(({ name, message }) => `${name}: ${message}`).join('; ') || readiness.status}`);
  piece.rule('order is kept: at no moment a segment was in the bucket before one that comes earlier', disordered.size === 0, `${looks} looks, ${disordered.size} sessions with a hole`);
  const given = await platform.figure('sigma_archive_given_up_segments_total');
  const keys = await bucket.keys();
  const there = numbers(keys.keys());
  const missing = sessions.filter(({ id }, index) => (there.get(id)?.length ?? 0) < fromDisk[index].playlist.segments.length);
  piece.rule('everything arrives', missing.length === 0 && given === 0, `${keys.size} keys, ${missing.length} sessions lack segments, ${given} segments given up`);

  piece.say('another machine, with nothing but the bucket');
  await platform.kill();
  for (const log of logs) rmSync(log, { recursive: true });
  await platform.launch();
  const fromBucket = await Promise.all(urls.map(fetched));
  const complaints = [];
  for (const { files } of fromBucket) for (const file of files) complaints.push((await decoded(file)).complaint);
  const wrong = [...fromBucket.flatMap((one) => one.wrong), ...complaints.filter((text) => text !== ''), ...fromBucket.flatMap(({ playlist }, index) => (playlist.text === fromDisk[index].playlist.text ? [] : [`${channels[index].name} has another playlist`]))];
  piece.rule('all of it plays from the bucket alone', wrong.length === 0, wrong.slice(0, 4).join('; ') || `${fromBucket.reduce((sum, { playlist }) => sum + playlist.segments.length, 0)} segments decode without a word`);
}
