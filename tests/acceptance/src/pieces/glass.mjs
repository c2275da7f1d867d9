// From a clock burnt into the picture before the encoder to the same clock read in Chromium.
import { clockBroadcast } from '../broadcast.mjs';
import { barePlayer, told, watchPage } from '../measure.mjs';
import { Platform } from '../platform.mjs';
import { sleep } from '../process.mjs';

export const title = 'ULTRA_LOW, 1 s key frames, 720p30, a clock burnt into the picture and read in Chromium over 60 s';
const SECONDS = Number(process.env.SIGMA_SECONDS ?? 60);

export async function run(piece) {
  const platform = await Platform.start();
  const channel = await platform.channel('glass', { latencyMode: 'ULTRA_LOW' });
  const encoder = clockBroadcast([channel.push], { width: 1280, height: 720, rate: 30, gopSeconds: 1 });
  await platform.whenPlayable(channel);
  await sleep(8000);

  const page = await watchPage(channel.watch, { seconds: SECONDS });
  piece.rule('our watch page plays', page.firstPictureMs !== null && page.glassToGlass !== null, told(page));
  piece.aim('our watch page: p95 at most 1.8 s (aim 1.6)', page.glassToGlass?.p95Ms <= 1800, `${page.glassToGlass?.p95Ms} ms`);
  piece.aim('our watch page: no stall', page.stalls === 0, `${page.stalls} stalls`);
  piece.rule('our watch page asks no foreign host and breaks no policy', page.foreign.length === 0 && page.refused.length === 0, [...page.foreign, ...page.refused].join(', '));

  const bare = await barePlayer(channel.playlist, 'hls', { seconds: SECONDS });
  piece.rule('bare hls.js plays', bare.firstPictureMs !== null && bare.glassToGlass !== null, told(bare));
  piece.aim('bare hls.js: p95 at most 2.5 s', bare.glassToGlass?.p95Ms <= 2500, `${bare.glassToGlass?.p95Ms} ms`);
  piece.aim('bare hls.js: no stall', bare.stalls === 0, `${bare.stalls} stalls`);
  for (const player of ['shaka', 'shaka-sequence', 'video']) {
    const seen = await barePlayer(channel.playlist, player, { seconds: SECONDS / 2 });
    piece.rule(`${player} plays`, seen.firstPictureMs !== null && seen.totalFrames > SECONDS * 5, told(seen));
    piece.aim(`${player}: no stall`, seen.stalls === 0, `${seen.stalls} stalls`);
  }
  piece.rule('the encoder ran through', encoder.isRunning, encoder.words.slice(-300));
}
