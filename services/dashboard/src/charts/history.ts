/** What the charts draw: a sample a second, the last fifteen minutes, holes where nothing came. */

/** Samples are kept for this long. */
export const KEPT_SECONDS = 900;
/** Samples further apart than this, in seconds, have a hole between them. */
const HOLE_FROM_S = 2.5;

export const METRICS = ['videoBitrate', 'audioBitrate', 'frameRate', 'keyFrameInterval', 'avOffsetMs', 'behindMs', 'droppedFrames'] as const;
export type Metric = (typeof METRICS)[number];

/** One second of a feed. `droppedFrames` counts from the beginning of the feed. */
export type Sample = { readonly at: string } & { readonly [M in Metric]: number | null };

/** Columns as uPlot wants them: times in seconds since the epoch, ascending, and a value or null for each. */
export type Columns = { readonly times: readonly number[] } & { readonly [M in Metric]: readonly (number | null)[] };

export interface Range {
  now: number | null;
  min: number;
  max: number;
}

/**
 * The samples of one session in the order of their time. A column is one array that lives as long as the history: a sample costs a push and,
 * once fifteen minutes are full, a shift, and nothing grows.
 */
export class HealthHistory {
  readonly #times: number[] = [];
  readonly #columns: Record<Metric, (number | null)[]> = {
    videoBitrate: [], audioBitrate: [], frameRate: [], keyFrameInterval: [], avOffsetMs: [], behindMs: [], droppedFrames: [],
  };
  readonly #listeners = new Set<() => void>();
  /** The count of dropped frames in the newest sample, to make each second's own out of it. */
  #dropped: number | null = null;
  /** How far the server's clock, by which samples are dated, is ahead of ours, in seconds. */
  #ahead = 0;

  get columns(): Columns {
    return { times: this.#times, ...this.#columns };
  }

  get isEmpty(): boolean {
    return this.#times.length === 0;
  }

  /** The moment that is "now" on the charts' axis, in seconds since the epoch. */
  now(): number {
    return Date.now() / 1000 + this.#ahead;
  }

  /** Takes the newest sample in; one that is not newer than what is there is left out. */
  add(sample: Sample): void {
    if (!this.#append(sample)) return;
    this.#ahead = this.#lastTime() - Date.now() / 1000;
    this.#forget();
    this.#tell();
  }

  /**
   * Takes in what the server remembers, oldest first: at the beginning, and after our own connection was lost, so that only the feed's own holes
   * stay. The server knows at least as much as we of the time since its first sample, so this is put in place of what we have of it.
   */
  refill(samples: readonly Sample[]): void {
    const first = samples[0];
    if (first === undefined) return;
    const from = seconds(first);
    // Rows that we had of that time may be of later arrival than the answer: they are kept where they are newer than all of it.
    const until = seconds(samples[samples.length - 1] as Sample);
    const before = firstAtOrAfter(this.#times, from);
    const after = firstAtOrAfter(this.#times, until + 0.001);
    const tailTimes = this.#times.slice(after);
    const tail = METRICS.map((metric) => this.#columns[metric].slice(after));
    this.#times.length = before;
    for (const metric of METRICS) this.#columns[metric].length = before;
    this.#dropped = null;
    for (const sample of samples) this.#append(sample);
    tailTimes.forEach((time, row) => {
      this.#times.push(time);
      METRICS.forEach((metric, column) => this.#columns[metric].push(tail[column]?.[row] ?? null));
    });
    if (tailTimes.length === 0) this.#ahead = Math.max(this.#ahead, this.#lastTime() - Date.now() / 1000);
    this.#forget();
    this.#tell();
  }

  /** Least, most and newest of what is kept of the last `window` seconds; null when there is nothing. `now` is null in a hole. */
  range(metric: Metric, window: number): Range | null {
    const column = this.#columns[metric];
    const from = this.now() - window;
    let min = Infinity;
    let max = -Infinity;
    for (let row = column.length - 1; row >= 0 && (this.#times[row] as number) >= from; row -= 1) {
      const value = column[row];
      if (value == null) continue;
      if (value < min) min = value;
      if (value > max) max = value;
    }
    if (min > max) return null;
    const fresh = this.now() - this.#lastTime() <= HOLE_FROM_S + 1;
    return { now: fresh ? column[column.length - 1] ?? null : null, min, max };
  }

  /** Calls `listener` after each change; the answer ends that. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => { this.#listeners.delete(listener); };
  }

  #append(sample: Sample): boolean {
    const time = seconds(sample);
    const last = this.#lastTime();
    if (!Number.isFinite(time) || time <= last) return false;
    if (time - last > HOLE_FROM_S && this.#times.length > 0) {
      this.#times.push(last + 1);
      for (const metric of METRICS) this.#columns[metric].push(null);
    }
    this.#times.push(time);
    for (const metric of METRICS) this.#columns[metric].push(metric === 'droppedFrames' ? this.#droppedNow(sample) : sample[metric]);
    return true;
  }

  /** Frames dropped in this second: a new feed begins to count anew. */
  #droppedNow({ droppedFrames }: Sample): number | null {
    const before = this.#dropped;
    this.#dropped = droppedFrames;
    if (droppedFrames === null) return null;
    return before === null ? 0 : droppedFrames >= before ? droppedFrames - before : droppedFrames;
  }

  #lastTime(): number {
    return this.#times[this.#times.length - 1] ?? -Infinity;
  }

  #forget(): void {
    const from = this.#lastTime() - KEPT_SECONDS;
    let old = 0;
    while (old < this.#times.length && (this.#times[old] as number) < from) old += 1;
    if (old === 0) return;
    this.#times.splice(0, old);
    for (const metric of METRICS) this.#columns[metric].splice(0, old);
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

function seconds(sample: Sample): number {
  return Date.parse(sample.at) / 1000;
}

/** Index of the first of `times` that is not before `from`; their length when all are. */
function firstAtOrAfter(times: readonly number[], from: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] as number) < from) low = middle + 1;
    else high = middle;
  }
  return low;
}
