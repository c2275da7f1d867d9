// The judge of LL-HLS on our own origin, for so long that in every mode each rule that applies is seen.
import { clip, feed, stop } from '../broadcast.mjs';
import { brokenIn, judged, rulesOf } from '../judged.mjs';
import { Platform } from '../platform.mjs';
import { sleep } from '../process.mjs';

const SECONDS = Number(process.env.SIGMA_SECONDS ?? 210);
/** Silence is found out only after a blocked request of a 2 s target duration was answered 503. */
const SILENCE = 8;
/** No date ranges, no byte ranges, one rendition; in clear there is no HTTP/2 to ask for; and those of recordings. */
const NEVER = [6, 33, 37, 38, 39, 41, 45, 46, 47, 48, 49, 50];
/** Those of parts and hints. */
const PARTS = [2, 7, 8, 10, 11, 13, 14, 25, 26, 34, 35];
/** Beside them, what a mode cannot show: where the skip boundary is the window itself no delta skips anything (32), and in NORMAL nothing is blocked for 3 target durations (18 s) but by what rule 12 forbids. */
const MODES = { ULTRA_LOW: { none: [], unseen: [] }, LOW: { none: PARTS, unseen: [32] }, NORMAL: { none: PARTS, unseen: [30, 32] } };

export const title = `Our origin before the judge (sigma hls-check), all three modes for ${SECONDS} s: an encoder that crashes, one that freezes, a stop`;

export async function run(piece) {
  const file = await clip();
  const platform = await Platform.start({ flags: ['--ingest-silence', String(SILENCE)] });
  const channels = await Promise.all(Object.keys(MODES).map((latencyMode) => platform.channel(latencyMode, { latencyMode })));
  const began = Date.now();
  const until = (share) => sleep(Math.max(0, began + share * SECONDS * 1000 - Date.now()));
  let feeds = channels.map((channel) => feed(file, channel.push));
  await Promise.all(channels.map((channel) => platform.whenPlayable(channel)));
  const reports = channels.map((channel) => judged(channel.playlist, SECONDS + 60));
  await until(0.45);
  piece.say('the three encoders crash');
  await Promise.all(feeds.map((program) => program.end('SIGKILL')));
  await sleep(3_000);
  feeds = channels.map((channel) => feed(file, channel.push));
  await until(0.7);
  piece.say('they freeze');
  feeds.forEach((program) => program.signal('SIGSTOP'));
  await sleep((SILENCE + 8) * 1000);
  await Promise.all(feeds.map((program) => program.end('SIGKILL')));
  feeds = channels.map((channel) => feed(file, channel.push));
  await until(1);
  piece.say('and stop');
  await Promise.all(feeds.map(stop));
  for (const [index, report] of (await Promise.all(reports)).entries()) {
    const { name } = channels[index];
    const numbers = (verdict) => rulesOf(report, verdict).map(({ rule }) => rule);
    const broken = brokenIn(report);
    const none = [...NEVER, ...MODES[name].none].sort((a, b) => a - b);
    const told = `${numbers('kept').length} kept, not seen [${numbers('not_seen')}], not applicable [${numbers('not_applicable')}]; ${report.answers} answers in ${Math.round(report.milliseconds / 1000)} s`;
    piece.rule(`${name}: no rule is broken`, broken.length === 0, [told, ...broken].join('; '));
    piece.rule(`${name}: every rule that applies is seen`, String(numbers('not_seen')) === String(MODES[name].unseen), `not seen [${numbers('not_seen')}]`);
    piece.rule(`${name}: what applies is known`, String(numbers('not_applicable')) === String(none), `not applicable [${numbers('not_applicable')}]`);
  }
}
