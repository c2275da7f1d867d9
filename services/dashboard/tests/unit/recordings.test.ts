import { describe, expect, it } from 'vitest';
import { en } from '../../src/messages/en';
import { clockOf, nameOf, rangeProblems, secondsOf, sizeOf } from '../../src/pages/recordings/figures';

describe('a place in media', () => {
  it('is written as people say it', () => {
    expect([0, 7.55, 62, 3_723.04].map(clockOf)).toEqual(['0:00', '0:07.6', '1:02', '1:02:03']);
  });

  it('is read as it is written, and in seconds', () => {
    expect(['1:02:03.5', '0:07,5', ' 90 ', '2.25'].map(secondsOf)).toEqual([3_723.5, 7.5, 90, 2.25]);
    expect(['', 'soon', '1:2:3:4', '1.5:00', '-3', '1:'].map(secondsOf)).toEqual([null, null, null, null, null, null]);
  });
});

it('a size has three figures at most', () => {
  const number = (value: number, digits: number) => value.toFixed(digits);
  expect([512, 1_500, 999_600, 15_700_000, 1_420_000_000].map((bytes) => sizeOf(bytes, number))).toEqual(['512\u00a0B', '1.5\u00a0kB', '1.0\u00a0MB', '15.7\u00a0MB', '1.4\u00a0GB']);
});

it('a range lies inside, and ends after it begins', () => {
  expect(rangeProblems(0, 10, 10, en)).toEqual({});
  expect(rangeProblems(0, 10.05, 10, en)).toEqual({});
  expect(rangeProblems(null, 10, 10, en)).toEqual({ from: en.recordings.notATime });
  expect(rangeProblems(3, 3, 10, en)).toEqual({ to: en.recordings.backwards });
  expect(rangeProblems(3, 11, 10, en)).toEqual({ to: en.recordings.beyond('0:10') });
  expect(rangeProblems(10, 11, 10, en)).toEqual({ from: en.recordings.beyond('0:10') });
});

it('what has no title is called by what it is', () => {
  expect(nameOf({ title: null, kind: 'CLIP' }, en)).toBe('Clip');
  expect(nameOf({ title: 'Goal', kind: 'CLIP' }, en)).toBe('Goal');
});
