/** No movement for this long is a stall, for counting. */
const STALL_MS = 300;

/** Whether the picture moves, looked at again and again. */
export class Movement {
  /** Times the picture stood still against the viewer's will. */
  stalls = 0;
  /** There was a picture since the playback was built. */
  started = false;
  /** When it moved last; a pause and a short search do not count as standing still. */
  movedAt = 0;
  /** When it began to move without a longer halt. */
  soundFrom = 0;

  readonly #video: HTMLVideoElement;
  readonly #everyMs: number;
  readonly #haltMs: number;
  #lastTime = -1;
  #stalled = false;
  #seekingSince: number | null = null;

  /** It is looked at every `everyMs`; after a halt of more than `haltMs` it has to prove itself anew. */
  constructor(video: HTMLVideoElement, everyMs: number, haltMs: number) {
    this.#video = video;
    this.#everyMs = everyMs;
    this.#haltMs = haltMs;
  }

  /** A playback was built: nothing was seen of it yet. */
  begin(now: number): void {
    this.started = this.#stalled = false;
    this.#lastTime = -1;
    this.#seekingSince = null;
    this.movedAt = this.soundFrom = now;
  }

  /** Looks; `atEnd`: to stand still is right. */
  look(now: number, atEnd: boolean): boolean {
    const video = this.#video;
    const time = video.currentTime;
    const moved = this.#lastTime >= 0 && time !== this.#lastTime && !video.seeking && !video.paused;
    this.#lastTime = time;
    this.#seekingSince = video.seeking ? this.#seekingSince ?? now : null;
    if (moved) {
      if (now - this.movedAt > this.#haltMs) this.soundFrom = now;
      this.started = true;
      this.#stalled = false;
      this.movedAt = now;
    } else if (video.paused && !video.seeking || this.#seekingSince === now) {
      if (this.started && !video.ended) this.movedAt = Math.max(this.movedAt, now - STALL_MS);
    } else if (this.started && !this.#stalled && !video.seeking && now - this.movedAt > STALL_MS + this.#everyMs && !atEnd) {
      this.#stalled = true;
      this.stalls += 1;
    }
    return moved;
  }
}
