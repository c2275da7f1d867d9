import type { Stretch } from './timeline';

/** So near to a gap the picture stands because of it. */
const NEAR_S = 0.5;
/** Behind a gap a little: its edge is rounded. */
const BEHIND_S = 0.05;

/** The absence of the broadcaster that a media time lies in. */
export function absenceAt(gaps: readonly Stretch[], time: number): Stretch | null {
  return gaps.find(({ start, end }) => start <= time && time < end) ?? null;
}

/** The one that the picture of a time stands before, or in. */
export function absenceBefore(gaps: readonly Stretch[], time: number): Stretch | null {
  return absenceAt(gaps, time + NEAR_S);
}

/** The one that was gone over from one time to another: without it the way is no longer than what was `played` meanwhile, in seconds. */
export function absenceBetween(gaps: readonly Stretch[], from: number, to: number, played: number): Stretch | null {
  if (to - from < NEAR_S) return null;
  return gaps.find(({ start, end }) => from < start + 2 * NEAR_S && to > end - 2 * NEAR_S && to - from - (end - start) < played + 2 * NEAR_S) ?? null;
}

/** Where there is a picture again; null where that is not before `end`. */
export function behind(absence: Stretch | null, end: number): number | null {
  return absence !== null && absence.end < end ? absence.end + BEHIND_S : null;
}
