import { useEffect, useState, useSyncExternalStore } from 'react';
import { SessionFiguresDocument, SessionSamplesDocument, type HealthFiguresFragment } from '../../api/generated';
import { useApi, useLive, useRefresh } from '../../api/react';
import { HealthHistory, KEPT_SECONDS } from '../../charts/history';

export type Figures = HealthFiguresFragment;
export type Warning = Figures['warnings'][number];

const NONE: readonly Warning[] = [];

/** What is known of a feed: its history for the charts, its newest figures, and the warnings that stand. */
export class Feed {
  readonly history = new HealthHistory();
  #latest: Figures | null = null;
  #warnings: readonly Warning[] = NONE;
  readonly #listeners = new Set<() => void>();

  readonly listen = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly latest = (): Figures | null => this.#latest;

  /** The same array as long as the same warnings stand. */
  readonly warnings = (): readonly Warning[] => this.#warnings;

  /** A sample that has just come. */
  come(figures: Figures): void {
    this.history.add(figures);
    this.#note(figures);
  }

  /** What the platform remembers of the last minutes, oldest first. */
  refill(samples: readonly Figures[]): void {
    this.history.refill(samples);
    const newest = samples.at(-1);
    if (newest !== undefined && (this.#latest === null || newest.at > this.#latest.at)) this.#note(newest);
  }

  /** The session is over: nothing stands any more. */
  end(): void {
    this.#latest = null;
    this.#warnings = NONE;
    this.#tell();
  }

  #note(figures: Figures): void {
    this.#latest = figures;
    const same = figures.warnings.length === this.#warnings.length
      && figures.warnings.every(({ name, since }, index) => name === this.#warnings[index]?.name && since === this.#warnings[index]?.since);
    if (!same) this.#warnings = figures.warnings;
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** Follows a session's feed: what the platform remembers, then a sample a second; after an outage of ours the hole is filled again. */
export function useFeed(id: string, when: boolean): Feed {
  const api = useApi();
  const [feed] = useState(() => new Feed());
  const [round, setRound] = useState(0);
  useRefresh(() => setRound((before) => before + 1));
  useEffect(() => {
    if (!when) return undefined;
    let current = true;
    void api.ask(SessionSamplesDocument, { id, seconds: KEPT_SECONDS }).then(({ data }) => {
      if (current && data?.session != null) feed.refill(data.session.recentHealth);
    });
    return () => { current = false; };
  }, [api, feed, id, when, round]);
  useLive(SessionFiguresDocument, { id }, { when, onData: ({ sessionHealth }) => feed.come(sessionHealth), onEnd: () => feed.end() });
  return feed;
}

export function useWarnings(feed: Feed): readonly Warning[] {
  return useSyncExternalStore(feed.listen, feed.warnings);
}

export function useLatest(feed: Feed): Figures | null {
  return useSyncExternalStore(feed.listen, feed.latest);
}
