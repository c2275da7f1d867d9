// Several players side by side in one page of Chromium, each with what it showed and when: to see who goes on after an outage.
import { openBrowser } from '../../../services/dashboard/tests/browser.mjs';
import { PLAYERS, servePage } from '../../../services/dashboard/tests/player-pages.mjs';
import { temporaryFolder } from './process.mjs';

/** Media time that does not move for longer than this is a stall, in milliseconds. */
const STILL_MS = 300;

/** Runs inside the page for each video: what it shows, by the wall clock. */
function watch(video, playingDate) {
  const seen = { frames: [], stills: [], latencies: [] };
  const onFrame = () => { seen.frames.push(Date.now()); video.requestVideoFrameCallback(onFrame); };
  video.requestVideoFrameCallback(onFrame);
  let [last, since, looks] = [-1, 0, 0];
  setInterval(() => {
    if (seen.frames.length === 0) return;
    const now = Date.now();
    // Looks are counted too: a page that gets no turn sees the same time twice, and that is not the player's stall.
    if (video.currentTime === last && !video.paused && !video.ended) { looks += 1; return; }
    if (now - since > STILL && looks > STILL / 100) seen.stills.push([since, now]);
    [last, since, looks] = [video.currentTime, now, 0];
  }, 50);
  setInterval(() => {
    const [at, date] = [Date.now(), seen.frames.length > 0 ? playingDate() : undefined];
    if (typeof date === 'number' && Number.isFinite(date)) seen.latencies.push([at, at - date]);
  }, 500);
  // What stands still now is a still too.
  return () => {
    const now = Date.now();
    const quality = video.getVideoPlaybackQuality();
    const stills = looks > STILL / 100 && now - since > STILL ? [...seen.stills, [since, now]] : seen.stills;
    return { ...seen, stills, droppedFrames: quality.droppedVideoFrames, totalFrames: quality.totalVideoFrames };
  };
}

const html = (players) => `<!doctype html><meta charset="utf-8"><title>side by side</title>
${[...new Set(players.map(({ player }) => PLAYERS[player].script))].map((script) => `<script src="/${script}"></script>`).join('\n')}
${players.map((_, index) => `<video id="v${index}" muted autoplay playsinline width="400" height="225"></video>`).join('\n')}
<script>
  const STILL = ${STILL_MS};
  ${watch}
  window.tell = [];
  window.problems = [];
  ${players.map(({ player, url, name = player }, index) => `{
    const url = ${JSON.stringify(url)};
    const video = document.getElementById('v${index}');
    const problem = (text) => { window.problems.push(${JSON.stringify(name)} + ': ' + text); };
    ${PLAYERS[player].begin}
    // video.js moves the element; the node stays the same.
    window.tell[${index}] = watch(video, playingDate);
  }`).join('\n')}
</script>`;

/**
 * Opens the page. `seen()` answers for each player the wall-clock times of its frames, when its media time stood still (from, to), how far
 * its picture was behind the wall clock by the playlist's dates (when, ms), and how many frames it dropped.
 * @param {{player: string, url: string, name?: string}[]} players
 * @param {{roundTripMs?: number}} network how long the page's requests take on their way there and back
 */
export async function open(players, { roundTripMs = 0 } = {}) {
  const served = await servePage(html(players));
  const context = await openBrowser(temporaryFolder('chromium'));
  const page = context.pages()[0] ?? await context.newPage();
  const devtools = await context.newCDPSession(page);
  await devtools.send('Network.enable');
  await devtools.send('Network.emulateNetworkConditions', { offline: false, latency: roundTripMs, downloadThroughput: -1, uploadThroughput: -1 });
  await page.goto(served.url);
  return {
    page,
    seen: () => page.evaluate(() => window.tell.map((tell) => tell())),
    frames: () => page.evaluate(() => window.tell.map((tell) => tell().frames)),
    problems: () => page.evaluate(() => window.problems),
    async close() { await context.close(); served.close(); },
  };
}

/** The longest time without a frame between two moments. */
export function longestStill(frames, from, to) {
  const within = [from, ...frames.filter((at) => at > from && at < to), to];
  return Math.max(...within.slice(1).map((at, index) => at - within[index]));
}
