import { useNow } from '../api/time';
import { useSpeech } from '../messages/react';

/** What is old changes its words seldom: how old, and how often it is looked at, in milliseconds. */
const STEPS = [[120_000, 10_000], [7_200_000, 60_000]] as const;
const SELDOM = 3_600_000;

/** "3 minutes ago", with the moment itself in the tooltip. */
export function Ago({ at }: { at: string }) {
  const { f } = useSpeech();
  const age = Date.now() - Date.parse(at);
  const step = STEPS.find(([until]) => age < until)?.[1] ?? SELDOM;
  const now = useNow(step);
  return <time dateTime={at} title={f.exact(at)}>{f.relative(at, Math.max(now, Date.parse(at) + age))}</time>;
}

/** A moment in full. */
export function Moment({ at, seconds = false }: { at: string; seconds?: boolean }) {
  const { f } = useSpeech();
  return <time dateTime={at} title={f.exact(at)}>{seconds ? `${f.date(at)}, ${f.time(at)}` : f.dateTime(at)}</time>;
}

/** Counts up from `since` each second; stands at `until` when that is known. */
export function Clock({ since, until }: { since: string; until?: string | null }) {
  const { f } = useSpeech();
  const now = useNow();
  const end = until == null ? now : Date.parse(until);
  return <span className="figures" role="timer" aria-live="off">{f.clock((end - Date.parse(since)) / 1_000)}</span>;
}
