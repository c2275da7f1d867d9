import type { Messages } from '../../messages/en';
import { secondsOf } from '../../player/lengths';
import { placeText, rangeProblems } from './figures';

/** A piece of a recording as it is typed. */
export interface RangeDraft {
  readonly key: number;
  readonly from: string;
  readonly to: string;
}

/** A piece, in seconds. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

export type Edge = 'from' | 'to';

/** The whole of what is so long. */
export function wholeRange(seconds: number, key: number): RangeDraft {
  return { key, from: placeText(0), to: placeText(seconds) };
}

/** The piece with one of its edges at a place; the other one goes along where it would be left behind. */
export function marked(range: RangeDraft, edge: Edge, at: number, whole: number): RangeDraft {
  const [from, to] = [secondsOf(range.from), secondsOf(range.to)];
  const next = { ...range, [edge]: placeText(at) };
  if (edge === 'from' && (to === null || to <= at)) return { ...next, to: placeText(whole) };
  return edge === 'to' && (from === null || from >= at) ? { ...next, from: placeText(0) } : next;
}

export function problemsOf(range: RangeDraft, whole: number, m: Messages): { from?: string; to?: string } {
  return rangeProblems(secondsOf(range.from), secondsOf(range.to), whole, m);
}

/** The pieces in seconds; null where one of them is wrong. */
export function rangesOf(drafts: readonly RangeDraft[], whole: number, m: Messages): readonly Range[] | null {
  const ranges: Range[] = [];
  for (const draft of drafts) {
    const [from, to] = [secondsOf(draft.from), secondsOf(draft.to)];
    if (from === null || to === null || Object.keys(problemsOf(draft, whole, m)).length > 0) return null;
    ranges.push({ from, to: Math.min(to, whole) });
  }
  return ranges;
}
