// `kill -9` at random moments under ten broadcasts and owners who give commands without a pause. A run is named by its seed and is gone
// on with: its data folder and its progress stay until it is through.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clip, Redialling } from '../broadcast.mjs';
import { exported, readModelsAreTheFold, rebuild, wrongEnds } from '../fold.mjs';
import { differences, Owner } from '../ledger.mjs';
import { Platform } from '../platform.mjs';
import { eventually, sleep } from '../process.mjs';
import { Seeded } from '../seeded.mjs';
import { watch } from '../viewer.mjs';

const TIMES = Number(process.env.SIGMA_TIMES ?? 200);
const SEED = Number(process.env.SIGMA_SEED ?? 1126);
const MINUTES = Number(process.env.SIGMA_MINUTES ?? 55);
export const title = `kill -9 at ${TIMES} random moments (seed ${SEED}) under 10 broadcasts and 4 owners' steady commands`;

const STEADY = 7;
/** More than a series of kills in the midst of starts takes: in an earlier run with 30 s all seven were ended as NODE_LOST by one. */
const WINDOW_SECONDS = 120;
/** Seven stay; one leaves in order and comes again, one's sessions are ended by its owner, one goes without a word until it is ended. */
const NAMES = [...Array(STEADY).keys()].map((index) => `steady-${index}`).concat('leaver', 'ended', 'vanisher');

/** Follows whatever is on air on a channel, session after session. */
class Follower {
  constructor(channel) {
    this.channel = channel;
    this.viewers = [];
    this.wanted = true;
    this.done = this.#follow();
  }

  async #follow() {
    while (this.wanted) {
      const viewer = await watch(this.channel).catch(() => undefined);
      if (viewer === undefined) { await sleep(200); continue; }
      viewer.forgive = true;
      this.viewer = viewer;
      this.viewers.push(viewer);
      await viewer.following;
    }
  }

  get faults() { return this.viewers.flatMap(({ faults }) => faults); }
  async stop() { this.wanted = false; this.viewer?.stop(); await this.done; }
}

/** Broadcasters who do not stay, each in his way, until they are stopped. */
async function restless(platform, channels, encoders, random, state) {
  const lives = {
    async leaver() { await sleep(random.between(4000, 20_000)); await encoders.leaver.program.end('SIGINT'); },
    async ended() {
      await sleep(random.between(6000, 25_000));
      const [session] = await platform.sessions(channels.ended);
      if (!['LIVE', 'ERROR', 'PROCESSING'].includes(session?.state)) return;
      const answer = await state.hand.command('mutation($id: ID!) { endSession(sessionId: $id) { session { id state } } }', { id: session.id });
      if (answer !== undefined) state.endedByOwner.push(session.id);
    },
    async vanisher() {
      await sleep(random.between(5000, 20_000));
      await encoders.vanisher.crash();
      await eventually('the vanisher is ended', 120_000, () => platform.sessions(channels.vanisher).then(([session]) => session.state === 'ENDED', () => false), 300).catch(() => undefined);
      if (state.wanted) encoders.vanisher = new Redialling(state.file, channels.vanisher.push);
    },
  };
  await Promise.all(Object.values(lives).map(async (life) => { while (state.wanted) await life().catch(() => sleep(300)); }));
}

