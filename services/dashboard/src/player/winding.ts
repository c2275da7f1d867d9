import { wait } from './wait';

/** Media that is kept ahead of the picture: so many seconds of winding. */
const AHEAD_S = 6;
/** What is more than this behind the picture, in seconds of media, is let go. */
const BEHIND_S = 60;
const LOOK_MS = 200;

/** A picture that stands until the next. */
interface KeyFrame {
  readonly url: string;
  readonly init: string;
  /** Seconds into the recording, from when to when it stands. */
  readonly start: number;
  readonly end: number;
  /** Where it is put in what plays: one behind the other, for nothing is played where there is no picture. */
  readonly put: number;
}

/** The key frames of a recording, one after the other, faster than what is between them could be played. */
export class Winding {
  readonly #ended = new AbortController();
  readonly #source = new MediaSource();
  readonly #address = URL.createObjectURL(this.#source);
  #frames: readonly KeyFrame[] = [];

  /** `over`: it has come to the recording's end, or does not go on. */
  constructor(readonly video: HTMLVideoElement, playlist: string, from: number, speed: number, over: (how: 'ended' | 'failed') => void) {
    video.src = this.#address;
    video.addEventListener('ended', () => over('ended'), { signal: this.#ended.signal });
    video.addEventListener('error', () => over('failed'), { signal: this.#ended.signal });
    this.#run(new URL(playlist, location.href), from, speed).catch(() => { if (!this.#ended.signal.aborted) over('failed'); });
  }

  /** Seconds into the recording; null before the first picture. */
  get time(): number | null {
    const { currentTime, readyState } = this.video;
    const frame = readyState > 1 ? this.#frames.findLast(({ put }) => put <= currentTime) ?? this.#frames[0] : undefined;
    return frame === undefined ? null : frame.start + Math.max(0, currentTime - frame.put);
  }

  stop(): void {
    this.#ended.abort();
    this.video.removeAttribute('src');
    this.video.load();
    URL.revokeObjectURL(this.#address);
  }

  async #run(playlist: URL, from: number, speed: number): Promise<void> {
    const { signal } = this.#ended;
    const { video } = this;
    const [{ codecs, frames }] = await Promise.all([keyFrames(playlist, signal), once(this.#source, 'sourceopen', signal)]);
    this.#frames = frames;
    const buffer = this.#source.addSourceBuffer(`video/mp4; codecs="${codecs}"`);
    // Each is put behind the one before, whatever its own time is: they stand as long as the playlist says.
    buffer.mode = 'sequence';
    const append = async (url: string) => {
      const bytes = await (await ask(url, signal)).arrayBuffer();
      buffer.appendBuffer(bytes);
      await once(buffer, 'updateend', signal);
    };
    const left = frames.filter(({ end }) => end > from);
    const first = left[0];
    if (first === undefined) throw new Error('there is nothing left to wind through');
    buffer.timestampOffset = first.put;
    let init: string | null = null;
    for (const frame of left) {
      if (init !== frame.init) await append(frame.init);
      init = frame.init;
      await append(frame.url);
      if (frame === first) {
        // Only now is there something to go to.
        video.currentTime = frame.put + Math.max(0, from - frame.start);
        video.playbackRate = speed;
        void video.play().catch(() => undefined);
      }
      while (frame.put - video.currentTime > AHEAD_S * speed) {
        await wait(LOOK_MS);
        signal.throwIfAborted();
      }
      const old = video.currentTime - BEHIND_S;
      if (buffer.buffered.length > 0 && buffer.buffered.start(0) < old - BEHIND_S) {
        buffer.remove(0, old);
        await once(buffer, 'updateend', signal);
      }
    }
    this.#source.endOfStream();
  }
}

/** What a recording's I-frame playlist lists, and what it is coded as. */
async function keyFrames(playlist: URL, signal: AbortSignal): Promise<{ codecs: string; frames: readonly KeyFrame[] }> {
  const line = (await text(playlist, signal)).split('\n').find((one) => one.startsWith('#EXT-X-I-FRAME-STREAM-INF:')) ?? '';
  const named = (name: string) => new RegExp(`[:,]${name}="([^"]+)"`).exec(line)?.[1];
  const [codecs, uri] = [named('CODECS'), named('URI')];
  if (codecs === undefined || uri === undefined) throw new Error('there is nothing to wind through');
  const base = new URL(uri, playlist);
  const frames: KeyFrame[] = [];
  let [at, put, lasts, init, gap] = [0, 0, 0, '', false];
  for (const one of (await text(base, signal)).split('\n')) {
    if (one.startsWith('#EXTINF:')) lasts = Number.parseFloat(one.slice(8));
    else if (one.startsWith('#EXT-X-MAP:')) init = new URL(/URI="([^"]+)"/.exec(one)?.[1] ?? '', base).href;
    else if (one.startsWith('#EXT-X-GAP')) gap = true;
    else if (one !== '' && !one.startsWith('#')) {
      if (!gap) {
        frames.push({ url: new URL(one, base).href, init, start: at, end: at + lasts, put });
        put += lasts;
      }
      at += lasts;
      gap = false;
    }
  }
  return { codecs, frames };
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
