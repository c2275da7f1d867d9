import Hls, { ErrorDetails, ErrorTypes, Events, type ErrorData, type LevelDetails } from 'hls.js/light';
import type { Playback, PlaybackEvents, Quality } from './playback';

/** A decoder error is mended in place once within this; after that the playback is built anew. */
const MEND_AGAIN_AFTER_MS = 10_000;

export function hlsIsSupported(): boolean {
  return Hls.isSupported();
}

export class HlsPlayback implements Playback {
  readonly #hls: Hls;
  readonly #events: PlaybackEvents;
  #details: LevelDetails | null = null;
  #mendedAt = -Infinity;

  constructor(video: HTMLVideoElement, url: string, events: PlaybackEvents) {
    this.#events = events;
    const hls = new Hls({
      // Passed-through fMP4 needs no transmuxing worth a thread, and the page's policy needs no blob: workers.
      enableWorker: false,
      lowLatencyMode: true,
      // Drifting back to the target by a barely audible 10 % at most; without it hls.js stays where a hiccup left it.
      maxLiveSyncPlaybackRate: 1.1,
      // The default adds a whole second of delay for each stall, for good.
      liveSyncOnStallIncrease: 0.25,
      backBufferLength: 60,
      maxBufferLength: 30,
      capLevelToPlayerSize: true,
      // A stalled picture is looked at soon; the live edge is never far away.
      highBufferWatchdogPeriod: 1,
      manifestLoadPolicy: { default: policy(10_000, 1) },
      playlistLoadPolicy: { default: policy(10_000, 1) },
      fragLoadPolicy: { default: policy(10_000, 3) },
    });
    this.#hls = hls;
    hls.on(Events.MANIFEST_PARSED, () => events.qualitiesChanged());
    hls.on(Events.LEVEL_SWITCHED, () => events.qualitiesChanged());
    hls.on(Events.LEVEL_LOADED, (_, { details }) => { this.#details = details; });
    hls.on(Events.LEVEL_UPDATED, (_, { details }) => { this.#details = details; });
    hls.on(Events.ERROR, (_, data) => this.#onError(data));
    hls.loadSource(url);
    hls.attachMedia(video);
  }

  #onError(data: ErrorData): void {
    if (!data.fatal) return;
    switch (data.type) {
      case ErrorTypes.NETWORK_ERROR:
        return this.#events.trouble({ kind: 'network' });
      case ErrorTypes.MEDIA_ERROR: {
        if (data.details === ErrorDetails.MANIFEST_INCOMPATIBLE_CODECS_ERROR) return this.#events.trouble({ kind: 'format' });
        const now = performance.now();
        if (now - this.#mendedAt < MEND_AGAIN_AFTER_MS) return this.#events.trouble({ kind: 'media' });
        this.#mendedAt = now;
        return this.#hls.recoverMediaError();
      }
      default:
        return this.#events.trouble({ kind: 'media' });
    }
  }

  playingDate(): number | null {
    return this.#hls.playingDate?.getTime() ?? null;
  }

  livePosition(): number | null {
    return this.#hls.liveSyncPosition;
  }

  targetLatency(): number | null {
    return this.#hls.targetLatency;
  }

  edgeIsGap(): boolean {
    const details = this.#details;
    if (details === null || !details.live) return false;
    const part = details.partList?.at(-1);
    const segment = details.fragments.at(-1);
    // Parts stand for the newest media where there are any behind the last whole segment.
    return part !== undefined && segment !== undefined && part.end >= segment.end ? part.gap : segment?.gap === true;
  }

  hasEnd(): boolean {
    return this.#details !== null && !this.#details.live;
  }

  qualities(): readonly Quality[] {
    return this.#hls.levels.map((level, id) => ({
      id,
      name: level.height > 0 ? `${level.height}p${level.frameRate > 30.5 ? Math.round(level.frameRate) : ''}` : `${Math.round(level.bitrate / 1000)} kbit/s`,
    })).reverse();
  }

  quality(): number {
    return this.#hls.autoLevelEnabled ? -1 : this.#hls.loadLevel;
  }

  activeQuality(): number {
    return this.#hls.currentLevel;
  }

  chooseQuality(id: number): void {
    this.#hls.nextLevel = id;
    this.#events.qualitiesChanged();
  }

  resume(): void {
    this.#hls.startLoad();
  }

  rest(): void {
    this.#hls.stopLoad();
  }

  destroy(): void {
    this.#hls.destroy();
  }
}

/** Few retries in hls.js itself: after them the page asks the origin what is the matter, and says so. */
function policy(firstByteMs: number, retries: number) {
  const retry = { maxNumRetry: retries, retryDelayMs: 400, maxRetryDelayMs: 2_000 };
  return { maxTimeToFirstByteMs: firstByteMs, maxLoadTimeMs: 20_000, timeoutRetry: retry, errorRetry: retry };
}
