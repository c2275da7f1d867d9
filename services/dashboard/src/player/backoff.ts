/** Waits that grow, each spread by chance so that many viewers do not come back in one instant. */
export interface BackoffLimits {
  /** First wait, in milliseconds. */
  first: number;
  /** No wait is longer, in milliseconds (before spreading). */
  most: number;
  /** Factor from one wait to the next. */
  growth: number;
}

/** The share by which a wait is spread, up and down. */
const SPREAD = 0.25;

export class Backoff {
  #next: number;
  readonly #limits: BackoffLimits;
  readonly #random: () => number;

  constructor(limits: BackoffLimits, random: () => number = Math.random) {
    this.#limits = limits;
    this.#random = random;
    this.#next = limits.first;
  }

  /** The next wait in milliseconds. */
  next(): number {
    const base = this.#next;
    this.#next = Math.min(this.#limits.most, base * this.#limits.growth);
    return Math.round(base * (1 - SPREAD + 2 * SPREAD * this.#random()));
  }

  reset(): void {
    this.#next = this.#limits.first;
  }
}
