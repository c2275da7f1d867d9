import Hls, { ErrorDetails, ErrorTypes, Events, type ErrorData, type LevelDetails, type RetryConfig } from 'hls.js/light';
import type { Beginning, Playback, PlaybackEvents, Quality } from './playback';
import { breaksOf, dateAt, gapsOf, timeBefore, timeOf, type Stretch } from './timeline';

/** A decoder error is mended in place once within this; after that the playback is built anew. */
const MEND_AGAIN_AFTER_MS = 10_000;
/** What is assumed where the playlist does not tell it. */
const FRAMES_A_SECOND = 30;
/** So often hls.js itself asks for a segment again, over some three seconds; after that the page asks the origin what is the matter. */
const SEGMENT_RETRIES = 3;
/** `NetworkErrorAction.RetryRequest` of hls.js, whose types have it as a const enum that cannot be imported. */
const RETRY_REQUEST = 5;
/** Of a window that slides, the oldest so many target durations are not gone to: they are about to leave it. */
const OLDEST_TARGETS = 1.5;

export function hlsIsSupported(): boolean {
  return Hls.isSupported();
}

export class HlsPlayback implements Playback {
  readonly #hls: Hls;
  readonly #events: PlaybackEvents;
  readonly #isLive: boolean;
  #details: LevelDetails | null = null;
  #gaps: readonly Stretch[] | null = null;
  #breaks: readonly number[] | null = null;
  #mendedAt = -Infinity;
  /** The server did not answer when something was last asked of it. */
  #isAway = false;
  readonly #video: HTMLVideoElement;
  readonly #from: Beginning;

