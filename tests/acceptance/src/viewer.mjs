// A light client: follows a media playlist by blocking reload, fetches all that it lists, and holds it to its word.
import { createHash } from 'node:crypto';
import { fragments, timescales } from './boxes.mjs';
import { parse } from './playlist.mjs';
import { sleep } from './process.mjs';

/** A track may begin this far from where it stopped, in milliseconds: RTMP counts whole milliseconds. */
const SEAM_MS = 2;

export class Viewer {
  /** @param {string} url of the multivariant playlist */
  constructor(url, name = '') {
    this.url = url;
    this.name = name;
    /** Broken promises, each once. */
    this.faults = [];
    /** Every whole segment that was ever listed, by its number. */
    this.segments = new Map();
    this.parts = new Map();
    /** The bytes of each part that was fetched. */
    this.digests = new Map();
    this.gapSeconds = 0;
    this.gapParts = 0;
    this.discontinuities = 0;
    this.fetched = 0;
    this.longestWaitMs = 0;
    this.ended = false;
    /** While the server is away on purpose, failed requests are no fault. */
    this.forgive = false;
    this.scales = new Map();
    this.tracks = new Map();
    /** Called with each segment's bytes, in order. */
    this.onSegment = undefined;
    /** Called with each part's bytes, in order. */
    this.onPart = undefined;
    /** When the first media of each span was listed. */
    this.spans = [];
    /** When media was listed last, to see the longest time without. */
    this.mediaAt = undefined;
    this.seamsMs = 0;
  }

  fault(text) {
    const line = `${this.name} ${text}`.trim();
    if (this.faults.length < 50 && !this.faults.includes(line)) this.faults.push(line);
  }

  /** Finds the media playlist; false when nothing is on air. */
  async join() {
    const answer = await fetch(this.url);
    if (!answer.ok) return false;
    const uri = (await answer.text()).split('\n').find((line) => line !== '' && !line.startsWith('#'));
    this.media = new URL(uri, this.url).href;
    return true;
  }

  /** Follows until it is stopped or the playlist ends. */
  async follow() {
    this.wanted = true;
    while (this.wanted && !this.ended) {
      try {
        await this.reload();
      } catch (error) {
        // A server that is away is forgiven, one that is there and knows nothing of what it listed is not.
        if (!this.forgive || error.refused) this.fault(`cannot be loaded: ${error.message} ${error.cause?.code ?? ''}`);
        await sleep(200);
      }
    }
  }

  stop() { this.wanted = false; }

  async reload() {
    const open = this.playlist?.open;
    const query = open === undefined ? '' : `?_HLS_msn=${open.msn}${this.playlist.hasParts ? `&_HLS_part=${open.parts.length}` : ''}`;
    const began = Date.now();
    const answer = await fetch(this.media + query, { signal: AbortSignal.timeout(60_000) });
    const text = await answer.text();
    if (answer.status === 503) return; // blocked longer than three target durations: asked again
    if (!answer.ok) throw Object.assign(new Error(`playlist ${answer.status} ${text.slice(0, 200)} for ${query}`), { refused: true });
    if (!this.forgive) this.longestWaitMs = Math.max(this.longestWaitMs, Date.now() - began);
    await this.take(parse(text));
  }

  /** Compares a new playlist with all that was seen, then fetches what is new. RFC 8216bis 6.2.1 and 6.2.2. */
  async take(playlist) {
    const old = this.playlist;
    const wanted = [];
    if (old !== undefined) {
      if (playlist.mediaSequence < old.mediaSequence) this.fault(`media sequence fell from ${old.mediaSequence} to ${playlist.mediaSequence}`);
      if (playlist.discontinuitySequence < old.discontinuitySequence) this.fault('discontinuity sequence fell');
      if (playlist.targetDuration !== old.targetDuration) this.fault(`target duration ${old.targetDuration} became ${playlist.targetDuration}`);
      if (!playlist.ended && playlist.open.msn < old.open.msn) this.fault(`listed segments went away: ${old.open.msn} became ${playlist.open.msn}`);
      if (playlist.mediaSequence > old.open.msn) this.fault(`segments ${old.open.msn} to ${playlist.mediaSequence - 1} were never listed`);
      if (playlist.open.msn === old.open.msn && !playlist.ended && playlist.open.parts.length < old.open.parts.length) this.fault(`listed parts of ${old.open.msn} went away`);
    }
    for (const segment of [...playlist.segments, playlist.open]) {
      for (const [number, part] of segment.parts.entries()) {
        const known = this.parts.get(`${segment.msn}.${number}`);
        const told = JSON.stringify(part);
        if (known === undefined) {
          this.parts.set(`${segment.msn}.${number}`, told);
          if (part.gap) this.gapParts += 1;
          else wanted.push({ uri: part.uri, map: segment.map, msn: segment.msn, part: number, discontinuity: segment.discontinuity && number === 0 });
        } else if (known !== told) this.fault(`part ${segment.msn}.${number} changed: ${known} became ${told}`);
      }
      if (segment.uri === undefined) continue;
      const told = JSON.stringify([segment.uri, segment.map, segment.duration, segment.gap, segment.discontinuity]);
      const known = this.segments.get(segment.msn);
      if (known === undefined) {
        this.segments.set(segment.msn, { told });
        if (segment.discontinuity && this.segments.size > 1) this.discontinuities += 1;
        if (segment.gap) this.gapSeconds += segment.duration;
        else wanted.push({ uri: segment.uri, map: segment.map, msn: segment.msn, discontinuity: segment.discontinuity, whole: true });
      } else if (known.told !== told) this.fault(`segment ${segment.msn} changed: ${known.told} became ${told}`);
    }
    this.playlist = playlist;
    this.ended = playlist.ended;
    for (const item of wanted) await this.fetchMedia(item);
  }

