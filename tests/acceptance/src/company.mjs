// Bad company, one kind a process: does its worst for some seconds and tells what it met.
//   node company.mjs KIND SECONDS JSON      JSON: {rtmp, http, media, key}
import { connect } from 'node:net';
import { randomBytes } from 'node:crypto';
import { publish } from './rtmp.mjs';

const [kind, seconds, json] = process.argv.slice(2);
const target = JSON.parse(json);
const until = Date.now() + Number(seconds) * 1000;
const tally = {};
const count = (what, by = 1) => { tally[what] = (tally[what] ?? 0) + by; };
const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
const [rtmpHost, rtmpPort] = target.rtmp.split(':');
const [httpHost, httpPort] = target.http.split(':');
const RTMP = { host: rtmpHost, port: Number(rtmpPort) };
const HTTP = { host: httpHost, port: Number(httpPort) };

/** Keeps `lanes` at it until the time is over. */
const keep = (lanes, life) => Promise.all([...Array(lanes).keys()].map(async (lane) => { while (Date.now() < until) await life(lane); }));

/** A connection on which `open` does something, until the server closes it or the time is over. */
const hold = (where, open, end = until) => new Promise((resolve) => {
  const socket = connect({ ...where, noDelay: true });
  let timer;
  const left = setTimeout(() => { count('held to the end'); socket.destroy(); }, Math.max(0, end - Date.now()));
  socket.on('connect', () => { count('connected'); timer = open(socket); });
  socket.on('error', (error) => count(error.code));
  socket.on('end', () => count('closed by the server'));
  socket.on('close', () => { clearTimeout(left); clearInterval(timer); setTimeout(resolve, 20); });
});

const KINDS = {
  /** Half a handshake. */
  'half-open': () => keep(500, () => hold(RTMP, (socket) => { socket.resume(); socket.write(Buffer.concat([Buffer.from([3]), randomBytes(700)])); })),
  /** Not a word. */
  silent: () => keep(1024, () => hold(RTMP, (socket) => { socket.resume(); })),
  /** A request's head, a byte a second. */
  slowloris: () => keep(500, () => hold(HTTP, (socket) => {
    socket.resume();
    const head = `GET /live/x/index.m3u8 HTTP/1.1\r\nhost: x\r\nx-slow: ${'z'.repeat(4000)}`;
    let at = 0;
    return setInterval(() => { if (!socket.destroyed) socket.write(head[at++ % head.length]); }, 1000);
  })),
  /** Requests that wait for the next part, one a second on each connection; no answer is ever read. */
  waiting: async () => {
    let msn = target.msn;
    // The numbers go on with the broadcast: what is asked for is always about to come.
    const moving = setInterval(() => { msn += 0.5 / target.segment; }, 500);
    await keep(5000, (lane) => hold(HTTP, (socket) => {
      socket.pause();
      const ask = () => { if (!socket.destroyed && socket.writableLength < 4096) { count('asked'); socket.write(`GET ${target.media}?_HLS_msn=${Math.floor(msn)} HTTP/1.1\r\nhost: x\r\n\r\n`); } };
      ask();
      return setInterval(ask, 900 + (lane % 200));
    }));
    clearInterval(moving);
  },
  /** Every segment of the widest stream, read at a kilobyte a second. */
  trickle: () => keep(20, () => hold(HTTP, (socket) => {
    socket.pause();
    socket.write(`GET ${target.segment} HTTP/1.1\r\nhost: x\r\n\r\n`);
    return setInterval(() => { count('bytes', socket.read(1024)?.length ?? 0); }, 1000);
  })),
  /** A right key, published under and left, a thousand times a minute. */
  reconnects: () => keep(1, async () => {
    const begun = Date.now();
    const { said, socket } = await publish({ ...RTMP, key: target.key });
    count(said);
    socket.destroy();
    await sleep(Math.max(0, 60 - (Date.now() - begun)));
  }),
  /** Wrong keys, a thousand a second. */
  guesses: async () => {
    const pending = new Set();
    const began = Date.now();
    for (let sent = 0; Date.now() < until; sent += 1) {
      const ahead = began + sent - Date.now();
      if (ahead > 0) await sleep(ahead);
      if (pending.size >= 800) { count('not sent: 800 wait'); continue; }
      // From an address of his own: whoever shares a guesser's address is slowed down with him.
      const guess = publish({ ...RTMP, from: '127.0.0.2', key: `sk_${randomBytes(16).toString('hex')}` }).then(({ said, socket }) => { count(said); socket.destroy(); pending.delete(guess); });
      pending.add(guess);
      count('tried');
    }
  },
  /** Nothing but the same processor time: `share` of a core. */
  burn: async () => {
    const share = Number(target.share);
    while (Date.now() < until) {
      const began = performance.now();
      while (performance.now() - began < 10 * Math.min(1, share));
      if (share < 1) await sleep(10 * (1 - share)); else await new Promise(setImmediate);
    }
  },
};

await KINDS[kind]();
const used = process.cpuUsage();
console.log(JSON.stringify({ ...tally, cpu: (used.user + used.system) / 1e6 / Number(seconds) }));
process.exit(0);
