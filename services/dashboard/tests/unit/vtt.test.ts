import { describe, expect, it } from 'vitest';
import { cueAt, cuesOf, datedFrom } from '../../src/player/vtt';

const BOARD = 'WEBVTT\n\nNOTE counts from 2026-11-27T12:00:00.250Z\n\n00:00:00.000 --> 00:00:05.000\nsheet-0.jpg#xywh=0,0,160,90\n\n1\n00:00:05.000 --> 01:00:05.500 align:start\r\nsheet-0.jpg#xywh=160,0,160,90\r\n';

describe('a text of cues', () => {
  it('is read, with hours or without, with names or without', () => {
    expect(cuesOf(BOARD)).toEqual([{ start: 0, end: 5, text: 'sheet-0.jpg#xywh=0,0,160,90' }, { start: 5, end: 3_605.5, text: 'sheet-0.jpg#xywh=160,0,160,90' }]);
    expect(cuesOf('WEBVTT\n\n01:02.003 --> 01:04.000\nOne\nmore line\n')).toEqual([{ start: 62.003, end: 64, text: 'One\nmore line' }]);
  });

  it('keeps what is right where something is wrong', () => {
    expect(cuesOf('WEBVTT\n\nsoon --> later\nnothing\n\nSTYLE\n::cue {}\n\n00:00.000 --> 00:01.000\nyes\n').map(({ text }) => text)).toEqual(['yes']);
    expect(cuesOf('')).toEqual([]);
  });

  it('tells the date that it counts from, where it does', () => {
    expect(datedFrom(BOARD)).toBe(Date.parse('2026-11-27T12:00:00.250Z'));
    expect(datedFrom('WEBVTT\n\n00:00.000 --> 00:01.000\n2026-11-27T12:00:00Z\n')).toBeNull();
  });

  it('has a cue for a time that one covers', () => {
    expect(cueAt(cuesOf(BOARD), 5)?.start).toBe(5);
    expect(cueAt(cuesOf(BOARD), 4_000)).toBeNull();
  });
});
