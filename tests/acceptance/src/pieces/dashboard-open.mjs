// A session's page that is left open: what the browser holds for it stays, and it is still right.
import { fileURLToPath } from 'node:url';
import { clip, feed } from '../broadcast.mjs';
import { Platform } from '../platform.mjs';
import { outcome } from '../process.mjs';

export const title = 'The page of a live session, left open in Chromium for 45 minutes';
const MINUTES = Number(process.env.SIGMA_OPEN_MINUTES ?? 45);

export async function run(piece) {
  const platform = await Platform.start();
  const channel = await platform.channel('Left open', { latencyMode: 'ULTRA_LOW' });
  const broadcast = feed(await clip(), channel.push);
  const session = await platform.whenState(channel, 'LIVE', 60_000);
  const script = fileURLToPath(new URL('../../../../services/dashboard/tests/session-memory.mjs', import.meta.url));
  const { code, stdout, stderr } = await outcome('node', [script, platform.url(`/sessions/${session.id}`), '--token', platform.token, '--minutes', String(MINUTES), '--json'], { withinMs: (MINUTES + 5) * 60_000 });
  if (stdout.trim() === '') throw new Error(`session-memory.mjs ended with ${code}: ${stderr.slice(-1500)}`);
  const { growth, stale, faults, samples, warmupMinutes } = JSON.parse(stdout.trim().split('\n').at(-1));
  const told = Object.entries(growth).map(([name, percent]) => `${name} ${percent === null ? '–' : `${percent.toFixed(1)} %`}`).join(', ');
  const last = samples.at(-1);
  piece.rule(`from minute ${warmupMinutes.toFixed(0)} on, when the charts are full, nothing grows by more than 10 %`, Object.values(growth).every((percent) => percent === null || percent <= 10), told);
  piece.rule('the page is right all the time: a sample of the last seconds, no script error, nothing refused', stale.length === 0 && faults.length === 0, [...stale, ...faults].slice(0, 4).join('; ') || `${samples.length} looks`);
  piece.figure('held at the end', `heap ${(last.heap / 2 ** 20).toFixed(1)} MiB, ${last.nodes} nodes, ${last.listeners} listeners, renderer ${last.rss === null ? '–' : `${(last.rss / 2 ** 20).toFixed(0)} MiB`}`);
  piece.rule('the encoder ran through', broadcast.isRunning, '');
}
