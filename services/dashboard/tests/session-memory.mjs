// Leaves a session's page open on a running platform and watches what the browser holds for it.
//   node tests/session-memory.mjs http://127.0.0.1:8080/sessions/se_… --token sgm_… --minutes 45 [--json]
// Exit code 1: it grew by more than --percent, or the page was not right any more.
import { readdir, readFile } from 'node:fs/promises';
import { BarePage } from './bare-browser.mjs';
import { commandLine, fail } from './browser.mjs';

const USAGE = 'usage: node tests/session-memory.mjs SESSION_PAGE_URL --token TOKEN [--minutes 45] [--percent 10] [--every 30] [--picture true|false] [--json]';
/** The charts hold fifteen minutes: before they are full, growing is what they are for. A short run is judged from its first third on. */
const FULL_AFTER_MINUTES = 16;
/** A sample on the page may be this old, in seconds. */
const FRESH_S = 6;

const { url, token, minutes, percent, every, picture, json } = commandLine(USAGE, { token: process.env.SIGMA_TOKEN ?? '', minutes: 45, percent: 10, every: 30, picture: 'true', json: false });
if (token === '') fail(USAGE);
const { origin } = new URL(url);

const page = await BarePage.open();
const result = await watch().finally(() => page.close());

async function watch() {
  const faults = [];
  page.on('Runtime.exceptionThrown', ({ exceptionDetails }) => faults.push(exceptionDetails.exception?.description ?? exceptionDetails.text));
  page.on('Log.entryAdded', ({ entry }) => { if (/Content Security Policy|violates/.test(entry.text)) faults.push(entry.text); });
  page.on('Fetch.requestPaused', ({ requestId }) => { void page.send('Fetch.failRequest', { requestId, errorReason: 'Aborted' }); });
  for (const domain of ['Runtime', 'Log', 'Page', 'Performance']) await page.send(`${domain}.enable`);
  await page.goTo(`${origin}/sign-in`, () => document.querySelector('input') !== null);
  const status = await page.evaluate(async (secret) => (await fetch('/auth/sign-in', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ token: secret }) })).status, token);
  if (status !== 204) throw new Error(`the platform did not take the token: HTTP ${status}`);
  if (picture === 'false') await page.send('Fetch.enable', { patterns: ['preview', 'media', 'live'].map((folder) => ({ urlPattern: `*/${folder}/*` })) });
  await page.goTo(url, () => document.querySelector('figure.chart') !== null);

  const warmup = Math.min(FULL_AFTER_MINUTES, minutes / 3);
  const from = performance.now();
  const samples = [];
  const stale = [];
  for (;;) {
    const atMinute = (performance.now() - from) / 60_000;
    const held = await measure();
    const right = await isRight();
    samples.push({ atMinute: Number(atMinute.toFixed(2)), ...held });
    if (right !== null) stale.push(`${atMinute.toFixed(1)} min: ${right}`);
    if (!json) console.log(`${atMinute.toFixed(1).padStart(6)} min  heap ${mib(held.heap)}  nodes ${held.nodes}  listeners ${held.listeners}  renderer ${held.rss === null ? '–' : mib(held.rss)}${right === null ? '' : `  NOT RIGHT: ${right}`}`);
    if (atMinute >= minutes) break;
    await new Promise((resolve) => { setTimeout(resolve, Math.min(every * 1_000, Math.max(0, minutes * 60_000 - (performance.now() - from))) + 50); });
  }
  return { minutes, warmupMinutes: warmup, growth: growthOf(samples.filter(({ atMinute }) => atMinute >= warmup)), stale, faults, samples };
}

const grew = Object.entries(result.growth).filter(([, growth]) => growth !== null && growth > percent);
const sound = grew.length === 0 && result.stale.length === 0 && result.faults.length === 0;
if (json) console.log(JSON.stringify(result));
else console.log(`growth after ${result.warmupMinutes.toFixed(1)} min: ${Object.entries(result.growth).map(([name, growth]) => `${name} ${growth === null ? '–' : `${growth.toFixed(1)} %`}`).join(', ')}${sound ? '' : `\nNOT SOUND: ${[...grew.map(([name]) => `${name} grew`), ...result.stale, ...result.faults].join('; ')}`}`);
process.exit(sound ? 0 : 1);

/** What is held after rubbish was collected. The renderer is the browser's process for the page: its whole memory, with the picture's. */
async function measure() {
  await page.send('HeapProfiler.collectGarbage');
  const { metrics } = await page.send('Performance.getMetrics');
  const metric = (name) => metrics.find((one) => one.name === name)?.value ?? 0;
  return { heap: metric('JSHeapUsedSize'), nodes: metric('Nodes'), listeners: metric('JSEventListeners'), rss: await rendererMemory() };
}

/** The proportional memory of the page's renderer: the largest that this script's browser has started (one lies in wait, one keeps the page before). */
async function rendererMemory() {
  try {
    const processes = await Promise.all((await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(async (pid) => {
      const [status, command] = await Promise.all([readFile(`/proc/${pid}/status`, 'utf8'), readFile(`/proc/${pid}/cmdline`, 'utf8')]).catch(() => ['', '']);
      return { pid: Number(pid), parent: Number(/^PPid:\s*(\d+)/m.exec(status)?.[1] ?? 0), isRenderer: command.includes('--type=renderer') };
    }));
    const parents = new Map(processes.map(({ pid, parent }) => [pid, parent]));
    const isOurs = (pid) => { for (let at = pid; at > 1; at = parents.get(at) ?? 0) if (at === process.pid) return true; return false; };
    const sizes = await Promise.all(processes.filter(({ pid, isRenderer }) => isRenderer && isOurs(pid)).map(async ({ pid }) => {
      const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
      return Number(/^Pss:\s*(\d+)/m.exec(rollup)?.[1] ?? 0) * 1_024;
    }));
    return sizes.length === 0 ? null : Math.max(...sizes);
  } catch {
    // Not Linux: the heap alone is judged.
    return null;
  }
}

/** Null, or what is wrong with the page: it must still tell the newest second. */
async function isRight() {
  return page.evaluate((freshS) => {
    const summaries = [...document.querySelectorAll('figure.chart')].map((chart) => chart.querySelector('p')?.textContent ?? '');
    if (summaries.length < 6) return `${summaries.length} charts`;
    if (!/now|hiện tại/.test(summaries[0])) return `no newest second within ${freshS} s: ${summaries[0]}`;
    return null;
  }, FRESH_S);
}

/**
 * Growth from the first third of the samples to the last, in percent: by their medians; by the lower quartile for the renderer, which holds pictures
 * of the page for a while and lets them go when it likes.
 */
function growthOf(samples) {
  const third = Math.max(1, Math.floor(samples.length / 3));
  const growth = (name, share) => {
    const [before, after] = [samples.slice(0, third), samples.slice(-third)].map((some) => quantile(some.map((sample) => sample[name]), share));
    return before === null || after === null ? null : ((after - before) / before) * 100;
  };
  return { heap: growth('heap', 0.5), nodes: growth('nodes', 0.5), listeners: growth('listeners', 0.5), rss: growth('rss', 0.25) };
}

function quantile(values, share) {
  const known = values.filter((value) => value !== null).sort((a, b) => a - b);
  return known.length === 0 ? null : known[Math.floor((known.length - 1) * share)];
}

function mib(bytes) {
  return `${(bytes / 1_048_576).toFixed(1)} MiB`;
}
