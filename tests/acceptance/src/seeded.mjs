// Random numbers that come again: a run is named by its seed, and goes on where it stopped.

export class Seeded {
  /** @param {number} seed @param {number} [state] where an earlier run stopped */
  constructor(seed, state) { this.seed = seed; this.state = state ?? seed >>> 0; }

  /** From 0 up to 1 (mulberry32). */
  next() {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = this.state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  }

  between(low, high) { return low + this.next() * (high - low); }
  pick(list) { return list[Math.floor(this.next() * list.length)]; }
}
