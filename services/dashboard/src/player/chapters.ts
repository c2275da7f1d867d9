import { cueAt, cuesOf, readVtt, type Cue } from './vtt';

/** The parts of a recording that have names. */
export class Chapters {
  #cues: readonly Cue[] = [];

  /** Asks for them; a recording of one piece has none to tell of. */
  async read(url: string): Promise<void> {
    const cues = cuesOf((await readVtt(url)) ?? '').filter(({ text }) => text !== '');
    this.#cues = cues.length < 2 ? [] : cues;
  }

  /** Where they begin, but for the first. */
  get marks(): readonly number[] {
    return this.#cues.slice(1).map(({ start }) => start);
  }

  nameAt(time: number): string | null {
    return cueAt(this.#cues, time)?.text ?? null;
  }
}
