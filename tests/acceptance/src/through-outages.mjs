// Players side by side, each in ULTRA_LOW and LOW, while both encoders go away and come back: what each viewer saw.
import { feed } from './broadcast.mjs';
import { eventually, sleep } from './process.mjs';
import { longestStill, open } from './side-by-side.mjs';

/** Each mode, and how far behind its viewers may be: what was lost reaches them that much later. */
const MODES = { ULTRA_LOW: 4_000, LOW: 12_000 };
/** A player may need this much to find its place again. */
const SETTLE_MS = 5_000;
/** A gap is out of the window when that is eight target durations long without it, and both modes have 2 s. */
const GAP_LEAVES_MS = 18_000;
/** The first seconds of a picture are not judged: a player finds its distance. */
const WARMUP_MS = 5_000;

/**
 * Which players stand before a gap until it has left the window (docs/players.md): video.js knows none, and shaka-player stops at one
 * that came last in the playlist, as it does where there are no parts.
 */
const standsBeforeGaps = (player, mode) => player === 'video' || (player.startsWith('shaka') && mode === 'LOW');

/** How long after an encoder's return a viewer is judged again: what happened at the edge reaches him later, and then he finds his place. */
const settledMs = (player, mode) => (standsBeforeGaps(player, mode) ? GAP_LEAVES_MS : 0) + MODES[mode] + SETTLE_MS;

/**
 * Two channels, fed by encoders that die at the given seconds, each for as long as it says, and dial again.
 * @param {object} platform
 * @param {{file: string, players: string[], seconds: number, outages: {at: number, seconds: number}[], say?: (text: string) => void, during?: (page: object) => Promise<void>}} plan
 * @returns what each player showed in each mode, and the outages as they were
 */
export async function throughOutages(platform, { file, players, seconds, outages, say = () => undefined, during = async () => undefined }) {
  const channels = await Promise.all(Object.keys(MODES).map((latencyMode) => platform.channel(latencyMode, { latencyMode })));
  let feeds = channels.map(({ push }) => feed(file, push));
  // shaka-player 5.2.12 breaks ("reading 'match'") where it joins a playlist of one segment.
  await Promise.all(channels.map(({ name, playlist }) => eventually(`${name} lists three segments`, 60_000, async () => (await segmentsOf(playlist)) >= 3)));
  const viewers = channels.flatMap(({ name: mode, playlist }) => players.map((player) => ({ player, mode, url: playlist, name: `${player} in ${mode}` })));
  const browser = await open(viewers);
  try {
    await eventually('every player shows a picture', 60_000, async () => (await browser.frames()).every((frames) => frames.length > 30), 500);
    const began = Date.now();
    const until = (second) => sleep(Math.max(0, began + second * 1000 - Date.now()));
    say(`${viewers.length} players show a picture`);
    const watched = during(browser.page);
    const were = [];
    for (const outage of outages) {
      await until(outage.at);
      await Promise.all(feeds.map((one) => one.end('SIGKILL')));
      const lostAt = Date.now();
      await sleep(outage.seconds * 1000);
      feeds = channels.map(({ push }) => feed(file, push));
      await Promise.all(channels.map((channel) => platform.whenState(channel, 'LIVE', 30_000)));
      were.push({ lostAt, backAt: Date.now(), seconds: outage.seconds });
      say(`away for ${outage.seconds} s, and back`);
    }
    await until(seconds);
    await watched;
    const ended = Date.now();
    const [seen, problems] = [await browser.seen(), await browser.problems()];
    const sessions = await Promise.all(channels.map((channel) => platform.sessions(channel)));
    return {
      oneSession: sessions.every((some) => some.length === 1),
      viewers: viewers.map(({ player, mode, name }, index) => ({
        player, mode, name, ...judge(seen[index], { began, ended, outages: were, settledMs: settledMs(player, mode) }),
        problems: problems.filter((text) => text.startsWith(`${name}: `)).map((text) => text.slice(name.length + 2)),
      })),
    };
  } finally {
    await browser.close();
    await Promise.all(feeds.map((one) => one.end('SIGKILL')));
  }
}

/** How many whole segments a channel's media playlist lists. */
async function segmentsOf(playlist) {
  const answer = await fetch(playlist);
  if (!answer.ok) return 0;
  const uri = (await answer.text()).split('\n').find((line) => line !== '' && !line.startsWith('#'));
  return (await (await fetch(new URL(uri, playlist))).text()).split('#EXTINF').length - 1;
}

/** What one player's times say. A stall counts where it reaches into a time in which nothing was away. */
export function judge({ frames, stills, latencies, droppedFrames, totalFrames }, { began, ended, outages, settledMs: settled }) {
  const starts = [began + WARMUP_MS, ...outages.map(({ backAt }) => backAt + settled)];
  const calm = starts.map((from, index) => [from, outages[index]?.lostAt ?? ended]).filter(([from, to]) => to > from);
  const stalls = stills.filter(([from, to]) => calm.some((span) => from < span[1] && to > span[0]));
  const behind = latencies.filter(([at]) => calm.some(([from, to]) => at >= from && at <= to)).map(([, ms]) => ms).sort((a, b) => a - b);
  const share = (part) => (behind.length === 0 ? null : Math.round(behind[Math.min(behind.length - 1, Math.floor(part * behind.length))]));
  return {
    moves: frames.filter((at) => at > ended - 5_000).length > 10,
    stalls: stalls.length, longestStallMs: Math.max(0, ...stalls.map(([from, to]) => to - from)),
    longestPictureMs: Math.max(0, ...calm.map(([from, to]) => longestStill(frames, from, to))),
    // How long each outage took the picture away, and how much of that was the player's own.
    outages: outages.map(({ lostAt, backAt, seconds }, index) => {
      const withoutMs = longestStill(frames, lostAt, Math.min(backAt + settled, outages[index + 1]?.lostAt ?? ended));
      return { seconds, withoutMs, beyondMs: Math.max(0, withoutMs - (backAt - lostAt)), goesOn: withoutMs - (backAt - lostAt) < settled };
    }),
    p50Ms: share(0.5), p95Ms: share(0.95), droppedFrames, totalFrames,
  };
}

/** One line on what was seen. */
export function told({ p50Ms, p95Ms, stalls, longestStallMs, longestPictureMs, outages, droppedFrames, totalFrames, problems }) {
  const seconds = (ms) => (ms / 1000).toFixed(1);
  return `by the playlist's dates p50 ${seconds(p50Ms)} s, p95 ${seconds(p95Ms)} s behind; ${stalls} stalls${stalls > 0 ? ` (longest ${longestStallMs} ms)` : ''}, longest picture ${longestPictureMs} ms; `
    + `${droppedFrames} of ${totalFrames} frames dropped; without a picture for ${outages.map((outage) => `${seconds(outage.withoutMs)} s (outage ${outage.seconds} s)`).join(', ')}`
    + `${problems.length > 0 ? `; it told ${[...new Set(problems)].join(', ')} (${problems.length} times)` : ''}`;
}
