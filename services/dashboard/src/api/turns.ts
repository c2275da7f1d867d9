type Act = () => Promise<void>;

/** Does one thing at a time: what is wanted meanwhile is done afterwards, once however often it was wanted. */
export class Turns {
  readonly #wanted = new Set<Act>();
  #busy = false;

  want(act: Act): void {
    this.#wanted.add(act);
    if (!this.#busy) void this.#run();
  }

  /** Nothing more is done. */
  close(): void {
    this.#wanted.clear();
  }

  async #run(): Promise<void> {
    this.#busy = true;
    try {
      // A set that grows while it is gone through is gone through to its new end.
      for (const act of this.#wanted) {
        this.#wanted.delete(act);
        await act();
      }
    } finally {
      this.#busy = false;
    }
  }
}
