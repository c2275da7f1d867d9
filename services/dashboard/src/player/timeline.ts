/** The parts of a playlist on the player's own time line, oldest first, and what can be read from them. */
export interface Piece {
  /** Media time at which it begins, in seconds. */
  readonly start: number;
  readonly duration: number;
  /** PROGRAM-DATE-TIME of its beginning, in milliseconds since the epoch, given or counted on from the last one given. */
  readonly programDateTime: number | null;
  /** The broadcaster was away: there is no media (EXT-X-GAP). */
  readonly gap?: boolean;
  /** Discontinuities before it. */
  readonly cc: number;
}

/** A stretch of media time, in seconds. */
export interface Stretch {
  readonly start: number;
  readonly end: number;
}

/** Dates that go on within this leave nothing out that anybody would miss. */
const JOINT_MS = 250;
/** Dates of neighbours that fit within this are one count. */
const SAME_DATE_MS = 50;

/** The date of the frame at a media time; behind the last piece it is counted on. */
export function dateAt(pieces: readonly Piece[], time: number): number | null {
  const piece = pieces[lastIndex(pieces, ({ start }) => start <= time)] ?? pieces[0];
  return piece?.programDateTime == null ? null : piece.programDateTime + (time - piece.start) * 1000;
}

/** The media time of a date: that of the next media where nothing has it, null where all there is came later. */
export function timeOf(pieces: readonly Piece[], date: number): number | null {
  const index = lastIndex(pieces, ({ programDateTime }) => programDateTime !== null && programDateTime <= date + SAME_DATE_MS);
  const piece = pieces[index];
  if (piece?.programDateTime == null) return null;
  const within = Math.max(0, date - piece.programDateTime) / 1000;
  const next = pieces[index + 1];
  return next !== undefined && within > piece.duration ? next.start : piece.start + within;
}

/** The same, and for a date before the first piece the time at which it would be. */
export function timeBefore(pieces: readonly Piece[], date: number): number | null {
  const [first] = pieces;
  return timeOf(pieces, date) ?? (first?.programDateTime == null ? null : first.start - (first.programDateTime - date) / 1000);
}

/** Where there is no media, neighbours joined. */
export function gapsOf(pieces: readonly Piece[]): Stretch[] {
  const gaps: { start: number; end: number }[] = [];
  let last: { start: number; end: number } | null = null;
  for (const { gap, start, duration } of pieces) {
    if (gap !== true) {
      last = null;
    } else if (last === null) {
      last = { start, end: start + duration };
      gaps.push(last);
    } else {
      last.end = start + duration;
    }
  }
  return gaps;
}

/** Where the broadcast was taken up again with nothing kept of the time between. Where the dates go on, nothing was left out: that is a joint. */
export function breaksOf(pieces: readonly Piece[]): number[] {
  return pieces.filter((piece, index) => {
    const before = pieces[index - 1];
    return before !== undefined && piece.cc !== before.cc && before.gap !== true && !goesOn(before, piece);
  }).map(({ start }) => start);
}

function goesOn(before: Piece, { programDateTime }: Piece): boolean {
  return before.programDateTime !== null && programDateTime !== null && Math.abs(programDateTime - before.programDateTime - before.duration * 1000) <= JOINT_MS;
}

/** The last index whose piece keeps to the rule, which holds from the beginning up to some piece; -1 for none. */
function lastIndex(pieces: readonly Piece[], holds: (piece: Piece) => boolean): number {
  let [low, high] = [0, pieces.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(pieces[middle] as Piece)) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