export async function run(piece) {
  const folder = join(tmpdir(), `sigma-crash-${SEED}`);
  const file = join(folder, 'progress.json');
  mkdirSync(folder, { recursive: true });
  const past = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { kills: 0, inStart: 0, runs: 0, random: undefined, expected: [], endedByOwner: [], slowest: 0 };
  if (past.kills > 0) piece.say(`goes on after ${past.kills} kills`);
  past.runs += 1;
  const random = new Seeded(SEED, past.random);
  const media = await clip();
  const platform = await Platform.start({ folder });
  const known = past.channels ?? {};
  const channels = {};
  for (const name of NAMES) {
    const made = known[name] ?? await platform.channel(name, { latencyMode: 'ULTRA_LOW', reconnectWindow: name === 'vanisher' ? 10 : WINDOW_SECONDS });
    channels[name] = { ...made, push: platform.pushUrl(made.key), playlist: platform.url(`/live/${made.playbackId}/index.m3u8`) };
  }
  const encoders = Object.fromEntries(NAMES.map((name) => [name, new Redialling(media, channels[name].push)]));
  for (const name of NAMES) await platform.whenState(channels[name], 'LIVE', 60_000);
  const followers = Object.fromEntries(NAMES.map((name) => [name, new Follower(channels[name])]));
  const owners = [0, 1, 2, 3].map((index) => new Owner(platform, `owner ${past.runs}.${index}`, new Seeded(SEED * 31 + past.runs * 7 + index)));
  const earlier = { expected: new Map(past.expected), faults: [] };
  let giving = owners.map((owner) => owner.give());
  const state = { wanted: true, file: media, endedByOwner: past.endedByOwner, hand: new Owner(platform, `hand ${past.runs}`, new Seeded(1)) };
  const restlessness = restless(platform, channels, encoders, new Seeded(SEED * 17 + past.runs), state);
  // Between two runs there was nobody to come back: what counts is that none is begun anew within one.
  const firsts = Object.fromEntries(await Promise.all(NAMES.slice(0, STEADY).map(async (name) => [name, (await platform.sessions(channels[name]))[0].id])));
  const problems = { commands: [], models: [], bytes: 0, checks: 0 };
  const began = Date.now();

  /** Owners pause, then log, read models and media are held against what was answered and listed. */
  const check = async () => {
    owners.forEach((owner) => { owner.wanted = false; });
    await Promise.all(giving);
    const back = Date.now();
    for (const name of NAMES.slice(0, STEADY)) await platform.whenState(channels[name], 'LIVE', 40_000);
    past.slowest = Math.max(past.slowest, Date.now() - back);
    const { wrong, events } = await readModelsAreTheFold(platform);
    problems.models.push(...wrong);
    problems.commands.push(...differences([...owners, earlier], events));
    for (const { viewer } of Object.values(followers)) if (viewer?.playlist !== undefined) problems.bytes += await viewer.again();
    problems.checks += 1;
    giving = owners.map((owner) => owner.give());
  };

  for (; past.kills < TIMES && Date.now() - began < MINUTES * 60_000; ) {
    // A quarter of them while it starts and takes up what it left.
    const early = random.next() < 0.25;
    await sleep(early ? random.between(5, 500) : random.between(500, 8000));
    await platform.kill();
    past.kills += 1;
    if (early) past.inStart += 1;
    await sleep(random.between(0, 1500));
    platform.spawn();
    if (past.kills % 10 === 0 || past.kills === TIMES) {
      await platform.whenReady();
      await check();
      piece.say(`${past.kills} kills: ${owners.reduce((sum, { expected }) => sum + expected.size, 0)} channels made, ${problems.commands.length} wrong commands, ${problems.models.length} wrong rows, ${Object.values(followers).flatMap(({ faults }) => faults).length} faults of playlists`);
      Object.assign(past, { random: random.state, channels, expected: [...earlier.expected, ...owners.flatMap(({ expected }) => [...expected])], endedByOwner: state.endedByOwner });
      // Channels whose life goes on in this run are held against the log by their owner.
      writeFileSync(file, JSON.stringify(past));
    }
  }

  state.wanted = false;
  state.hand.abandoned = true;
  owners.forEach((owner) => { owner.wanted = false; });
  await Promise.all(giving);
  const sessions = Object.fromEntries(await Promise.all(NAMES.map(async (name) => [name, await platform.sessions(channels[name])])));
  const moved = NAMES.slice(0, STEADY).filter((name) => sessions[name][0].id !== firsts[name]);

  piece.say('the last kill: nobody comes back');
  await platform.kill();
  await Promise.all(Object.values(encoders).map((encoder) => encoder.crash()));
  await platform.launch();
  const ended = await eventually('every session is ended', (WINDOW_SECONDS + 10) * 1000, async () => {
    const { sessions: on } = await platform.graphql('{ sessions(first: 100) { nodes { state } } }');
    return on.nodes.every(({ state: now }) => now === 'ENDED');
  }, 300).catch((error) => error);
  await restlessness;
  await eventually('ENDLIST', 3000, () => Object.values(followers).slice(0, STEADY).every(({ viewer }) => viewer.ended)).catch(() => undefined);
  const open = NAMES.slice(0, STEADY).filter((name) => !followers[name].viewer.ended);
  await Promise.all(Object.values(followers).map((follower) => follower.stop()));

  const { wrong, events } = await readModelsAreTheFold(platform);
  problems.models.push(...wrong);
  problems.commands.push(...differences([...owners, earlier], events));
  await rebuild(platform);
  const rebuilt = await readModelsAreTheFold(platform);
  const faults = Object.entries(followers).flatMap(([name, follower]) => follower.faults.map((fault) => `${name}: ${fault}`));
  const viewers = Object.values(followers).flatMap((follower) => follower.viewers);
  const commands = [...owners, earlier].reduce((sum, { expected }) => sum + [...expected.values()].reduce((count, log) => count + log.length, 0), 0);
  const wrongOwner = state.endedByOwner.filter((id) => !events.some(({ type, aggregateId, data }) => type === 'session.ended' && aggregateId === id && data.reason === 'SESSION_ENDED_BY_USER'));
  const ends = wrongEnds(events);

  piece.figure('killed', `${past.kills} times, ${past.inStart} of them in the first half second of a start; in ${past.runs} run${past.runs === 1 ? '' : 's'}, ${events.length} events in the log`);
  piece.rule(`all ${TIMES} kills were made`, past.kills >= TIMES, past.kills >= TIMES ? '' : `${past.kills}; run it again, it goes on`);
  const said = owners.flatMap((owner) => owner.faults);
  piece.rule('no acknowledged command is lost, none is applied twice', problems.commands.length === 0 && said.length === 0,
    [...new Set([...problems.commands, ...said])].slice(0, 4).join('; ') || `${commands} commands answered and each once in the log, ${owners.reduce((sum, { tries }) => sum + tries, 0)} requests in this run; ${owners.reduce((sum, { repeats }) => sum + repeats, 0)} asked again after their answer got it again`);
  piece.rule('read models equal the fold of the exported log', problems.models.length === 0, [...new Set(problems.models)].slice(0, 4).join('; ') || `${problems.checks + 1} comparisons`);
  piece.rule('rebuilt from the log they equal it too', rebuilt.wrong.length === 0, rebuilt.wrong.slice(0, 4).join('; '));
  piece.rule('who comes back resumes: seven broadcasts, one session each', moved.length === 0, moved.map((name) => `${name}: ${sessions[name].length} sessions in all runs`).join('; ') || `LIVE again at the latest ${past.slowest} ms after a check began`);
  piece.rule('every session ends, for the reason that the events before call for', ended === true && ends.length === 0, [ended === true ? '' : String(ended.message), ...ends].filter((text) => text !== '').slice(0, 4).join('; ') || `${events.filter(({ type }) => type === 'session.ended').length} ended`);
  piece.rule('what its owner ended is ended by him', wrongOwner.length === 0, wrongOwner.join(', ') || `${state.endedByOwner.length} sessions`);
  piece.rule('playlists never go back: numbers, URIs, bytes of what was listed; decode times go on or are announced', faults.length === 0,
    faults.slice(0, 5).join('; ') || `${viewers.length} viewers, ${viewers.reduce((sum, { segments }) => sum + segments.size, 0)} segments and ${viewers.reduce((sum, { parts }) => sum + parts.size, 0)} parts listed, ${problems.bytes} segments fetched again, ${viewers.reduce((sum, { discontinuities }) => sum + discontinuities, 0)} discontinuities`);
  piece.rule('the ended have their ENDLIST', open.length === 0, open.join(', '));
  if (past.kills >= TIMES) rmSync(folder, { recursive: true, force: true });
}
