import type { Playback } from './playback';
import { reachOf, type Reach } from './reach';
import type { Stretch } from './timeline';

/** How far back one can go is asked anew so often. */
const RENEW_MS = 30_000;
/** Of a list that slides the oldest is about to leave: so much of it is not gone to, in seconds. */
const LEAVING_S = 3;

/** A place that was gone to and whose playback is being built. */
export interface Sought {
  /** What could be gone to when it was chosen, and the place in that. */
  readonly scale: Stretch;
  readonly time: number;
  /** Milliseconds since the epoch. */
  readonly date: number;
}

/** What lies behind a playback that has the newest media alone: how far one can go back, and who is on the way. */
export class Rewind {
  sought: Sought | null = null;
  #reach: Reach | null = null;
  #readAt = -Infinity;
  #of = '';

  /** Asks how far back the playlist of a session goes, where that is not known of late. */
  look(playlist: string): void {
    if (playlist !== this.#of) this.forget();
    const now = performance.now();
    if (now - this.#readAt < RENEW_MS) return;
    this.#of = playlist;
    this.#readAt = now;
    void reachOf(playlist).then((reach) => { if (reach !== null && playlist === this.#of) this.#reach = reach; });
  }

  forget(): void {
    this.#reach = null;
    this.#readAt = -Infinity;
    this.#of = '';
  }

  /** All that can be gone to, on the time line of the playback; null until that is known. */
  window(playback: Playback): Stretch | null {
    const newest = playback.window();
    if (this.#reach === null || newest === null) return null;
    const { oldest, slides } = this.#reach;
    const start = playback.timeAt(slides ? oldest + performance.now() - this.#readAt + LEAVING_S * 1000 : oldest);
    return start === null ? null : { start: Math.min(start, newest.start), end: newest.end };
  }
}
