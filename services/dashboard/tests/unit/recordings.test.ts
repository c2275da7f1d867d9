import { describe, expect, it } from 'vitest';
import { en } from '../../src/messages/en';
import { Format } from '../../src/messages/format';
import { nameOf, placeText, rangeProblems } from '../../src/pages/recordings/figures';
import { goingOf } from '../../src/pages/recordings/going';
import { marked, problemsOf, rangesOf, wholeRange } from '../../src/pages/recordings/ranges';
import { secondsOf } from '../../src/player/lengths';

describe('a place in media', () => {
  it('is written as people say it, to the millisecond', () => {
    expect([0, 7.55, 62, 3_723.0404, 59.9996].map(placeText)).toEqual(['0:00', '0:07.55', '1:02', '1:02:03.04', '1:00']);
  });

  it('is read as it is written, and in seconds', () => {
    expect(['1:02:03.5', '0:07,5', ' 90 ', '2.25'].map(secondsOf)).toEqual([3_723.5, 7.5, 90, 2.25]);
    expect(['', 'soon', '1:2:3:4', '1.5:00', '-3', '1:'].map(secondsOf)).toEqual([null, null, null, null, null, null]);
  });
});

it('a size has three figures at most', () => {
  const f = new Format('en');
  expect([0, 512, 1_500, 999_600, 15_700_000, 1_420_000_000, 3.2e15].map((bytes) => f.size(bytes))).toEqual(['0\u00a0B', '512\u00a0B', '1.5\u00a0kB', '1.0\u00a0MB', '15.7\u00a0MB', '1.4\u00a0GB', '3.2\u00a0PB']);
});

it('a range lies inside, and ends after it begins', () => {
  expect(rangeProblems(0, 10, 10, en)).toEqual({});
  expect(rangeProblems(0, 10.0005, 10, en)).toEqual({});
  expect(rangeProblems(null, 10, 10, en)).toEqual({ from: en.recordings.notATime });
  expect(rangeProblems(3, 3, 10, en)).toEqual({ to: en.recordings.backwards });
  expect(rangeProblems(3, 11, 10, en)).toEqual({ to: en.recordings.beyond('0:10') });
  expect(rangeProblems(10, 11, 10, en)).toEqual({ from: en.recordings.beyond('0:10') });
});

describe('pieces', () => {
  const whole = wholeRange(60, 1);

  it('have their edges where they are marked, and the other edge goes along where it would be passed', () => {
    expect(marked(whole, 'from', 10.04, 60)).toEqual({ key: 1, from: '0:10.04', to: '1:00' });
    expect(marked(marked(whole, 'to', 20, 60), 'from', 30, 60)).toEqual({ key: 1, from: '0:30', to: '1:00' });
    expect(marked(marked(whole, 'from', 30, 60), 'to', 20, 60)).toEqual({ key: 1, from: '0:00', to: '0:20' });
  });

  it('are sent where all of them are right', () => {
    const other = { key: 2, from: '0:05', to: '1:00.001' };
    expect(rangesOf([whole, other], 60, en)).toEqual([{ from: 0, to: 60 }, { from: 5, to: 60 }]);
    expect(rangesOf([whole, { ...other, to: 'soon' }], 60, en)).toBeNull();
    expect(problemsOf({ ...other, to: '0:04' }, 60, en)).toEqual({ to: en.recordings.backwards });
  });
});

it('what goes is told by the day, soonest first', () => {
  const day = (at: string) => at.slice(0, 10);
  const kept = (expiresAt: string | null, bytes: number | null = 10) => ({ expiresAt, bytes });
  expect(goingOf([kept('2026-12-04T20:00:00Z'), kept(null), kept('2026-12-01T08:00:00Z', null), kept('2026-12-04T06:00:00Z', 5)], day)).toEqual({
    days: [{ at: '2026-12-01T08:00:00Z', count: 1, bytes: 0 }, { at: '2026-12-04T06:00:00Z', count: 2, bytes: 15 }],
    stay: { count: 1, bytes: 10 },
  });
});

it('what has no title is called by what it is', () => {
  expect(nameOf({ title: null, kind: 'CLIP' }, en)).toBe('Clip');
  expect(nameOf({ title: 'Goal', kind: 'CLIP' }, en)).toBe('Goal');
});
