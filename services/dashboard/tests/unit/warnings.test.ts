import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { en } from '../../src/messages/en';
import { Format } from '../../src/messages/format';
import { vi as vietnamese } from '../../src/messages/vi';
import { timelineWords, warningWords } from '../../src/pages/session/warnings';

const english = new Format('en-GB', 'UTC');
const viet = new Format('vi', 'UTC');

/** As `media/health/src/warning.rs` has them, with the numbers that its table names. */
const WARNINGS: Record<string, Record<string, number>> = {
  KEY_FRAME_INTERVAL_LONG: { intervalMs: 8_333, limitMs: 2_000, suggestSeconds: 1, mode: 2 },
  BITRATE_UNSTABLE: { lowestKbps: 900, highestKbps: 6_100, swingPercent: 120 },
  BITRATE_FALLING: { nowKbps: 940, usualKbps: 4_460 },
  FRAME_RATE_LOW: { rateMilli: 24_100, ownMilli: 30_000, droppedFrames: 60 },
  TIMESTAMPS_JUMP: { byMs: -12_500 },
  NO_AUDIO: { seconds: 9, heard: 1 },
  AUDIO_SILENT: { seconds: 31 },
  AV_DRIFT: { offsetMs: 730 },
  B_FRAMES: { reorderMs: 66 },
  FALLING_BEHIND: { behindMs: 4_200, arrivesKbps: 2_100, suggestKbps: 1_700 },
  UNUSUAL_CODEC: { video: 1, audio: 1 },
};

describe('warnings in plain words', () => {
  it('are those that the platform has, with the numbers that it gives', () => {
    const source = readFileSync(new URL('../../../../media/health/src/warning.rs', import.meta.url), 'utf8');
    const rows = [...source.matchAll(/^\/\/\/ \| `([A-Z_]+)` \| (.*) \|$/gm)].map(([, name = '', data = '']) => [name, [...data.matchAll(/`(\w+)`/g)].map(([, key]) => key)] as const);
    expect(rows.map(([name]) => name).sort()).toEqual(Object.keys(WARNINGS).sort());
    for (const [name, keys] of rows) expect(Object.keys(WARNINGS[name] ?? {}), name).toEqual(keys);
  });

  it.each(Object.entries(WARNINGS))('%s is said in both languages, with its numbers', (name, data) => {
    const told = { name, message: 'The platform’s own sentence', data };
    const [inEnglish, inVietnamese] = [warningWords(told, en, english), warningWords(told, vietnamese, viet)];
    for (const words of [inEnglish, inVietnamese]) {
      expect(words.text).not.toContain('The platform’s own sentence');
      expect(words.text).not.toMatch(/NaN|undefined/);
      expect(words.title).not.toBe('');
    }
    expect(inVietnamese.text).not.toBe(inEnglish.text);
  });

  it('have the number and the mend', () => {
    const data = WARNINGS['KEY_FRAME_INTERVAL_LONG'];
    expect(warningWords({ name: 'KEY_FRAME_INTERVAL_LONG', message: '', data }, en, english).text).toBe('Key frames come every 8.3 s. Ultra-low latency needs 2 s or less: in OBS set Keyframe Interval to 1 s.');
    expect(warningWords({ name: 'KEY_FRAME_INTERVAL_LONG', message: '', data }, vietnamese, viet).text).toContain('8,3 giây');
    expect(warningWords({ name: 'AV_DRIFT', message: '', data: { offsetMs: -730 } }, en, english).text).toContain('0.7 s before');
  });

  it('fall back on the platform’s sentence', () => {
    const message = 'As the platform has it';
    expect(warningWords({ name: 'KEY_FRAME_INTERVAL_LONG', message, data: { intervalMs: 1 } }, en, english).text).toBe(message);
    expect(warningWords({ name: 'KEY_FRAME_INTERVAL_LONG', message, data: null }, en, english).text).toBe(message);
    expect(warningWords({ name: 'UNUSUAL_CODEC', message, data: { video: 0, audio: 0 } }, en, english).text).toBe(message);
    expect(warningWords({ name: 'OF_TOMORROW', message, data: {} }, en, english)).toEqual({ title: 'Of tomorrow', text: message });
  });
});

describe('the timeline', () => {
  const said = (type: string, data: unknown) => timelineWords({ type, message: 'As the platform has it', data }, en, english);

  it('says warnings by their own words, and what ended', () => {
    expect(said('health.warning_raised', { name: 'AUDIO_SILENT', message: 'x', data: { seconds: 31 } })).toContain('silent for 31 s');
    expect(said('health.warning_raised', { name: 'AUDIO_SILENT', message: 'as raised', data: {} })).toBe('as raised');
    expect(said('health.warning_cleared', { name: 'AUDIO_SILENT' })).toBe('No longer: Silent sound');
    expect(said('session.ended', { reason: 'INGEST_ERROR', fault: 'VIDEO_CODEC' })).toBe('The session ended: its media could not be used (the video’s format is not known here).');
    expect(said('session.error', { cause: 'OF_TOMORROW' })).toBe('The feed was lost.');
    expect(said('session.of_tomorrow', {})).toBe('As the platform has it');
  });
});
