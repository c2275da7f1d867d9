// Kafka's one node is killed for minutes under ten broadcasts and owners who give commands without a pause: nobody but who looks notices.
import { Backbone } from '../backbone.mjs';
import { clip, Redialling } from '../broadcast.mjs';
import { exported, readModelsAreTheFold } from '../fold.mjs';
import { lateness, Listing } from '../lateness.mjs';
import { differences, Owner } from '../ledger.mjs';
import { Platform } from '../platform.mjs';
import { eventually, sleep } from '../process.mjs';
import { Seeded } from '../seeded.mjs';

const SECONDS = Number(process.env.SIGMA_AWAY_SECONDS ?? 180);
const CALM_SECONDS = 30;
const CHANNELS = 10;
const OWNERS = 4;
/** A part that is listed so much later than it is long is late. */
const LATE_MS = 200;
export const title = `Kafka is killed for ${SECONDS} s under ${CHANNELS} broadcasts and ${OWNERS} owners' steady commands`;

/** What the topic lacks or has in the wrong order; a repetition is none. */
function wrongOrder(topic, events) {
  const [reached, wrong] = [new Map(), []];
  for (const { aggregate, sequence } of topic) {
    const before = reached.get(aggregate) ?? 0;
    if (sequence > before + 1) wrong.push(`${aggregate}: ${sequence} came after ${before}`);
    reached.set(aggregate, Math.max(before, sequence));
  }
  const stored = new Map();
  for (const { aggregateId, sequence } of events) stored.set(aggregateId, Math.max(stored.get(aggregateId) ?? 0, sequence));
  for (const [aggregate, last] of stored) if (reached.get(aggregate) !== last) wrong.push(`${aggregate}: the store has ${last}, the topic ${reached.get(aggregate) ?? 0}`);
  return wrong;
}

const told = ({ parts, p50, p99, most }) => `${parts} parts, later than their length by p50 ${p50.toFixed(0)}, p99 ${p99.toFixed(0)}, at most ${most.toFixed(0)} ms`;

export async function run(piece) {
  const backbone = await Backbone.start();
  try {
    await throughIt(piece, backbone);
  } finally {
    await backbone.end();
  }
}

async function throughIt(piece, backbone) {
  const media = await clip();
  const platform = await Platform.start(backbone.options);
  const channels = [];
  for (let index = 0; index < CHANNELS; index += 1) channels.push(await platform.channel(`away-${index}`, { latencyMode: 'ULTRA_LOW' }));
  const encoders = channels.map(({ push }) => new Redialling(media, push));
  for (const channel of channels) await platform.whenState(channel, 'LIVE', 60_000);
  const first = await Promise.all(channels.map(async (channel) => (await platform.sessions(channel))[0].id));
  const owners = [...Array(OWNERS).keys()].map((index) => new Owner(platform, `owner ${index}`, new Seeded(9 + index)));
  const giving = owners.map((owner) => owner.give());
  const commands = () => owners.reduce((sum, { took }) => sum + took.length, 0);
  const listen = () => channels.map((channel) => new Listing(channel));
  const heard = async (listings) => { await Promise.all(listings.map((listing) => listing.stop())); return lateness(listings); };

  let listings = listen();
  await sleep(CALM_SECONDS * 1000);
  const calm = await heard(listings);
  const [calmCommands, before] = [commands(), platform.usage().megabytes];
  piece.say(`calm: ${told(calm)}; ${calmCommands} commands`);

  await backbone.kill();
  listings = listen();
  const killed = Date.now();
  let most = 0;
  while (Date.now() - killed < SECONDS * 1000) {
    await sleep(1000);
    most = Math.max(most, await platform.figure('sigma_kafka_queued_records'));
  }
  const ready = await platform.readiness();
  const lag = await platform.figure('sigma_relay_lag_events');
  const dropped = await platform.figure('sigma_health_samples_dropped_total');
  const away = await heard(listings);
  const awayCommands = commands() - calmCommands;
  const during = platform.usage().megabytes;
  piece.say(`away for ${SECONDS} s: ${told(away)}; ${awayCommands} commands; ${lag} events wait`);

  listings = listen();
  await backbone.restart();
  const back = Date.now();
  await eventually('the relay has caught up', 120_000, async () => (await platform.figure('sigma_relay_lag_events')) <= 5, 100);
  const caughtUp = Date.now() - back;
  await eventually('the views have caught up', 120_000, async () => {
    const { projections } = await platform.graphql('{ projections { lag } }');
    return projections.every(({ lag: behind }) => behind <= 5);
  }, 100);
  const shown = Date.now() - back;
  await sleep(10_000);
  const after = await heard(listings);
  owners.forEach((owner) => { owner.wanted = false; });
  await Promise.all(giving);
  const sessions = await Promise.all(channels.map((channel) => platform.sessions(channel)));
  const moved = channels.filter((_, index) => sessions[index].length !== 1 || sessions[index][0].id !== first[index] || sessions[index][0].state !== 'LIVE');
  await Promise.all(encoders.map((encoder) => encoder.leave()));
  for (const channel of channels) await platform.whenState(channel, 'ENDED', 30_000);
  const { wrong, events } = await readModelsAreTheFold(platform);
  await eventually('all is relayed', 30_000, async () => (await platform.figure('sigma_relay_lag_events')) === 0);
  const topic = await backbone.events();
  const order = wrongOrder(topic, await exported(platform));
  const lost = differences(owners, events);
  const faults = owners.flatMap((owner) => owner.faults);
  const failed = owners.flatMap((owner) => owner.failed);
  const took = owners.flatMap((owner) => owner.took).sort((a, b) => a - b);
  const at = (share) => took[Math.min(took.length - 1, Math.floor(took.length * share))];

  piece.rule('no command fails, none is lost or applied twice', lost.length + faults.length + failed.length === 0,
    [...lost, ...faults, ...new Set(failed)].slice(0, 4).join('; ') || `${took.length} commands, ${awayCommands} of them while Kafka was away: p50 ${at(0.5)}, p99 ${at(0.99)}, at most ${at(1)} ms`);
  piece.rule('no broadcast is begun anew, none ends', moved.length === 0, moved.map(({ name }) => name).join(', ') || `${CHANNELS} broadcasts, one session each`);
  piece.rule('every listing is answered', calm.failed.length + away.failed.length + after.failed.length === 0, [...away.failed, ...after.failed].slice(0, 3).join('; '));
  piece.figure('parts before', told(calm));
  piece.aim(`no part is ${LATE_MS} ms late while Kafka is away`, away.most <= LATE_MS, told(away));
  piece.aim(`no part is ${LATE_MS} ms late while all is caught up with`, after.most <= LATE_MS, told(after));
  piece.rule('it is said', ready.code === 200 && ready.amiss.some(({ name }) => name === 'kafka') && lag > 0, ready.amiss.map(({ name, message }) => `${name}: ${message}`).join('; '));
  piece.rule('what waits for Kafka in memory is bounded', most <= 2_000, `at most ${most} records queued; ${dropped} samples of health dropped; memory ${before} MB before, ${during} MB at the end of it`);
  piece.rule('the relay catches up in order: the topic holds every event', order.length === 0, order.slice(0, 4).join('; ') || `${lag} events waited, relayed ${(caughtUp / 1000).toFixed(1)} s after Kafka answered and shown ${(shown / 1000).toFixed(1)} s after; ${topic.length} records of ${events.length} events`);
  piece.rule('read models equal the fold of the exported log', wrong.length === 0, wrong.slice(0, 4).join('; '));
}
