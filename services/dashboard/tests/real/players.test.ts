import { afterAll, describe, expect, it } from 'vitest';
// @ts-expect-error plain JavaScript, so that node runs it without a build
import { clip } from '../../../../tests/acceptance/src/broadcast.mjs';
// @ts-expect-error plain JavaScript
import { Platform } from '../../../../tests/acceptance/src/platform.mjs';
// @ts-expect-error plain JavaScript
import { endAll } from '../../../../tests/acceptance/src/process.mjs';
// @ts-expect-error plain JavaScript
import { throughOutages, told } from '../../../../tests/acceptance/src/through-outages.mjs';

interface Seen {
  name: string;
  moves: boolean;
  longestStallMs: number;
  outages: { goesOn: boolean }[];
}

/** Media time that stands still for so long with nothing away is no busy machine any more: a player waits for what does not come. */
const STALL_MS = 5_000;

// The short form of `make acceptance PIECE=players`: six players in one page of Chromium, and one outage.
describe('hls.js, shaka-player and video.js, each in ULTRA_LOW and LOW', () => {
  afterAll(() => endAll());

  it('go on after the encoder was away, without a stall of their own', { timeout: 180_000 }, async () => {
    const platform = await Platform.start();
    // Who knows no gaps stands until 18 s after the encoder's return, and then has some seconds left in which he moves.
    const plan = { file: await clip(60), players: ['hls', 'shaka-sequence', 'video'], seconds: 50, outages: [{ at: 8, seconds: 5 }] };
    const { viewers, oneSession } = (await throughOutages(platform, plan)) as { viewers: Seen[]; oneSession: boolean };
    expect(oneSession, 'the outage fell into one session').toBe(true);
    expect(viewers).toHaveLength(6);
    for (const viewer of viewers) {
      const line = `${viewer.name}: ${told(viewer)}`;
      console.log(line);
      expect(viewer.moves, line).toBe(true);
      expect(viewer.outages.every(({ goesOn }) => goesOn), line).toBe(true);
      expect(viewer.longestStallMs, line).toBeLessThanOrEqual(STALL_MS);
    }
  });
});
