/** So near to its edge a frame may be the one before, in seconds. */
const EDGE_S = 0.001;

/** Which frame stands on the screen, for who goes from one to the next. */
export class Frames {
  readonly #video: HTMLVideoElement;
  /** Media time of the frame that was stepped to. */
  #shown: number | null = null;

  constructor(video: HTMLVideoElement) {
    this.#video = video;
    for (const elsewhere of ['play', 'seeking'] as const) video.addEventListener(elsewhere, () => { this.#shown = null; });
  }

  /** Media time of the frame on screen, in seconds; while it plays, of the moment. */
  get time(): number {
    return this.#shown ?? this.#video.currentTime;
  }

  /** Where to go for a frame on or back, of which each stands so many seconds. */
  next(frames: 1 | -1, frame: number): number {
    // Into the middle of the next one, or, where in its frame it stands is not known, a little behind its edge: dates of frames are rounded.
    return (this.#shown === null ? this.#video.currentTime + EDGE_S : this.#shown + frame / 2) + frames * frame;
  }

  /** Takes note of the frame that comes next, if the picture stands then. One that comes while another is looked for is that of an earlier step. */
  note(): void {
    this.#video.requestVideoFrameCallback((_, { mediaTime }) => {
      if (this.#video.seeking) this.note();
      else this.#shown = this.#video.paused ? mediaTime : null;
    });
  }
}
