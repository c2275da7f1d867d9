// Requests that are made to hurt, as fast as one core can send them, while a broadcast is on air.
import { fileURLToPath } from 'node:url';
import { clip, feed } from '../broadcast.mjs';
import { Platform } from '../platform.mjs';
import { Program, sleep } from '../process.mjs';
import { parse } from '../playlist.mjs';

export const title = 'Hostile GraphQL requests as fast as one core can send them, while a broadcast is on air';
const SECONDS = Number(process.env.SIGMA_FLOOD_SECONDS ?? 20);
const ATTACKS = ['depth', 'aliases', 'batch', 'body', 'circle', 'introspection'];
/** Parts may come this much later than beside a core that just spins, in milliseconds, before it counts. */
const TOLERANCE_MS = 50;

/** When each part was listed, by blocking reload, until it is stopped. */
async function listing(channel, until) {
  const master = await (await fetch(channel.playlist)).text();
  const media = new URL(master.split('\n').find((line) => line !== '' && !line.startsWith('#')), channel.playlist).href;
  const arrivals = [];
  let open;
  while (Date.now() < until) {
    const query = open === undefined ? '' : `?_HLS_msn=${open.msn}&_HLS_part=${open.parts.length}`;
    ({ open } = parse(await (await fetch(media + query)).text()));
    arrivals.push(performance.now());
  }
  return arrivals;
}

/** How much longer than the usual it was from one part to the next: p99 and the most, in milliseconds. */
function lateness(arrivals) {
  const steps = arrivals.slice(1).map((at, index) => at - arrivals[index]).slice(2);
  const usual = [...steps].sort((a, b) => a - b)[Math.floor(steps.length / 2)];
  const late = steps.map((step) => step - usual).sort((a, b) => a - b);
  return { usual, p99: late[Math.floor(late.length * 0.99)] ?? 0, most: late.at(-1) ?? 0, parts: steps.length };
}

const attacker = (platform, kind) => new Program('node', [fileURLToPath(new URL('../attacker.mjs', import.meta.url)), platform.url('/graphql'), platform.token, kind, String(SECONDS)]);

export async function run(piece) {
  const file = await clip();
  const platform = await Platform.start();
  const channel = await platform.channel('On air meanwhile', { latencyMode: 'ULTRA_LOW' });
  const broadcast = feed(file, channel.push);
  await platform.whenPlayable(channel);
  await sleep(3000);
  const beside = async (kind) => {
    const until = Date.now() + SECONDS * 1000;
    const usage = platform.usage();
    const program = attacker(platform, kind);
    const arrivals = await listing(channel, until);
    await program.ended;
    const spent = platform.usage();
    const told = program.words.trim().split('\n').at(-1);
    return { ...lateness(arrivals), told: told.startsWith('{') ? JSON.parse(told) : { failed: program.words.slice(-500) }, cpu: (spent.seconds - usage.seconds) / SECONDS };
  };
  const calm = await beside('spin');
  piece.figure('beside a core that just spins', `${calm.parts} parts, one every ${calm.usual.toFixed(0)} ms; late by p99 ${calm.p99.toFixed(0)} ms, at most ${calm.most.toFixed(0)} ms`);
  for (const kind of ATTACKS) {
    const found = await beside(kind);
    const { sent = 0, refused = {}, answered = 0, failed } = found.told;
    piece.rule(`${kind}: refused`, failed === undefined && sent > 0 && (kind === 'introspection' || answered === 0), failed ?? `${sent} sent in ${SECONDS} s; ${JSON.stringify(refused)}, ${answered} answered; the server at ${(found.cpu * 100).toFixed(0)} % of a core`);
    piece.rule(`${kind}: the broadcast does not notice`, found.parts >= calm.parts - 4 && found.most <= Math.max(calm.most, calm.p99) + TOLERANCE_MS, `${found.parts} parts; late by p99 ${found.p99.toFixed(0)} ms, at most ${found.most.toFixed(0)} ms`);
  }
  piece.rule('the encoder was never cut', broadcast.isRunning, '');
}
