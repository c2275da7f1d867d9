import type { AssetFactsFragment } from '../../api/generated';
import type { Messages } from '../../messages/en';
import { length } from '../../player/lengths';

/** A frame of 240 a second is told from its neighbours. */
const DIGITS = 3;

/** "0:07.52": a place in media to the millisecond, as people type it. */
export function placeText(seconds: number): string {
  return length(seconds, DIGITS);
}

/** What an asset is called: by its owner, else by what it is. */
export function nameOf({ title, kind }: Pick<AssetFactsFragment, 'title' | 'kind'>, m: Messages): string {
  return title ?? m.recordings.kinds[kind];
}

/** What is wrong with a range of media that is so long, by field; nothing where it is right. */
export function rangeProblems(from: number | null, to: number | null, whole: number, m: Messages): { from?: string; to?: string } {
  const t = m.recordings;
  if (from === null) return { from: t.notATime };
  if (to === null) return { to: t.notATime };
  if (from >= whole) return { from: t.beyond(placeText(whole)) };
  // The last millisecond is rounded away where the length is shown.
  if (to > whole + 0.001) return { to: t.beyond(placeText(whole)) };
  return to <= from ? { to: t.backwards } : {};
}
