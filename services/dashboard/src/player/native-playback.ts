import type { Beginning, Playback, PlaybackEvents, Quality } from './playback';
import type { Stretch } from './timeline';

/** What is assumed: the browser does not tell. */
const FRAMES_A_SECOND = 30;

/** Safari's `getStartDate` (WHATWG HTML §4.8.11.6): the date of media time 0. */
interface Dated {
  getStartDate?(): Date;
}

export function nativeHlsIsSupported(video: HTMLVideoElement): boolean {
  return video.canPlayType('application/vnd.apple.mpegurl') !== '';
}

/** The browser's own HLS, for the few that have no media source extensions (older iPhones). */
export class NativePlayback implements Playback {
  readonly #video: HTMLVideoElement & Dated;
  readonly #url: string;
  readonly #listening = new AbortController();
  #from: Beginning;
  #ended = false;

  constructor(video: HTMLVideoElement, url: string, from: Beginning, events: PlaybackEvents) {
    this.#video = video;
    this.#url = url;
    this.#from = from;
    const { signal } = this.#listening;
    video.addEventListener('ended', () => { this.#ended = true; }, { signal });
    video.addEventListener('durationchange', () => { this.#ended = Number.isFinite(video.duration); }, { signal });
    video.addEventListener('error', () => {
      const format = video.error?.code === MediaError.MEDIA_ERR_SRC_NOT_SUPPORTED && video.readyState > 0;
      events.trouble({ kind: format ? 'format' : 'network' });
    }, { signal });
    video.addEventListener('loadedmetadata', () => { if (!this.#begin()) events.tooOld(); }, { signal });
    video.addEventListener('progress', () => events.windowMoved(), { signal });
    video.src = url;
  }

  /** False when the place to begin at is no longer there: it begins with the oldest. */
  #begin(): boolean {
    const from = this.#from;
    if (from.at === 'live') return true;
    const start = this.dateAt(0);
    const wanted = from.at === 'time' ? from.seconds : start === null ? 0 : (from.date - start) / 1000;
    const oldest = this.window()?.start ?? 0;
    this.#video.currentTime = Math.max(wanted, oldest);
    return from.at === 'time' || wanted >= oldest;
  }

  playingDate(): number | null {
    return this.dateAt(this.#video.currentTime);
  }

  dateAt(time: number): number | null {
    const start = this.#video.getStartDate?.().getTime();
    return start === undefined || Number.isNaN(start) ? null : start + time * 1000;
  }

  timeAt(date: number): number | null {
    const start = this.dateAt(0);
    return start === null ? null : (date - start) / 1000;
  }

  livePosition(): number | null {
    return this.#from.at === 'time' ? null : this.window()?.end ?? null;
  }

  window(): Stretch | null {
    const { seekable } = this.#video;
    return seekable.length === 0 ? null : { start: seekable.start(0), end: seekable.end(seekable.length - 1) };
  }

  isLeftBehind(time: number): boolean {
    const window = this.window();
    return window !== null && time < window.start;
  }

  gaps(): readonly Stretch[] {
    return [];
  }

  breaks(): readonly number[] {
    return [];
  }

  frameSeconds(): number {
    return 1 / FRAMES_A_SECOND;
  }

  targetLatency(): number | null {
    return null;
  }

  edgeIsGap(): boolean {
    return false;
  }

  hasEnd(): boolean {
    return this.#ended;
  }

  qualities(): readonly Quality[] {
    return [];
  }

  quality(): number {
    return -1;
  }

  activeQuality(): number {
    return -1;
  }

  chooseQuality(): void {}

  resume(from: Beginning): void {
    this.#from = from;
    this.#video.src = this.#url;
  }

  rest(): void {}

  destroy(): void {
    this.#listening.abort();
    this.#video.removeAttribute('src');
    this.#video.load();
  }
}
