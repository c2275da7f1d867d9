// Viewers who come and go, in a process of their own: each follows a playlist and fetches what it lists for some seconds, then another comes.
//   node visitors.mjs COUNT SECONDS PLAYLIST…
import { Agent, get } from 'node:http';
import { Seeded } from './seeded.mjs';

const [count, seconds, ...playlists] = process.argv.slice(2);
const until = Date.now() + Number(seconds) * 1000;
const random = new Seeded(55);
const PACE = Number(process.env.SIGMA_PACE ?? 1);
const tally = { visits: 0, requests: 0, bytes: 0, failed: {} };

function fetch(url, agent) {
  return new Promise((resolve) => {
    const failed = (why) => { tally.failed[why] = (tally.failed[why] ?? 0) + 1; resolve(''); };
    const request = get(url, { agent, timeout: 30_000 }, (answer) => {
      let body = '';
      answer.setEncoding('latin1');
      answer.on('data', (more) => { tally.bytes += more.length; if (body.length < 100_000) body += more; });
      answer.on('end', () => { tally.requests += 1; if (answer.statusCode === 200) resolve(body); else failed(answer.statusCode); });
      answer.on('error', () => failed('broken'));
    });
    request.on('timeout', () => request.destroy());
    request.on('error', (error) => failed(error.code));
  });
}

async function visit() {
  // Its own connections, which end with it.
  const agent = new Agent({ keepAlive: true });
  const leaves = Math.min(until, Date.now() + random.between(5, 60) * 1000 / PACE);
  const playlist = random.pick(playlists);
  tally.visits += 1;
  const master = await fetch(playlist, agent);
  const uri = master.split('\n').find((line) => line !== '' && !line.startsWith('#'));
  if (uri !== undefined) {
    const media = new URL(uri, playlist).href;
    let next;
    let seen = '';
    while (Date.now() < leaves) {
      const text = await fetch(next === undefined ? media : `${media}?_HLS_msn=${next}`, agent);
      if (text === '' || text.includes('#EXT-X-ENDLIST')) break;
      const lines = text.split('\n');
      const first = Number(lines.find((line) => line.startsWith('#EXT-X-MEDIA-SEQUENCE:')).slice(22));
      const whole = lines.filter((line) => line !== '' && !line.startsWith('#'));
      next = first + whole.length;
      const newest = whole.at(-1);
      const isGap = lines[lines.indexOf(newest) - 1] === '#EXT-X-GAP' || lines[lines.indexOf(newest) - 2] === '#EXT-X-GAP';
      if (newest !== undefined && newest !== seen && !isGap) await fetch(new URL(newest, media).href, agent);
      seen = newest;
    }
  } else await new Promise((resolve) => { setTimeout(resolve, 500); });
  agent.destroy();
}

await Promise.all([...Array(Number(count)).keys()].map(async () => { while (Date.now() < until) await visit(); }));
console.log(JSON.stringify(tally));
process.exit(0);
