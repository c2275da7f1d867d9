import { describe, expect, it } from 'vitest';
import { absenceBetween } from '../../src/player/absence';

describe('an absence that was gone over', () => {
  const gap = { start: 20, end: 28 };
  const told = (from: number, to: number, played: number) => absenceBetween([{ start: 3, end: 5 }, gap], from, to, played);

  it('is known by the way, however late it is looked at', () => {
    expect(told(19.9, 28.1, 0.2)).toBe(gap);
    expect(told(17.5, 28.1, 2.5)).toBe(gap);
    expect(told(19.9, 31, 3)).toBe(gap);
  });

  it('is none where the picture plays on, or somebody went further', () => {
    expect(told(12, 14.5, 2.5)).toBeNull();
    expect(told(10, 28.1, 0.2)).toBeNull();
    expect(told(19.9, 40, 0.2)).toBeNull();
    expect(told(28.1, 19, 0.2)).toBeNull();
  });
});
