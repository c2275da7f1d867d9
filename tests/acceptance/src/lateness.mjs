// When each part of a channel is listed, as one who waits for it sees it, and how much later that is than it should be.
import { Agent, get } from 'node:http';
import { parse } from './playlist.mjs';

const agent = new Agent({ keepAlive: true, maxSockets: Infinity });

function text(url) {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent, timeout: 30_000 }, (answer) => {
      let body = '';
      answer.setEncoding('utf8');
      answer.on('data', (more) => { body += more; });
      answer.on('end', () => (answer.statusCode === 200 ? resolve(body) : reject(new Error(`${answer.statusCode} ${body.slice(0, 200)}`))));
      answer.on('error', reject);
    });
    request.on('timeout', () => request.destroy(new Error('no answer in 30 s')));
    request.on('error', reject);
  });
}

/** Follows a channel by blocking reload and notes when each part came. Fetches no media. */
export class Listing {
  constructor(channel) {
    this.channel = channel;
    this.wanted = true;
    /** How much longer than its own length a part let wait for itself after the one before, in milliseconds. */
    this.late = [];
    this.failed = [];
    this.done = this.#follow();
  }

  async #follow() {
    const master = await text(this.channel.playlist);
    this.media = new URL(master.split('\n').find((line) => line !== '' && !line.startsWith('#')), this.channel.playlist).href;
    let open;
    let before;
    while (this.wanted) {
      const query = open === undefined ? '' : `?_HLS_msn=${open.msn}&_HLS_part=${open.parts.length}`;
      let playlist;
      try {
        playlist = parse(await text(this.media + query));
      } catch (error) {
        if (!String(error.message).startsWith('503')) this.failed.push(error.message);
        if (this.failed.length > 100) return;
        await new Promise((resolve) => { setTimeout(resolve, 100); });
        before = undefined;
        continue;
      }
      const now = performance.now();
      const parts = [...playlist.segments, playlist.open].flatMap(({ msn, parts: listed }) => listed.map((part, number) => ({ ...part, place: msn * 1000 + number })));
      const fresh = open === undefined ? [] : parts.filter(({ place }) => place >= open.msn * 1000 + open.parts.length);
      if (before !== undefined && fresh.length > 0) {
        const length = fresh.reduce((sum, { duration }) => sum + duration * 1000, 0);
        // What is a gap comes by the wall clock and says nothing of the path.
        if (fresh.every(({ gap }) => !gap)) this.late.push(now - before - length);
      }
      if (fresh.length > 0 || open === undefined) before = now;
      if (fresh.some(({ gap }) => gap)) before = undefined;
      open = playlist.open;
      if (playlist.ended) return;
    }
  }

  async stop() { this.wanted = false; await this.done; }
}

export const quantile = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;

/** Of all parts that some listings saw. */
export function lateness(listings) {
  const all = listings.flatMap(({ late }) => late).sort((a, b) => a - b);
  return { parts: all.length, p50: quantile(all, 0.5), p99: quantile(all, 0.99), p999: quantile(all, 0.999), most: all.at(-1) ?? 0, all, failed: listings.flatMap(({ failed }) => failed) };
}