  constructor(video: HTMLVideoElement, url: string, from: Beginning, events: PlaybackEvents) {
    this.#video = video;
    this.#from = from;
    this.#events = events;
    this.#isLive = from.at !== 'time';
    const hls = new Hls({
      // Passed-through fMP4 needs no transmuxing worth a thread, and the page's policy needs no blob: workers.
      enableWorker: false,
      lowLatencyMode: true,
      // Drifting back to the target by a barely audible 10 % at most; without it hls.js stays where a hiccup left it. The
      // speed of a recording is the viewer's.
      maxLiveSyncPlaybackRate: this.#isLive ? 1.1 : 1,
      startPosition: from.at === 'time' ? from.seconds : -1,
      // The default adds a whole second of delay for each stall, for good.
      liveSyncOnStallIncrease: 0.25,
      backBufferLength: 60,
      maxBufferLength: 30,
      capLevelToPlayerSize: true,
      // A stalled picture is looked at soon; the live edge is never far away.
      highBufferWatchdogPeriod: 1,
      manifestLoadPolicy: { default: policy(10_000, 1) },
      playlistLoadPolicy: { default: policy(10_000, 1) },
      fragLoadPolicy: { default: policy(10_000, SEGMENT_RETRIES, (_, __, ___, response) => this.#asksAgain(response?.code)) },
    });
    this.#hls = hls;
    hls.on(Events.MANIFEST_PARSED, () => events.qualitiesChanged());
    hls.on(Events.LEVEL_SWITCHED, () => events.qualitiesChanged());
    hls.on(Events.LEVEL_LOADED, (_, { details }) => { this.#isAway = false; this.#note(details); });
    hls.on(Events.FRAG_LOADED, () => { this.#isAway = false; });
    // Comes before hls.js looks whether the picture is still inside the window, and goes to live where it is not.
    hls.on(Events.LEVEL_UPDATED, (_, { details }) => {
      const isFirst = this.#details === null;
      this.#note(details);
      if (isFirst && from.at === 'date') this.#beginAt(details, from.date);
      events.windowMoved();
    });
    hls.on(Events.ERROR, (_, data) => this.#onError(data));
    hls.loadSource(url);
    hls.attachMedia(video);
  }

  #note(details: LevelDetails): void {
    this.#details = details;
    this.#gaps = this.#breaks = null;
  }

  /** Nothing was asked for yet but the playlist: the first segment is that of the date. */
  #beginAt(details: LevelDetails, date: number): void {
    if (timeOf(details.fragments, date) === null) this.#events.tooOld();
    this.#hls.startLoad(this.#timeOf({ at: 'date', date }));
  }

  #oldest(details: LevelDetails): number {
    const slides = details.live && this.#isLive && details.startSN > 0;
    return details.fragmentStart + (slides ? OLDEST_TARGETS * details.targetduration : 0);
  }

  /**
   * Left to itself hls.js takes a segment that a lost connection kept from it for a gap, and throws whoever is behind to the next media
   * at hand. What the server refuses (4xx) is passed over; but one that was away a moment ago may not have found its sessions again.
   */
  #asksAgain(status = 0): boolean {
    const refuses = status >= 400 && status < 500;
    if (!refuses) this.#isAway = true;
    return this.#isAway;
  }

  /**
   * hls.js asks for a segment again for ever, in the end without a pause; and when the first one fails it forgets the place to begin at,
   * and begins at live.
   */
  #isEnough({ details, errorAction }: ErrorData): boolean {
    if (details !== ErrorDetails.FRAG_LOAD_ERROR && details !== ErrorDetails.FRAG_LOAD_TIMEOUT || errorAction?.action !== RETRY_REQUEST) return false;
    return (errorAction.retryCount ?? 0) >= SEGMENT_RETRIES || this.#from.at === 'date' && !this.#hls.hasEnoughToStart;
  }

  #onError(data: ErrorData): void {
    if (!data.fatal && this.#isEnough(data)) {
      this.#hls.stopLoad();
      return this.#events.trouble({ kind: 'network' });
    }
    if (!data.fatal) return;
    switch (data.type) {
      case ErrorTypes.NETWORK_ERROR:
        return this.#events.trouble({ kind: 'network' });
      case ErrorTypes.MEDIA_ERROR: {
        if (data.details === ErrorDetails.MANIFEST_INCOMPATIBLE_CODECS_ERROR) return this.#events.trouble({ kind: 'format' });
        const now = performance.now();
        if (now - this.#mendedAt < MEND_AGAIN_AFTER_MS) return this.#events.trouble({ kind: 'media' });
        this.#mendedAt = now;
        return this.#mend();
      }
      default:
        return this.#events.trouble({ kind: 'media' });
    }
  }

  /** A fatal error has stopped the loading: hls.js would begin anew where the playback began, not where it is. */
  #mend(): void {
    const time = this.#hls.hasEnoughToStart ? this.#video.currentTime : this.#timeOf(this.#from);
    this.#hls.recoverMediaError();
    this.#hls.startLoad(time);
  }

  playingDate(): number | null {
    return this.#hls.playingDate?.getTime() ?? null;
  }

  dateAt(time: number): number | null {
    return dateAt(this.#details?.fragments ?? [], time);
  }

  timeAt(date: number): number | null {
    return timeBefore(this.#details?.fragments ?? [], date);
  }

  livePosition(): number | null {
    return this.#isLive ? this.#hls.liveSyncPosition : null;
  }

  window(): Stretch | null {
    const details = this.#details;
    if (details === null) return null;
    const end = (details.live ? this.livePosition() : null) ?? details.edge;
    return { start: Math.min(this.#oldest(details), end), end };
  }

  isLeftBehind(time: number): boolean {
    return this.#details !== null && time < this.#details.fragmentStart - this.#hls.config.maxFragLookUpTolerance;
  }

  gaps(): readonly Stretch[] {
    return this.#gaps ??= gapsOf(this.#details?.fragments ?? []);
  }

  breaks(): readonly number[] {
    return this.#breaks ??= breaksOf(this.#details?.fragments ?? []);
  }

  frameSeconds(): number {
    const rate = this.#hls.levels[this.#hls.currentLevel]?.frameRate;
    return 1 / (rate !== undefined && rate > 0 ? rate : FRAMES_A_SECOND);
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

  resume(from: Beginning): void {
    this.#hls.startLoad(this.#timeOf(from));
  }

  /** Where hls.js is to begin; -1: at live, or as it was told when it was built. */
  #timeOf(from: Beginning): number {
    switch (from.at) {
      case 'live': return -1;
      case 'time': return from.seconds;
      case 'date': return this.#details === null ? -1 : this.#shownFrom(Math.max(timeOf(this.#details.fragments, from.date) ?? -Infinity, this.#oldest(this.#details)));
    }
  }

  /** Nothing is shown of a gap: what comes behind it. */
  #shownFrom(time: number): number {
    const gap = this.gaps().find(({ start, end }) => start <= time && time < end);
    return gap !== undefined && gap.end < (this.#details?.edge ?? 0) ? gap.end : time;
  }

  rest(): void {
    this.#hls.stopLoad();
  }

  destroy(): void {
    this.#hls.destroy();
  }
}

/** Few retries in hls.js itself: after them the page asks the origin what is the matter, and says so. */
function policy(firstByteMs: number, retries: number, shouldRetry?: RetryConfig['shouldRetry']) {
  const retry: RetryConfig = { maxNumRetry: retries, retryDelayMs: 400, maxRetryDelayMs: 2_000, ...(shouldRetry && { shouldRetry }) };
  return { maxTimeToFirstByteMs: firstByteMs, maxLoadTimeMs: 20_000, timeoutRetry: retry, errorRetry: retry };
}
