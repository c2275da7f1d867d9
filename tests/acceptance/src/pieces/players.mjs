// hls.js, shaka-player (in its sequence mode) and video.js, each in ULTRA_LOW and LOW, while the encoders go away and come back.
import { clip } from '../broadcast.mjs';
import { Platform } from '../platform.mjs';
import { throughOutages, told } from '../through-outages.mjs';

export const title = 'hls.js, shaka-player and video.js side by side in Chromium, in ULTRA_LOW and LOW, for 5 minutes; the encoders away for 5, 20 and 10 s in between';
const SECONDS = Number(process.env.SIGMA_SECONDS ?? 300);
/** Media time that stands still for longer than this with nothing away is the platform's fault or the player's, not a busy machine's. */
const STALL_MS = 3_000;

export async function run(piece) {
  const platform = await Platform.start();
  const outages = [[0.2, 5], [0.4, 20], [0.7, 10]].map(([share, seconds]) => ({ at: share * SECONDS, seconds }));
  const { viewers, oneSession } = await throughOutages(platform, {
    file: await clip(), players: ['hls', 'shaka-sequence', 'video'], seconds: SECONDS, outages, say: (text) => piece.say(text),
  });
  judgeViewers(piece, viewers);
  piece.rule('the outages fell into one session each', oneSession, '');
}

/** A row for each player and mode, and what is asked of it. */
export function judgeViewers(piece, viewers) {
  for (const viewer of viewers) {
    piece.rule(`${viewer.name}: its picture moves, and goes on after each outage`, viewer.moves && viewer.outages.every(({ goesOn }) => goesOn), told(viewer));
    piece.rule(`${viewer.name}: does not stand still for more than ${STALL_MS / 1000} s beyond the outages`, viewer.longestStallMs <= STALL_MS, `longest ${viewer.longestStallMs} ms`);
    piece.aim(`${viewer.name}: no stall beyond the outages`, viewer.stalls === 0, `${viewer.stalls} over 300 ms`);
    const most = viewer.mode === 'LOW' ? 10_000 : 4_000;
    piece.aim(`${viewer.name}: p95 at most ${most / 1000} s behind`, viewer.p95Ms !== null && viewer.p95Ms <= most, `${viewer.p95Ms} ms`);
  }
}
