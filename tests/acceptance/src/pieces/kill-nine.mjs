// `kill -9` of the server on air. The encoder dials again by itself, as encoders do.
import { clip, Redialling } from '../broadcast.mjs';
import { BINARY, Platform } from '../platform.mjs';
import { eventually, run as runProgram, sleep } from '../process.mjs';
import { watch } from '../viewer.mjs';

export const title = 'kill -9 of the server on air, ten times at random moments and once with nobody coming back';
const TIMES = Number(process.env.SIGMA_TIMES ?? 10);
const WINDOW_SECONDS = 20;

/** All that the API tells of channels and sessions. */
async function answers(platform) {
  const data = await platform.graphql(`{
    channels(first: 100) { nodes { id name state latencyMode autoGoLive maxSessionDuration reconnectWindow endOnUnpublish playbackId createdAt currentSession { id } } }
    sessions(first: 100) { nodes { id channel { id } state startedAt liveAt endedAt endReason input { protocol videoCodec width height frameRate audioCodec bitrate } } } }`);
  return JSON.stringify(data, null, 1);
}

async function rebuiltAnswersAreTheSame(piece, platform) {
  const before = await answers(platform);
  for (const name of ['channels', 'sessions']) await runProgram(BINARY, ['projections', 'rebuild', name, '--data-dir', platform.data]);
  await eventually('the read models are rebuilt', 30_000, async () => {
    const { projections } = await platform.graphql('{ projections { name lag parked rebuildProgress } }');
    return projections.every(({ lag, parked, rebuildProgress }) => lag === 0 && parked === 0 && rebuildProgress === null);
  });
  const after = await answers(platform);
  piece.rule('read models rebuilt from the log answer as before', after === before, `${before.length} characters compared`);
}

export async function run(piece) {
  const file = await clip();
  const platform = await Platform.start();
  const channel = await platform.channel('kill-nine', { latencyMode: 'ULTRA_LOW', reconnectWindow: WINDOW_SECONDS });
  const encoder = new Redialling(file, channel.push);
  await platform.whenPlayable(channel);
  const viewer = await watch(channel);
  const { id: first, startedAt } = await platform.whenState(channel, 'LIVE');
  const media = viewer.media;
  const [outages, backs, kept] = [[], [], []];

  for (let time = 1; time <= TIMES; time += 1) {
    await sleep(3000 + Math.random() * 9000);
    const gapBefore = viewer.gapSeconds;
    viewer.forgive = true;
    const killedAt = Date.now();
    await platform.kill();
    await sleep(Math.random() * 3000);
    await platform.launch();
    const session = await platform.whenState(channel, 'LIVE', (WINDOW_SECONDS + 5) * 1000);
    const back = Date.now() - killedAt;
    backs.push(back);
    piece.say(`${time}: ${session.id === first ? 'the same session' : `ANOTHER SESSION ${session.id}`} LIVE again ${back} ms after the kill`);
    if (session.id !== first) { piece.rule('the session resumes with the same id', false, `${first} became ${session.id} at kill ${time}`); break; }
    // The outage stands in the playlist when its gap segments and the first media after them are listed.
    const spans = viewer.spans.length;
    await eventually('media after the outage', 15_000, () => viewer.spans.length > spans || viewer.mediaAt > killedAt + back);
    await sleep(2500);
    viewer.forgive = false;
    outages.push(viewer.gapSeconds - gapBefore);
    kept.push(await viewer.again());
  }
  const [session] = await platform.sessions(channel);
  piece.rule(`${TIMES} kills: one session, the same id and start`, (await platform.sessions(channel)).length === 1 && session.startedAt === startedAt, `LIVE again after ${Math.min(...backs)} to ${Math.max(...backs)} ms`);
  const multivariant = await (await fetch(channel.playlist)).text();
  piece.rule('URIs go on', multivariant.includes(new URL(media).pathname), new URL(media).pathname.replace(/~.*/, '~…'));
  piece.rule('numbers go on, what was listed stands, tracks go on or are announced', viewer.faults.length === 0, viewer.faults.join('; ') || `${viewer.segments.size} segments, ${viewer.parts.size} parts`);
  piece.rule('what was listed is still there, the same bytes', kept.every((count) => count > 0), `${kept.join(', ')} segments fetched again`);
  piece.rule('each outage is a gap', outages.every((seconds) => seconds > 0) && viewer.discontinuities >= TIMES, `gap segments of ${outages.map((s) => s.toFixed(1)).join(', ')} s; ${viewer.discontinuities} discontinuities`);

  piece.say('the last kill: nobody comes back');
  viewer.forgive = true;
  await platform.kill();
  await encoder.crash();
  await platform.launch();
  const restartedAt = platform.startedAt;
  const ended = await platform.whenState(channel, 'ENDED', (WINDOW_SECONDS + 10) * 1000);
  const after = (Date.parse(ended.endedAt) - restartedAt) / 1000;
  piece.rule('who does not return ends NODE_LOST within window + 5 s of the start', ended.endReason === 'NODE_LOST' && after <= WINDOW_SECONDS + 5, `${ended.endReason} ${after.toFixed(1)} s after the start, window ${WINDOW_SECONDS} s`);
  await eventually('ENDLIST', 3000, () => viewer.ended, 20).catch(() => undefined);
  const endlist = Date.now() - Date.parse(ended.endedAt);
  piece.rule('ENDLIST within 2 s of the end', viewer.ended && endlist <= 2000, `${endlist} ms`);
  // The channel is let go by a process manager, a moment after the session's end.
  let shown;
  await eventually('the channel is free', 2000, async () => {
    ({ channel: shown } = await platform.graphql('query($id: ID!) { channel(id: $id) { state currentSession { id } } }', { id: channel.id }));
    return shown.currentSession === null;
  }).catch(() => undefined);
  piece.rule('nothing stays on air that is not', shown.state === 'IDLE' && shown.currentSession === null, `${JSON.stringify(shown)} ${Date.now() - Date.parse(ended.endedAt)} ms after the end`);
  await rebuiltAnswersAreTheSame(piece, platform);
  viewer.stop();
}
