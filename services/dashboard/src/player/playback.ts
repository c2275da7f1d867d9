/** One attempt to play one session: hls.js where there are media source extensions, the browser's own HLS elsewhere. */
export interface Quality {
  id: number;
  name: string;
}

export interface Trouble {
  /** `network`: worth asking the origin. `media`: worth building anew. `format`: this browser cannot. */
  kind: 'network' | 'media' | 'format';
}

export interface PlaybackEvents {
  /** Playback does not go on without help from outside. */
  trouble(trouble: Trouble): void;
  qualitiesChanged(): void;
}

export interface Playback {
  /** Date of the frame on screen, in milliseconds since the epoch, by PROGRAM-DATE-TIME. */
  playingDate(): number | null;
  /** Media time that is "live" for this mode, in seconds. */
  livePosition(): number | null;
  /** Distance from the live edge that the mode aims at, in seconds. */
  targetLatency(): number | null;
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
  /** Goes on loading after `trouble` of kind network, or after `rest`. */
  resume(): void;
  /** Stops loading; the picture stays. */
  rest(): void;
  destroy(): void;
}
