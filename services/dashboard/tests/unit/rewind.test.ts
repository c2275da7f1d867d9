import { describe, expect, it } from 'vitest';
import { length, parts } from '../../src/player/lengths';
import { reachIn } from '../../src/player/reach';
import { breaksOf, dateAt, gapsOf, timeBefore, timeOf, type Piece } from '../../src/player/timeline';

const NOON = Date.parse('2026-11-27T12:00:00Z');
const piece = (start: number, date: number | null, more: Partial<Piece> = {}): Piece => ({ start, duration: 2, programDateTime: date === null ? null : NOON + date * 1000, cc: 0, ...more });

/** Ten seconds, of which two are missing in the middle; then, half a minute later, four more. */
const PIECES = [piece(0, 0), piece(2, 2), piece(4, 4, { gap: true }), piece(6, 6), piece(8, 8), piece(10, 40, { cc: 1 }), piece(12, 42, { cc: 1 })];

describe('dates of a playlist', () => {
  it('are told for each media time', () => {
    expect(dateAt(PIECES, 3.5)).toBe(NOON + 3_500);
    expect(dateAt(PIECES, 11)).toBe(NOON + 41_000);
  });

  it('go on behind the last segment, and before the first', () => {
    expect(dateAt(PIECES, 15)).toBe(NOON + 45_000);
    expect(dateAt(PIECES, -1)).toBe(NOON - 1_000);
  });

  it('are unknown where the playlist has none', () => {
    expect(dateAt([], 1)).toBeNull();
    expect(dateAt([piece(0, null)], 1)).toBeNull();
    expect(timeOf([piece(0, null)], NOON)).toBeNull();
  });

  it('are found again', () => {
    for (const time of [0, 1.25, 3, 7.5, 10, 13]) expect(timeOf(PIECES, dateAt(PIECES, time)!)).toBeCloseTo(time, 6);
  });

  it('of a time that was left out lead to what follows', () => {
    expect(timeOf(PIECES, NOON + 25_000)).toBe(10);
  });

  it('before all that is listed are not found', () => {
    expect(timeOf(PIECES, NOON - 1_000)).toBeNull();
  });

  it('are found though they were rounded', () => {
    expect(timeOf(PIECES, NOON - 20)).toBe(0);
  });
});

describe('what is missing', () => {
  it('is told as stretches, neighbours joined', () => {
    expect(gapsOf(PIECES)).toEqual([{ start: 4, end: 6 }]);
    expect(gapsOf([piece(0, 0, { gap: true }), piece(2, 2, { gap: true }), piece(4, 4), piece(6, 6, { gap: true })])).toEqual([{ start: 0, end: 4 }, { start: 6, end: 8 }]);
    expect(gapsOf([])).toEqual([]);
  });

  it('is a break where it was left out, not where a gap stands for it', () => {
    expect(breaksOf(PIECES)).toEqual([10]);
    expect(breaksOf([piece(0, 0), piece(2, 2, { gap: true }), piece(4, 4, { cc: 1 })])).toEqual([]);
  });

  it('is none where media of another make goes on with the same dates, as at the edges of an exact cut', () => {
    expect(breaksOf([piece(0, 0), piece(2, 2.04, { cc: 1 }), piece(4, 4.04, { cc: 2 }), piece(6, 9, { cc: 3 })])).toEqual([6]);
  });
});

it('a date before all that is listed has a time on the same line', () => {
  expect(timeBefore(PIECES, NOON - 30_000)).toBe(-30);
  expect(timeBefore(PIECES, NOON + 3_000)).toBe(3);
  expect(timeBefore([], NOON)).toBeNull();
});

it('how far back one can go stands at the head of a playlist', () => {
  const head = '#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:7\n#EXT-X-MAP:URI="init.mp4"\n';
  expect(reachIn(head)).toBeNull();
  expect(reachIn(`${head}#EXT-X-PROGRAM-DATE-TIME:2026-11-27T12:00`)).toBeNull();
  expect(reachIn(`${head}#EXT-X-PROGRAM-DATE-TIME:2026-11-27T12:00:00.000Z\n#EXTINF:2,\n`)).toEqual({ oldest: NOON, slides: true });
  expect(reachIn('#EXTM3U\n#EXT-X-PROGRAM-DATE-TIME:2026-11-27T12:00:00.000Z\n')).toEqual({ oldest: NOON, slides: false });
});

describe('lengths', () => {
  it('are written as clocks do', () => {
    expect([0, 7.4, 61, 3_599.6, 45_296].map((seconds) => length(seconds))).toEqual(['0:00', '0:07', '1:01', '1:00:00', '12:34:56']);
    expect(length(-3)).toBe('0:00');
  });

  it('are said without empty parts', () => {
    expect(parts(3_605)).toEqual([['hour', 1], ['second', 5]]);
    expect(parts(0)).toEqual([['second', 0]]);
  });
});
