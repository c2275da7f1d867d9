// Chromium measures: the scripts of services/dashboard, run as they are.
import { fileURLToPath } from 'node:url';
import { outcome } from './process.mjs';

const SCRIPTS = new URL('../../../services/dashboard/tests/', import.meta.url);

async function script(name, args) {
  const { code, stdout, stderr } = await outcome('node', [fileURLToPath(new URL(name, SCRIPTS)), ...args, '--json']);
  if (stdout.trim() === '') throw new Error(`${name} ${args.join(' ')} ended with ${code}: ${stderr.slice(-1000)}`);
  return JSON.parse(stdout.trim().split('\n').at(-1));
}

/** What a viewer sees on our own page. */
export const watchPage = (url, { seconds = 60, warmup = 5 } = {}) => script('watch.mjs', [url, '--seconds', String(seconds), '--warmup', String(warmup)]);

/** What a player as its makers ship it shows in a bare page. */
export const barePlayer = (url, player, { seconds = 60, warmup = 5 } = {}) => script('players.mjs', [url, '--player', player, '--seconds', String(seconds), '--warmup', String(warmup)]);

/** One line on what was seen. */
export function told(found) {
  const glass = found.glassToGlass;
  const figures = glass === null ? 'the clock was never read' : `glass to glass p50 ${glass.p50Ms} ms, p95 ${glass.p95Ms} ms, max ${glass.maxMs} ms (${glass.samples} readings)`;
  return `${figures}; first picture after ${found.firstPictureMs} ms; ${found.stalls} stalls (${found.stalledMs} ms), ${found.freezes} pictures held over 300 ms (longest ${found.longestFreezeMs} ms); `
    + `${found.droppedFrames} of ${found.totalFrames} frames dropped${found.problems?.length > 0 ? `; ${found.problems.join(', ')}` : ''}`;
}
