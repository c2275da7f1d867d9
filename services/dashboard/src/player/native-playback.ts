import type { Playback, PlaybackEvents, Quality } from './playback';

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
  #ended = false;

  constructor(video: HTMLVideoElement, url: string, events: PlaybackEvents) {
    this.#video = video;
    this.#url = url;
    const { signal } = this.#listening;
    video.addEventListener('ended', () => { this.#ended = true; }, { signal });
    video.addEventListener('durationchange', () => { this.#ended = Number.isFinite(video.duration); }, { signal });
    video.addEventListener('error', () => {
      const format = video.error?.code === MediaError.MEDIA_ERR_SRC_NOT_SUPPORTED && video.readyState > 0;
      events.trouble({ kind: format ? 'format' : 'network' });
    }, { signal });
    video.src = url;
  }

  playingDate(): number | null {
    const start = this.#video.getStartDate?.().getTime();
    return start === undefined || Number.isNaN(start) ? null : start + this.#video.currentTime * 1000;
  }

  livePosition(): number | null {
    const { seekable } = this.#video;
    return seekable.length === 0 ? null : seekable.end(seekable.length - 1);
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

  resume(): void {
    this.#video.src = this.#url;
    this.#video.play().catch(() => undefined);
  }

  rest(): void {}

  destroy(): void {
    this.#listening.abort();
    this.#video.removeAttribute('src');
    this.#video.load();
  }
}
