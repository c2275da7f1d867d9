// A player in a page of Chromium that is sent to places in what it plays, and tells what it showed there.
import { openBrowser } from '../../../services/dashboard/tests/browser.mjs';
import { PLAYERS, servePage } from '../../../services/dashboard/tests/player-pages.mjs';
import { temporaryFolder } from './process.mjs';

/** How long a player may take to show a picture, and to come past a break, in milliseconds. */
const PATIENCE_MS = 20_000;

/** A file, by the browser itself. */
const FILE = `
  video.addEventListener('error', () => problem(video.error?.message ?? 'error'));
  const player = undefined;
  video.src = url;`;

const html = (how, url) => `<!doctype html><meta charset="utf-8"><title>playback</title>
<script src="/${PLAYERS.hls.script}"></script>
<video id="v" muted playsinline width="400" height="225"></video>
<script>
  window.problems = [];
  const problem = (text) => { window.problems.push(text); };
  const url = ${JSON.stringify(url)};
  const video = document.getElementById('v');
  ${how}
  window.hls = player;
  let [shown, waiting] = [-1, []];
  const onFrame = (_, { mediaTime }) => {
    shown = mediaTime;
    waiting = waiting.filter((one) => !one(mediaTime));
    video.requestVideoFrameCallback(onFrame);
  };
  video.requestVideoFrameCallback(onFrame);
  /** Waits for a frame of a time that is wanted; answers the milliseconds that it took, or nothing. */
  const frame = (wanted) => new Promise((resolve) => {
    const began = performance.now();
    const late = setTimeout(() => resolve(null), ${PATIENCE_MS});
    waiting.push((time) => { if (!wanted(time)) return false; clearTimeout(late); resolve(performance.now() - began); return true; });
  });
  const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
  const until = async (holds) => { for (let left = ${PATIENCE_MS}; left > 0 && !holds(); left -= 20) await pause(20); return holds(); };
  /** What the player knows of where media begins and ends, and of the places where it is broken. */
  window.known = async () => {
    await until(() => video.readyState >= 1 && video.seekable.length > 0 && (window.hls === undefined || window.hls.levels?.[0]?.details !== undefined));
    if (video.seekable.length === 0) return null;
    // A file keeps the times of what was sent: one that is not the first begins later than at 0, and is played from there by itself.
    let begins = video.seekable.start(0);
    if (window.hls === undefined) {
      video.play().catch(() => undefined);
      if (await frame(() => true) === null) return null;
      begins = shown;
    }
    const fragments = (window.hls?.levels?.[0]?.details?.fragments ?? []).filter(({ gap }) => !gap);
    const breaks = fragments.slice(1).flatMap((fragment, index) => (fragment.cc === fragments[index].cc ? [] : [{ ends: fragments[index].end, begins: fragment.start }]));
    const ends = video.seekable.end(video.seekable.length - 1);
    // What is between gaps; a file has none.
    const media = fragments.length === 0 ? [[begins, ends]] : fragments.map(({ start, end }) => [start, end]);
    return { begins, ends, breaks, media };
  };
  /** Goes to a place and plays on past another. */
  window.visit = async (place, past) => {
    // What was painted for the place before must not be taken for this one.
    const picture = frame((time) => time >= place - 0.5 && time <= Math.max(past, place + 3));
    video.currentTime = place;
    video.play().catch(() => undefined);
    const pictureMs = await picture;
    const reached = pictureMs !== null && (shown >= past || (await frame((time) => time >= past)) !== null);
    return { place, pictureMs, reached, shown, width: video.videoWidth, height: video.videoHeight };
  };
  /** Whether pictures can be decoded: their sizes, or nothing. */
  window.pictures = (urls) => Promise.all(urls.map(async (src) => {
    const image = new Image();
    image.src = src;
    return image.decode().then(() => [image.naturalWidth, image.naturalHeight], () => null);
  }));
</script>`;

/** Opens a page that plays `url`: by hls.js as its makers ship it, or, where it is a file, by the browser itself. */
export async function play(url, { isFile = false } = {}) {
  const served = await servePage(html(isFile ? FILE : PLAYERS.hls.begin, url));
  const context = await openBrowser(temporaryFolder('chromium'));
  const page = context.pages()[0] ?? await context.newPage();
  await page.goto(served.url);
  return {
    known: () => page.evaluate(() => window.known()),
    visit: (place, past) => page.evaluate(([at, to]) => window.visit(at, to), [place, past]),
    pictures: (urls) => page.evaluate((all) => window.pictures(all), urls),
    problems: () => page.evaluate(() => window.problems),
    async close() { await context.close(); served.close(); },
  };
}

/**
 * Plays its beginning, across every break, some places between and its end. Answers what was wrong (nothing where all was shown) and a
 * line on it.
 */
export async function tour(url, options) {
  const player = await play(url, options);
  try {
    const known = await player.known();
    if (known === null) return { wrong: [`nothing can be played: ${(await player.problems()).join(', ')}`], told: '' };
    const { begins, ends, breaks, media } = known;
    // A share of the media, so that no place is in a gap.
    const at = (share) => {
      let left = media.reduce((sum, [from, to]) => sum + to - from, 0) * share;
      for (const [from, to] of media) {
        if (left < to - from) return Math.min(from + left, Math.max(from, to - 1.2));
        left -= to - from;
      }
      return begins;
    };
    const last = Math.max(begins, ends - 4);
    const places = [
      [begins, begins + 1], ...breaks.map((one) => [Math.max(begins, one.ends - 1.5), one.begins + 1]), ...[0.8, 0.2, 0.5].map((share) => [at(share), at(share) + 1]),
      [last, Math.min(last + 1, ends - 0.2)],
    ];
    const [wrong, times, sizes] = [[], [], new Set()];
    for (const [place, past] of places) {
      const seen = await player.visit(place, past);
      if (seen.pictureMs === null) wrong.push(`no picture at ${place.toFixed(1)} s`);
      else if (!seen.reached) wrong.push(`from ${place.toFixed(1)} s it came to ${seen.shown.toFixed(1)} s and not to ${past.toFixed(1)} s`);
      if (seen.pictureMs !== null) times.push(Math.round(seen.pictureMs));
      sizes.add(`${seen.width}x${seen.height}`);
    }
    wrong.push(...await player.problems());
    return { wrong, told: `${(ends - begins).toFixed(1)} s, ${breaks.length} breaks played across, ${places.length} places, a picture after ${Math.max(...times)} ms at most; ${[...sizes].join(', ')}`, times, breaks };
  } finally {
    await player.close();
  }
}