  /** Fetches a listed file; a fault when it is not there. */
  async fetch(uri) {
    for (;;) {
      try {
        const answer = await fetch(new URL(uri, this.media), { signal: AbortSignal.timeout(30_000) });
        if (!answer.ok) {
          await answer.arrayBuffer();
          this.fault(`${uri} is listed and answers ${answer.status}`);
          return undefined;
        }
        this.fetched += 1;
        return Buffer.from(await answer.arrayBuffer());
      } catch (error) {
        // The server died under the request: what was listed must be there when it is back.
        if (!this.forgive || !this.wanted) {
          this.fault(`${uri} cannot be fetched: ${error.message} ${error.cause?.code ?? ''}`);
          return undefined;
        }
        await sleep(200);
      }
    }
  }

  async fetchMedia({ uri, map, msn, part, discontinuity, whole }) {
    if (!this.scales.has(map)) {
      const init = await this.fetch(map);
      if (init === undefined) return;
      this.scales.set(map, timescales(init));
      if (this.onInit !== undefined) this.onInit(map, init);
    }
    const bytes = await this.fetch(uri);
    if (bytes === undefined) return;
    if (part !== undefined) {
      this.digests.set(`${msn}.${part}`, createHash('sha1').update(bytes).digest('hex'));
      this.onPart?.(bytes, map);
    }
    if (whole) {
      this.segments.get(msn).digest = createHash('sha1').update(bytes).digest('hex');
      this.onSegment?.(msn, bytes, map);
    }
    // Where there are parts each shows its own times; the whole segment shows those of parts that were listed for less long than we were away.
    const repeats = whole && this.playlist.hasParts;
    if (discontinuity && !(repeats && this.parts.has(`${msn}.0`))) this.tracks.clear();
    const fresh = fragments(bytes).filter(({ track, start, duration }) => !(repeats && start + duration / 2 < (this.tracks.get(track) ?? 0)));
    if (fresh.length === 0) return;
    if (this.tracks.size === 0) this.spans.push({ msn, part, at: Date.now() });
    this.mediaAt = Date.now();
    for (const { track, start, duration } of fresh) {
      const expected = this.tracks.get(track);
      const off = expected === undefined ? 0 : Math.abs(start - expected) * 1000 / (this.scales.get(map).get(track) ?? 90_000);
      this.seamsMs = Math.max(this.seamsMs, off);
      if (off > SEAM_MS) this.fault(`track ${track} of ${uri} begins ${off.toFixed(1)} ms away from where it stopped`);
      this.tracks.set(track, start + duration);
    }
  }

  /** Fetches again every segment and part of the newest playlist: the same bytes as at first. Answers how many segments. */
  async again() {
    let count = 0;
    const playlist = this.playlist;
    for (const segment of [...playlist.segments, playlist.open]) {
      for (const [number, part] of segment.parts.entries()) {
        const known = this.digests.get(`${segment.msn}.${number}`);
        const bytes = known === undefined ? undefined : await this.fetch(part.uri);
        if (bytes !== undefined && createHash('sha1').update(bytes).digest('hex') !== known) this.fault(`part ${segment.msn}.${number} has other bytes than before`);
      }
    }
    for (const segment of playlist.segments.filter(({ gap }) => !gap)) {
      const known = this.segments.get(segment.msn)?.digest;
      const bytes = await this.fetch(segment.uri);
      if (bytes === undefined || known === undefined) continue;
      count += 1;
      if (createHash('sha1').update(bytes).digest('hex') !== known) this.fault(`segment ${segment.msn} has other bytes than before`);
    }
    return count;
  }
}

/** Joins a channel on air and follows it in the background. */
export async function watch(channel) {
  const viewer = new Viewer(channel.playlist, channel.name);
  if (!(await viewer.join())) throw new Error(`${channel.name} is not on air`);
  viewer.following = viewer.follow();
  return viewer;
}
