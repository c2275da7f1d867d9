// hls.js as our own pages set it: 50 minutes in ULTRA_LOW and LOW with outages in between.
import { clip } from '../broadcast.mjs';
import { Platform } from '../platform.mjs';
import { throughOutages } from '../through-outages.mjs';
import { judgeViewers } from './players.mjs';

export const title = 'hls.js in Chromium, set as on our pages, in ULTRA_LOW and LOW, for 50 minutes; the encoders away for 5, 30, 10 and 20 s in between';
const MINUTES = Number(process.env.SIGMA_MINUTES ?? 50);

export async function run(piece) {
  const platform = await Platform.start();
  const seconds = MINUTES * 60;
  const outages = [5, 30, 10, 20].map((away, index) => ({ at: (index + 1) * seconds / 5, seconds: away }));
  const { viewers, oneSession } = await throughOutages(platform, { file: await clip(), players: ['hls-tuned'], seconds, outages, say: (text) => piece.say(text) });
  judgeViewers(piece, viewers);
  piece.rule('the outages fell into one session each', oneSession, '');
}
