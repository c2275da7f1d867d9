import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { HealthHistory, KEPT_SECONDS, METRICS, type Sample } from '../../src/charts/history';

const START = Date.parse('2026-11-26T10:00:00Z');

function sample(second: number, more: Partial<Sample> = {}): Sample {
  return {
    at: new Date(START + second * 1000).toISOString(), videoBitrate: 3_000_000 + second, audioBitrate: 128_000, frameRate: 30, keyFrameInterval: 2,
    avOffsetMs: 4, behindMs: 20, droppedFrames: 0, ...more,
  };
}

function range(from: number, to: number): Sample[] {
  return Array.from({ length: to - from }, (_, index) => sample(from + index));
}

function offsets(history: HealthHistory): number[] {
  return history.columns.times.map((time) => time - START / 1000);
}

describe('the history of a feed', () => {
  beforeEach(() => { vi.useFakeTimers({ now: START }); });
  afterEach(() => { vi.useRealTimers(); });

  it('keeps fifteen minutes and no more, in every column', () => {
    const history = new HealthHistory();
    for (const one of range(0, 3 * KEPT_SECONDS)) history.add(one);
    expect(history.columns.times).toHaveLength(KEPT_SECONDS + 1);
    for (const metric of METRICS) expect(history.columns[metric]).toHaveLength(KEPT_SECONDS + 1);
    expect(offsets(history).at(-1)).toBe(3 * KEPT_SECONDS - 1);
  });

  it('shows a hole where samples are missing, and not for one that is late', () => {
    const history = new HealthHistory();
    history.add(sample(0));
    history.add(sample(2));
    history.add(sample(10));
    expect(offsets(history)).toEqual([0, 2, 3, 10]);
    expect(history.columns.videoBitrate[2]).toBeNull();
  });

  it('leaves out what it has already', () => {
    const history = new HealthHistory();
    history.add(sample(5));
    history.add(sample(5));
    history.add(sample(4));
    expect(offsets(history)).toEqual([5]);
  });

  it('fills the hole of our own connection with what the server remembers, and keeps what came meanwhile', () => {
    const history = new HealthHistory();
    history.refill(range(0, 10));
    history.add(sample(30));
    history.add(sample(31));
    history.refill(range(2, 31));
    expect(offsets(history)).toEqual(Array.from({ length: 32 }, (_, second) => second));
    expect(history.columns.videoBitrate).not.toContain(null);
  });

  it('keeps a hole that the server has too', () => {
    const history = new HealthHistory();
    history.refill([...range(0, 3), ...range(20, 23)]);
    expect(offsets(history)).toEqual([0, 1, 2, 3, 20, 21, 22]);
    expect(history.columns.frameRate[3]).toBeNull();
  });

  it('counts the dropped frames of each second, also when a new feed begins to count anew', () => {
    const history = new HealthHistory();
    [0, 4, 4, 1].forEach((droppedFrames, second) => history.add(sample(second, { droppedFrames })));
    expect(history.columns.droppedFrames).toEqual([0, 4, 0, 1]);
  });

  it('says least, most and now, and no now in a hole', () => {
    const history = new HealthHistory();
    [2, 8, 5].forEach((keyFrameInterval, second) => history.add(sample(second, { keyFrameInterval })));
    expect(history.range('keyFrameInterval', 900)).toEqual({ now: 5, min: 2, max: 8 });
    vi.advanceTimersByTime(20_000);
    expect(history.range('keyFrameInterval', 900)).toEqual({ now: null, min: 2, max: 8 });
    expect(history.range('keyFrameInterval', 10)).toBeNull();
  });

  it('tells its listeners until they leave', () => {
    const history = new HealthHistory();
    const listener = vi.fn();
    const leave = history.listen(listener);
    history.add(sample(0));
    leave();
    history.add(sample(1));
    expect(listener).toHaveBeenCalledOnce();
  });
});
