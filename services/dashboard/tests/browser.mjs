// Debian's Chromium, driven for the measuring scripts, and what is measured inside a page.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import * as clock from './burnt-clock.mjs';

export const FLAGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--autoplay-policy=no-user-gesture-required',
];

/**
 * @param {string} profile an empty folder, the caller's to remove
 * @param {import('playwright-core').BrowserContextOptions} [options]
 */
export function openBrowser(profile, options = {}) {
  return chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true, args: FLAGS, viewport: { width: 1280, height: 800 }, ...options,
  });
}

/**
 * Runs `act` with a page of a fresh browser, and leaves nothing behind.
 * @template T
 * @param {(page: import('playwright-core').Page) => Promise<T>} act
 * @param {import('playwright-core').BrowserContextOptions} [options]
 * @returns {Promise<T>}
 */
export async function withPage(act, options = {}) {
  const profile = await mkdtemp(join(tmpdir(), 'sigma-chromium-'));
  const context = await openBrowser(profile, options);
  try {
    return await act(context.pages()[0] ?? (await context.newPage()));
  } finally {
    await context.close();
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Runs inside the page: looks at the first video from its first picture on. Text, so that it goes round the page's script policy. */
function sampler() {
  const found = {
    firstPictureMs: null, pictureAt: null, glass: [], unread: 0, dates: [], rates: {}, stalls: 0, stalledMs: 0, longestStillMs: 0,
    // The time of the media may go on (there is sound) while the picture does not.
    frames: 0, freezes: 0, longestFreezeMs: 0,
  };
  window.measured = found;
  const canvas = new OffscreenCanvas(clock.BITS * 4, 8);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  let video = null;
  let frameAt = null;
  let last = { time: -1, at: 0, still: false };

  function onFrame() {
    const at = Date.now();
    if (found.firstPictureMs === null) {
      found.firstPictureMs = Math.round(performance.now());
      found.pictureAt = at;
      last = { time: video.currentTime, at: performance.now(), still: false };
    }
    const now = performance.now();
    if (frameAt !== null && !document.hidden) {
      found.longestFreezeMs = Math.max(found.longestFreezeMs, Math.round(now - frameAt));
      if (now - frameAt > 300) found.freezes += 1;
    }
    frameAt = now;
    // Every third frame is enough for percentiles, and leaves the machine to the player.
    if (found.frames++ % 3 === 0) {
      context.drawImage(video, 0, 0, video.videoWidth, clock.stripHeight(video.videoWidth), 0, 0, canvas.width, canvas.height);
      const drawn = clock.readStrip(context.getImageData(0, 0, canvas.width, canvas.height), at);
      if (drawn === null) found.unread += 1;
      else found.glass.push([at, at - drawn]);
    }
    video.requestVideoFrameCallback(onFrame);
  }

  setInterval(() => {
    const current = document.querySelector('video');
    if (current !== null && current !== video) {
      video = current;
      video.requestVideoFrameCallback(onFrame);
    }
    if (video === null || found.firstPictureMs === null) return;
    const now = performance.now();
    if (video.currentTime !== last.time) {
      if (last.still) found.stalledMs += Math.round(now - last.at);
      last = { time: video.currentTime, at: now, still: false };
    } else if (!video.paused && !video.seeking && !video.ended) {
      found.longestStillMs = Math.max(found.longestStillMs, Math.round(now - last.at));
      if (!last.still && now - last.at > 300) {
        last.still = true;
        found.stalls += 1;
      }
    }
    found.rates[video.playbackRate] = (found.rates[video.playbackRate] ?? 0) + 1;
  }, 50);

  setInterval(async () => {
    const at = Date.now();
    const date = await window.playingDate?.();
    if (typeof date === 'number' && found.pictureAt !== null) found.dates.push([at, at - date]);
  }, 250);
}

function sourceOfSampler() {
  const functions = [clock.stripHeight, clock.decodeRows, clock.nearest, clock.readStrip].map(String).join('\n');
  const constants = `const BITS = ${clock.BITS}, CLEAR = ${clock.CLEAR}, WRAP = 2 ** BITS;`;
  return `(() => { ${constants}\n${functions}\nconst clock = { BITS, stripHeight, readStrip };\n(${sampler})(); })()`;
}

/**
 * Begins to measure, at once or as soon as there is a video.
 * @param {import('playwright-core').Page} page
 */
export async function measure(page) {
  await page.evaluate(sourceOfSampler());
}

/**
 * What has been measured so far.
 * @param {import('playwright-core').Page} page
 * @param {{warmupSeconds: number}} options the first seconds of the picture are left out of the percentiles
 */
export async function report(page, { warmupSeconds }) {
  const found = await page.evaluate(() => {
    const quality = document.querySelector('video')?.getVideoPlaybackQuality();
    return { ...window.measured, droppedFrames: quality?.droppedVideoFrames ?? null, totalFrames: quality?.totalVideoFrames ?? null };
  });
  const { glass, dates, pictureAt, ...rest } = found;
  const from = (pictureAt ?? Infinity) + warmupSeconds * 1000;
  return { ...rest, latency: percentiles(dates, from), glassToGlass: percentiles(glass, from) };
}

/**
 * @param {[number, number][]} samples time of sampling and value, both in milliseconds
 * @param {number} from
 */
function percentiles(samples, from) {
  const values = samples.filter(([at]) => at >= from).map(([, value]) => value).sort((a, b) => a - b);
  if (values.length === 0) return null;
  const at = (share) => Math.round(values[Math.min(values.length - 1, Math.floor(share * values.length))]);
  return { samples: values.length, minMs: at(0), p50Ms: at(0.5), p95Ms: at(0.95), maxMs: at(1) };
}

/** `--name value` pairs and bare words of the command line; exits with the usage on what it does not know. */
export function commandLine(usage, known) {
  const words = [];
  const options = { ...known };
  const given = process.argv.slice(2);
  while (given.length > 0) {
    const word = given.shift();
    const name = word.startsWith('--') ? word.slice(2) : null;
    if (name === null) words.push(word);
    else if (!(name in options)) fail(`unknown option ${word}\n${usage}`);
    else if (typeof options[name] === 'boolean') options[name] = true;
    else options[name] = typeof options[name] === 'number' ? Number(given.shift()) : given.shift();
  }
  if (words.length !== 1) fail(usage);
  return { url: words[0], ...options };
}

/** @returns {never} */
export function fail(message) {
  console.error(message);
  process.exit(2);
}

/** Prints as JSON or as a few lines to read; answers the exit code: 1 when there was no picture. */
export function tell(result, json) {
  if (json) {
    console.log(JSON.stringify(result));
  } else {
    for (const [name, value] of Object.entries(result)) console.log(`${name.padEnd(18)} ${typeof value === 'string' ? value : JSON.stringify(value)}`);
  }
  return result.firstPictureMs === null ? 1 : 0;
}
