/** The events that a page holds: the newest first, at most so many, the live ones held back while it is paused. */

/** Rows kept at most. Beyond it the oldest go while the tail is followed, the newest while somebody reads back. */
export const KEPT_ROWS = 1_000;
/** Of the events that come while the tail is paused this many are held; of more, only the newest. */
export const HELD_MOST = 500;

export interface Row {
  readonly id: string;
  readonly position: string;
}

export interface TailState<E extends Row> {
  /** Newest first. */
  readonly rows: readonly E[];
  /** Events that came while paused. */
  readonly held: number;
  readonly paused: boolean;
  /** The log has events before the oldest row. */
  readonly hasOlder: boolean;
  /** The newest rows were let go while reading back: what is shown does not reach up to now. */
  readonly detached: boolean;
}

/** Where a page of the past came from the log. */
export interface Page<E extends Row> {
  /** Oldest first, as the log has them. */
  readonly events: readonly E[];
  readonly hasOlder: boolean;
}

/** A bounded window over the log that grows at both ends. React reads it as an external store: each state is a new object. */
export class EventTail<E extends Row> {
  #state: TailState<E> = { rows: [], held: 0, paused: false, hasOlder: false, detached: false };
  /** Newest last, as they came. */
  #held: E[] = [];
  /** More came while paused than can be held. */
  #overheld = false;
  readonly #listeners = new Set<() => void>();

  readonly listen = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly state = (): TailState<E> => this.#state;

  /** Position before which older events are to be read; null before there are any. */
  get oldest(): string | null {
    return this.#state.rows.at(-1)?.position ?? null;
  }

  /** Begins anew with the newest page of the log. */
  start({ events, hasOlder }: Page<E>): void {
    this.#held = [];
    this.#overheld = false;
    this.#set({ rows: events.toReversed(), held: 0, hasOlder, detached: false });
  }

  /** Takes live events in, oldest first. */
  come(events: readonly E[]): void {
    const { rows, paused, detached } = this.#state;
    const known = new Set([...rows.slice(0, KEPT_ROWS), ...this.#held].map(({ id }) => id));
    const fresh = events.filter(({ id }) => !known.has(id));
    if (fresh.length === 0) return;
    if (paused || detached) {
      this.#held.push(...fresh);
      if (this.#held.length > HELD_MOST) {
        this.#held.splice(0, this.#held.length - HELD_MOST);
        this.#overheld = true;
      }
      return this.#set({ held: this.#state.held + fresh.length });
    }
    this.#add(fresh);
  }

  pause(): void {
    if (!this.#state.paused) this.#set({ paused: true });
  }

  /**
   * Follows again, with what was held. Answers false where what was held does not join on to what is shown: then the caller starts anew
   * with the newest page.
   */
  resume(): boolean {
    if (this.#overheld || this.#state.detached) {
      this.#set({ paused: false });
      return false;
    }
    const held = this.#held;
    this.#held = [];
    this.#set({ paused: false, held: 0 });
    if (held.length > 0) this.#add(held);
    return true;
  }

  /** Adds a page that stands before the oldest row. */
  older({ events, hasOlder }: Page<E>): void {
    const known = new Set(this.#state.rows.map(({ id }) => id));
    const rows = [...this.#state.rows, ...events.toReversed().filter(({ id }) => !known.has(id))];
    const tooMany = rows.length - KEPT_ROWS;
    this.#set(tooMany > 0 ? { rows: rows.slice(tooMany), hasOlder, detached: true } : { rows, hasOlder });
  }

  #add(fresh: readonly E[]): void {
    const rows = [...fresh.toReversed(), ...this.#state.rows];
    this.#set(rows.length > KEPT_ROWS ? { rows: rows.slice(0, KEPT_ROWS), hasOlder: true } : { rows });
  }

  #set(change: Partial<TailState<E>>): void {
    this.#state = { ...this.#state, ...change };
    for (const listener of this.#listeners) listener();
  }
}

export interface Filter {
  /** An exact name (`session.live`) or a family (`session.`); empty: all. */
  readonly type: string;
  readonly aggregateId: string;
  readonly channelId: string;
}

/** Whether a live event is one that the filter asks for: as the server judges pages. */
export function matches(filter: Filter, event: { type: string; aggregateId: string; channelId: string | null }): boolean {
  const { type, aggregateId, channelId } = filter;
  return (type === '' || event.type === type || (type.endsWith('.') && event.type.startsWith(type)))
    && (aggregateId === '' || event.aggregateId === aggregateId)
    && (channelId === '' || event.channelId === channelId);
}

/** What people type as a type: `session` and `session.*` mean the family. */
export function typeAsked(typed: string): string {
  const word = typed.trim().replace(/\*$/, '');
  return word === '' || word.includes('.') ? word : `${word}.`;
}
