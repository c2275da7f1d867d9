import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
// @ts-expect-error plain JavaScript, so that node runs it without a build
import { BITS, clockFilter, decodeRows, nearest, readStrip, stripHeight } from '../burnt-clock.mjs';

const WHITE = 235;
const BLACK = 16;

function rows(low: number): [number[], number[]] {
  const bits = Array.from({ length: BITS }, (_, column) => Math.floor(low / 2 ** (BITS - 1 - column)) % 2);
  return [bits.map((bit) => (bit ? WHITE : BLACK)), bits.map((bit) => (bit ? BLACK : WHITE))];
}

describe('the burnt clock', () => {
  it('is read back to the millisecond', () => {
    for (const low of [0, 1, 0x8000_0000, 0xffff_ffff, 0xdead_beef, 1234567890]) {
      expect(decodeRows(...rows(low))).toBe(low);
    }
  });

  it('is void when one column is unclear', () => {
    const [upper, lower] = rows(1234567890);
    upper[7] = lower[7] = 120;
    expect(decodeRows(upper, lower)).toBeNull();
  });

  it('is void in a picture that has none', () => {
    const grey = { data: new Uint8Array(64 * 8 * 4).fill(90), width: 64, height: 8 };
    expect(readStrip(grey, 0)).toBeNull();
  });

  it('finds the nearest time on both sides of the wrap', () => {
    const wrap = 2 ** 32 * 410;
    expect(nearest(2 ** 32 - 5, wrap + 10)).toBe(wrap - 5);
    expect(nearest(5, wrap - 10)).toBe(wrap + 5);
    expect(nearest(5, wrap + 10)).toBe(wrap + 5);
  });

  it('is drawn by ffmpeg with the wall clock, and survives the encoder', () => {
    const width = 640;
    const height = stripHeight(width);
    const before = Date.now();
    const made = spawnSync('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', `testsrc2=size=${width}x360:rate=30`, '-frames:v', '5',
      '-vf', `${clockFilter({ width, rate: 30 })},format=yuv420p`, '-c:v', 'libx264', '-preset', 'ultrafast', '-b:v', '600k', '-f', 'matroska', '-'], { maxBuffer: 1 << 26 });
    expect(made.stderr.toString()).toBe('');
    const read = spawnSync('ffmpeg', ['-v', 'error', '-i', '-', '-vf', `crop=${width}:${height}:0:0`, '-f', 'rawvideo', '-pix_fmt', 'rgba', '-'], { input: made.stdout, maxBuffer: 1 << 26 });
    const after = Date.now();
    const size = width * height * 4;
    expect(read.stdout.length).toBe(5 * size);
    const times = Array.from({ length: 5 }, (_, frame) => readStrip({ data: read.stdout.subarray(frame * size, (frame + 1) * size), width, height }, after) as number);
    for (const time of times) {
      expect(time).toBeGreaterThanOrEqual(before);
      expect(time).toBeLessThanOrEqual(after);
    }
    expect([...times].sort((a, b) => a - b)).toEqual(times);
  });
});
