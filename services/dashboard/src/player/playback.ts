import type { Stretch } from './timeline';

/** One attempt to play one session: hls.js where there are media source extensions, the browser's own HLS elsewhere. */
export interface Quality {
  id: number;
  name: string;
}

export interface Trouble {
  /** `network`: worth asking the origin. `media`: worth building anew. `format`: this browser cannot. */
  kind: 'network' | 'media' | 'format';
}

/** Where to begin: at live, at the picture of a date (milliseconds since the epoch), or so many seconds into a recording. */
export type Beginning = { readonly at: 'live' } | { readonly at: 'date'; readonly date: number } | { readonly at: 'time'; readonly seconds: number };

export interface PlaybackEvents {
  /** Playback does not go on without help from outside. */
  trouble(trouble: Trouble): void;
  qualitiesChanged(): void;
  /** The playlist was read anew: what can be gone to may be other than it was. */
  windowMoved(): void;
  /** The date to begin at is no longer listed: it begins with the oldest that is. */
  tooOld(): void;
}

export interface Playback {
  /** Date of the frame on screen, in milliseconds since the epoch, by PROGRAM-DATE-TIME. */
  playingDate(): number | null;
  /** The same for any media time that is listed. */
  dateAt(time: number): number | null;
  /** The media time of a date, also of one that is not listed any more. */
  timeAt(date: number): number | null;
  /** Media time that is "live" for this mode, in seconds. */
  livePosition(): number | null;
  /** Distance from the live edge that the mode aims at, in seconds. */
  targetLatency(): number | null;
  /** What can be gone to: from the oldest that is listed to live, or to the end where there is one. */
  window(): Stretch | null;
  /** The window has moved on past this media time. */
  isLeftBehind(time: number): boolean;
  /** Where the broadcaster was away. */
  gaps(): readonly Stretch[];
  /** Where a time without a broadcast was left out. */
  breaks(): readonly number[];
  /** How long a frame stands. */
  frameSeconds(): number;
  /** The newest media listed is a gap: the broadcaster is away. */
  edgeIsGap(): boolean;
  /** The playlist says that nothing will follow. */
  hasEnd(): boolean;
  qualities(): readonly Quality[];
  /** -1: automatic. */
  quality(): number;
  /** The one on screen when automatic. */
  activeQuality(): number;
  chooseQuality(id: number): void;
  /**
   * Goes on loading after `trouble` of kind network, or after `rest`: in place, or `from` there where that is not to be had. Whether it plays is
   * the viewer's to say.
   */
  resume(from: Beginning): void;
  /** Stops loading; the picture stays. */
  rest(): void;
  destroy(): void;
}
