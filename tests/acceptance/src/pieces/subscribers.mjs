// 500 subscribers of channelUpdated, each on a socket of its own: an event reaches all.
import WebSocket from 'ws';
import { Platform } from '../platform.mjs';
import { eventually, sleep } from '../process.mjs';

export const title = '500 subscribers to channelUpdated, a socket each; 60 changes of channels, two a second';
const SUBSCRIBERS = 500;
const CHANGES = 60;

/** One subscriber: `graphql-transport-ws` by hand, so that the measuring costs little. */
function subscriber(platform, onUpdate) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://${platform.http}/graphql/ws`, 'graphql-transport-ws');
    socket.once('error', reject);
    socket.on('open', () => socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${platform.token}` } })));
    socket.on('message', (text) => {
      const at = performance.now();
      const message = JSON.parse(text.toString());
      if (message.type === 'connection_ack') {
        socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query: 'subscription { channelUpdated { id name state } }' } }));
        resolve(socket);
      } else if (message.type === 'ping') socket.send(JSON.stringify({ type: 'pong' }));
      else if (message.type === 'next') onUpdate(message.payload, at);
      else if (message.type === 'error') reject(new Error(JSON.stringify(message.payload)));
    });
  });
}

const at = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];

export async function run(piece) {
  const platform = await Platform.start();
  const channel = await platform.channel('Watched by many');
  let seen = new Map();
  const faults = [];
  const note = (index) => (payload, when) => {
    const name = payload.data?.channelUpdated?.name;
    if (name === undefined) faults.push(JSON.stringify(payload));
    else seen.set(`${index} ${name}`, when);
  };
  const sockets = [];
  for (let index = 0; index < SUBSCRIBERS; index += 1) sockets.push(await subscriber(platform, note(index)));
  const rename = (name) => platform.graphql('mutation($id: ID!, $name: String!) { updateChannel(id: $id, input: { name: $name }) { channel { id } } }', { id: channel.id, name });
  // A subscription has no word that it stands: a first change is repeated until everybody saw one.
  await eventually('every subscriber listens', 30_000, async () => {
    await rename(`warm ${Date.now()}`);
    await sleep(300);
    return new Set([...seen.keys()].map((key) => key.split(' ')[0])).size === SUBSCRIBERS;
  });
  seen = new Map();
  const usage = platform.usage();
  const began = performance.now();
  const [delays, slowest] = [[], []];
  let missed = 0;
  for (let change = 0; change < CHANGES; change += 1) {
    const name = `change${change}`;
    const sentAt = performance.now();
    await rename(name);
    await eventually(`${name} reaches all`, 10_000, () => [...Array(SUBSCRIBERS).keys()].every((index) => seen.has(`${index} ${name}`)), 20).catch(() => undefined);
    const arrived = [...Array(SUBSCRIBERS).keys()].map((index) => seen.get(`${index} ${name}`)).filter((when) => when !== undefined).map((when) => when - sentAt);
    missed += SUBSCRIBERS - arrived.length;
    delays.push(...arrived);
    slowest.push(Math.max(...arrived));
    await sleep(Math.max(0, 500 - (performance.now() - sentAt)));
  }
  const seconds = (performance.now() - began) / 1000;
  const spent = platform.usage();
  delays.sort((a, b) => a - b);
  slowest.sort((a, b) => a - b);
  piece.rule('every change reaches every subscriber', missed === 0 && faults.length === 0, `${delays.length} of ${SUBSCRIBERS * CHANGES}; ${faults.slice(0, 2).join(' ')}`);
  piece.aim('from the request of a change to a subscriber: p99 at most 100 ms', at(delays, 0.99) <= 100, `p50 ${at(delays, 0.5).toFixed(1)}, p95 ${at(delays, 0.95).toFixed(1)}, p99 ${at(delays, 0.99).toFixed(1)} ms; the last of all: median ${at(slowest, 0.5).toFixed(1)} ms`);
  piece.figure('cost', `${((spent.seconds - usage.seconds) / seconds * 100).toFixed(1)} % of a core at two changes a second, ${((spent.seconds - usage.seconds) * 1e6 / delays.length).toFixed(0)} µs of processor time a delivery, ${spent.megabytes} MB`);
  for (const socket of sockets) socket.terminate();
}
