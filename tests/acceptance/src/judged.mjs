// What `sigma hls-check` says of a playlist.
import { BINARY } from './platform.mjs';
import { Program } from './process.mjs';

/** Has it look for so many seconds; answers its report. */
export async function judged(url, seconds) {
  const program = new Program(BINARY, ['hls-check', url, '--json', '--seconds', String(seconds)]);
  await program.ended;
  if (!program.words.includes('{')) throw new Error(`hls-check ${url}: ${program.words.slice(-500)}`);
  // Its words for people, on stderr, stand around it.
  return JSON.parse(program.words.slice(program.words.indexOf('{'), program.words.lastIndexOf('}') + 1));
}

/** The rules of a report with a verdict. */
export const rulesOf = (report, verdict) => report.rules.filter((rule) => rule.verdict === verdict);

/** What was broken, each with what shows it. */
export const brokenIn = (report) => rulesOf(report, 'broken').map(({ rule, evidence }) => `${rule}: ${JSON.stringify(evidence).slice(0, 300)}`);
