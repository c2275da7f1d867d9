import type { Beginning } from './playback';
import { wait } from './wait';

/** Media that is kept ahead of the picture: so many seconds of winding. */
const AHEAD_S = 6;
/** What is more than this behind the picture, in seconds of media, is let go. */
const BEHIND_S = 60;
const LOOK_MS = 200;

/** Where the pictures are to begin, or have come to: a date (milliseconds since the epoch), or so many seconds into a recording. */
export type Place = Exclude<Beginning, { at: 'live' }>;

/** A picture that stands until the next. */
interface KeyFrame {
  readonly url: string;
  readonly init: string;
  /** Seconds from the first that was listed, from when to when it stands. */
  readonly start: number;
  readonly end: number;
  /** When it begins, in milliseconds since the epoch. */
  readonly date: number;
}

/** A key frame, and where it is put in what plays: one behind the other, for nothing is played where there is no picture. */
interface Laid extends KeyFrame {
  readonly put: number;
}

/** The key frames of a recording, or of what a broadcast can be rewound to, one after the other, faster than what is between them could be played. */
export class Winding {
  readonly #ended = new AbortController();
  readonly #source = new MediaSource();
  readonly #address = URL.createObjectURL(this.#source);
  readonly #scale: Place['at'];
  #laid: Laid[] = [];

  /** `over`: it has come to the end, or does not go on. */
  constructor(readonly video: HTMLVideoElement, playlist: string, from: Place, speed: number, over: (how: 'ended' | 'failed') => void) {
    this.#scale = from.at;
    video.src = this.#address;
    video.addEventListener('ended', () => over('ended'), { signal: this.#ended.signal });
    video.addEventListener('error', () => over('failed'), { signal: this.#ended.signal });
    this.#run(new URL(playlist, location.href), from, speed).catch(() => { if (!this.#ended.signal.aborted) over('failed'); });
  }

  /** Where it has come to; null before the first picture. */
  get place(): Place | null {
    const { currentTime, readyState } = this.video;
    const frame = readyState > 1 ? this.#laid.findLast(({ put }) => put <= currentTime) ?? this.#laid[0] : undefined;
    if (frame === undefined) return null;
    const stood = Math.max(0, currentTime - frame.put);
    return this.#scale === 'time' ? { at: 'time', seconds: frame.start + stood } : { at: 'date', date: frame.date + stood * 1000 };
  }

  stop(): void {
    this.#ended.abort();
    this.video.removeAttribute('src');
    this.video.load();
    URL.revokeObjectURL(this.#address);
  }

  async #run(playlist: URL, from: Place, speed: number): Promise<void> {
    const { signal } = this.#ended;
    const { video } = this;
    const [{ codecs, url }] = await Promise.all([keyFramePlaylist(playlist, signal), once(this.#source, 'sourceopen', signal)]);
    const buffer = this.#source.addSourceBuffer(`video/mp4; codecs="${codecs}"`);
    // Each is put behind the one before, whatever its own time is: they stand as long as the playlist says.
    buffer.mode = 'sequence';
    const append = async (url: string) => {
      const bytes = await (await ask(url, signal)).arrayBuffer();
      buffer.appendBuffer(bytes);
      await once(buffer, 'updateend', signal);
    };
    let { frames, isWhole } = await keyFrames(url, signal);
    let left = frames.filter(({ start, end, date }) => (from.at === 'time' ? end > from.seconds : date + (end - start) * 1000 > from.date));
    if (left[0] === undefined) throw new Error('there is nothing left to wind through');
    const begins = from.at === 'time' ? from.seconds - left[0].start : (from.date - left[0].date) / 1000;
    let [init, put, last]: [string | null, number, number] = [null, 0, 0];
    for (;;) {
      for (const frame of left) {
        if (init !== frame.init) await append(frame.init);
        init = frame.init;
        this.#laid.push({ ...frame, put });
        // Where a segment without a key frame lies between two, the browser would leave its length out.
        buffer.timestampOffset = put;
        await append(frame.url);
        if (put === 0) {
          // Only now is there something to go to.
          video.currentTime = Math.max(0, begins);
          video.playbackRate = speed;
          void video.play().catch(() => undefined);
        }
        put += frame.end - frame.start;
        last = frame.date;
        while (put - video.currentTime > AHEAD_S * speed) {
          await wait(LOOK_MS);
          signal.throwIfAborted();
        }
        const old = video.currentTime - BEHIND_S;
        if (buffer.buffered.length > 0 && buffer.buffered.start(0) < old - BEHIND_S) {
          buffer.remove(0, old);
          await once(buffer, 'updateend', signal);
        }
      }
      if (isWhole) break;
      // On air more has come meanwhile, until there is as little of it as it takes to play it.
      ({ frames, isWhole } = await keyFrames(url, signal));
      left = frames.filter(({ date }) => date > last);
      if (left.length === 0) break;
    }
    this.#source.endOfStream();
  }
}

/** Where the I-frames are listed, and what they are coded as. */
async function keyFramePlaylist(playlist: URL, signal: AbortSignal): Promise<{ codecs: string; url: URL }> {
  const line = (await text(playlist, signal)).split('\n').find((one) => one.startsWith('#EXT-X-I-FRAME-STREAM-INF:')) ?? '';
  const named = (name: string) => new RegExp(`[:,]${name}="([^"]+)"`).exec(line)?.[1];
  const [codecs, uri] = [named('CODECS'), named('URI')];
  if (codecs === undefined || uri === undefined) throw new Error('there is nothing to wind through');
  return { codecs, url: new URL(uri, playlist) };
}

/** What an I-frame playlist lists; whole, where nothing will follow. */
async function keyFrames(url: URL, signal: AbortSignal): Promise<{ frames: readonly KeyFrame[]; isWhole: boolean }> {
  const lines = (await text(url, signal)).split('\n');
  const frames: KeyFrame[] = [];
  let [at, date, lasts, init, gap] = [0, 0, 0, '', false];
  for (const one of lines) {
    if (one.startsWith('#EXTINF:')) lasts = Number.parseFloat(one.slice(8));
    else if (one.startsWith('#EXT-X-PROGRAM-DATE-TIME:')) date = Date.parse(one.slice(25));
    else if (one.startsWith('#EXT-X-MAP:')) init = new URL(/URI="([^"]+)"/.exec(one)?.[1] ?? '', url).href;
    else if (one.startsWith('#EXT-X-GAP')) gap = true;
    else if (one !== '' && !one.startsWith('#')) {
      if (!gap) frames.push({ url: new URL(one, url).href, init, start: at, end: at + lasts, date });
      at += lasts;
      date += lasts * 1000;
      gap = false;
    }
  }
  return { frames, isWhole: lines.includes('#EXT-X-ENDLIST') };
}

async function text(url: URL, signal: AbortSignal): Promise<string> {
  return (await ask(url.href, signal)).text();
}

async function ask(url: string, signal: AbortSignal): Promise<Response> {
  const answer = await fetch(url, { signal });
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  return answer;
}

function once(target: EventTarget, name: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    target.addEventListener(name, () => resolve(), { once: true, signal });
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}
