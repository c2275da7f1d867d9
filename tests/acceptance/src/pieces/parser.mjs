// hls-parser throws on much of what RFC 8216bis forbids.
import HLS from 'hls-parser';
import { clip, feed } from '../broadcast.mjs';
import { Platform } from '../platform.mjs';
import { parse } from '../playlist.mjs';
import { sleep } from '../process.mjs';

// Without it the parser prints what it finds and goes on.
HLS.setOptions({ strictMode: true });

export const title = 'hls-parser reads 5 minutes of playlists in all three modes, with one reconnect';
const SECONDS = Number(process.env.SIGMA_SECONDS ?? 300);
const AWAY_SECONDS = 12;
const MODES = ['ULTRA_LOW', 'LOW', 'NORMAL'];

/** Polls by blocking reload, every third time for a delta; answers what was read and every fault. */
async function poll(channel, until) {
  const found = { playlists: 0, deltas: 0, faults: new Map(), gaps: 0, discontinuities: 0 };
  const judge = (text, kind) => {
    try {
      HLS.parse(text);
    } catch (error) {
      found.faults.set(`${kind}: ${error.message}`, text);
    }
  };
  const multivariant = await (await fetch(channel.playlist)).text();
  judge(multivariant, 'multivariant');
  const media = new URL(multivariant.split('\n').find((line) => line !== '' && !line.startsWith('#')), channel.playlist);
  let last;
  while (Date.now() < until) {
    const query = last === undefined ? '' : `?_HLS_msn=${last.open.msn}${last.hasParts ? `&_HLS_part=${last.open.parts.length}` : ''}`;
    const answer = await fetch(media + query);
    const text = await answer.text();
    if (answer.status === 503) continue;
    if (!answer.ok) throw new Error(`${channel.name}: ${answer.status} ${text}`);
    judge(text, 'full');
    found.playlists += 1;
    last = parse(text);
    if (last.ended) throw new Error(`${channel.name} has ended`);
    found.gaps = Math.max(found.gaps, last.segments.filter(({ gap }) => gap).length);
    found.discontinuities = Math.max(found.discontinuities, last.discontinuitySequence + last.segments.filter(({ discontinuity }) => discontinuity).length);
    if (found.playlists % 3 !== 0) continue;
    const delta = await (await fetch(`${media}?_HLS_skip=YES`)).text();
    judge(delta, 'delta');
    if (delta.includes('#EXT-X-SKIP')) found.deltas += 1;
  }
  return found;
}

export async function run(piece) {
  const file = await clip();
  const platform = await Platform.start();
  const channels = await Promise.all(MODES.map((latencyMode) => platform.channel(latencyMode, { latencyMode })));
  let feeds = channels.map((channel) => feed(file, channel.push));
  await Promise.all(channels.map((channel) => platform.whenPlayable(channel)));
  const until = Date.now() + SECONDS * 1000;
  const polls = channels.map((channel) => poll(channel, until));
  await sleep(SECONDS * 400);
  piece.say('the three encoders crash');
  await Promise.all(feeds.map((program) => program.end('SIGKILL')));
  await sleep(AWAY_SECONDS * 1000);
  feeds = channels.map((channel) => feed(file, channel.push));
  for (const [index, found] of (await Promise.all(polls)).entries()) {
    const told = `${found.playlists} playlists, ${found.deltas} deltas, up to ${found.gaps} gap segments, ${found.discontinuities} discontinuity`;
    piece.rule(`no fault in ${MODES[index]}`, found.faults.size === 0, [told, ...found.faults.keys()].join('; '));
    piece.rule(`${MODES[index]}: the reconnect was among what was read`, found.gaps > 0 && found.discontinuities > 0, `${found.gaps} gaps, ${found.discontinuities} discontinuity`);
    for (const [fault, text] of found.faults) console.log(`${fault}\n${text}`);
  }
}
