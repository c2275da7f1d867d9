import { CombinedError } from '@urql/core';
import { GraphQLError } from 'graphql';
import { describe, expect, it } from 'vitest';
import { faultOf } from '../../src/api/faults';
import { nextAfterSignIn, signInPath } from '../../src/app/signing';
import { en } from '../../src/messages/en';
import { sentenceOf } from '../../src/messages/faults';
import { Format, plural } from '../../src/messages/format';
import { preferredLanguage } from '../../src/messages/react';
import { vi } from '../../src/messages/vi';
import { ffmpegCommand, gstreamerCommand } from '../../src/pages/channel/commands';
import { changesOf, DEFAULTS, draftOf, inputOf, problemsOf } from '../../src/pages/channel/settings';
import { hueOf, initialOf } from '../../src/pages/channels/placeholder';

describe('numbers and times', () => {
  const f = new Format('en-GB', 'UTC');

  it('are written as the language has it', () => {
    expect(f.number(1234.5, 1)).toBe('1,234.5');
    expect(new Format('vi', 'UTC').number(1234.5, 1)).toBe('1.234,5');
    expect(f.bitrate(4_520_000)).toBe('4.52\u00a0Mbit/s');
    expect(f.bitrate(25_000_000)).toBe('25.0\u00a0Mbit/s');
    expect(f.bitrate(160_400)).toBe('160\u00a0kbit/s');
  });

  it('count up as a clock', () => {
    expect([0, 7, 723, 11_109, -3].map((seconds) => f.clock(seconds))).toEqual(['0:00', '0:07', '12:03', '3:05:09', '0:00']);
  });

  it('tell a span in at most two units', () => {
    expect(f.span(0)).toBe('0\u00a0secs');
    expect(f.span(3_600)).toBe('1\u00a0hr');
    expect(f.span(90_061)).toBe('1\u00a0day 1\u00a0hr');
  });

  it('tell how long ago something was', () => {
    const now = Date.UTC(2026, 0, 2, 12);
    expect(f.relative('2026-01-02T11:57:00Z', now)).toBe('3 minutes ago');
    expect(f.relative('2026-01-01T12:00:00Z', now)).toBe('yesterday');
    expect(f.relative(now + 7_200_000, now)).toBe('in 2 hours');
    expect(f.relative(now, now)).toBe('1 second ago');
  });

  it('have their plural by the language', () => {
    const forms = { one: '# channel', other: '# channels' };
    expect(plural('en', 1, forms)).toBe('1 channel');
    expect(plural('en', 1_200, forms)).toBe('1,200 channels');
    expect(plural('vi', 1, { other: '# kênh' })).toBe('1 kênh');
  });
});

describe('the language', () => {
  it('is the one that was chosen, else the first of the browser’s that we speak', () => {
    expect(preferredLanguage('vi', ['en-US'])).toBe('vi');
    expect(preferredLanguage(null, ['fr-FR', 'vi-VN', 'en'])).toBe('vi');
    expect(preferredLanguage('tlh', ['de'])).toBe('en');
  });

  it('is whole: no sentence of the one is that of the other by oversight', () => {
    const same: string[] = [];
    const walk = (one: unknown, other: unknown, path: string) => {
      if (typeof one === 'string' && one === other && /[a-z]{3,} [a-z]{3,}/i.test(one)) same.push(path);
      if (typeof one === 'object' && one !== null) for (const key of Object.keys(one)) walk((one as Record<string, unknown>)[key], (other as Record<string, unknown>)[key], `${path}.${key}`);
    };
    walk(en, vi, '');
    expect(same).toEqual(['.product']);
    expect(Object.keys(vi.faults.reasons).sort()).toEqual(Object.keys(en.faults.reasons).sort());
  });
});

describe('a fault', () => {
  const graphQL = (message: string, extensions: Record<string, unknown>) => faultOf(new CombinedError({ graphQLErrors: [new GraphQLError(message, { extensions })] }));

  it('names its fields, without the input around them', () => {
    const fault = graphQL('bad input', { code: 'BAD_INPUT', fields: [{ path: 'input.name', message: 'is empty' }, { path: 'x' }] });
    expect(fault.code).toBe('BAD_INPUT');
    expect([...fault.fields]).toEqual([['name', 'is empty']]);
  });

  it('is told in the reader’s language where we have the reason, else in the platform’s words', () => {
    expect(sentenceOf(graphQL('the channel is on air', { code: 'REFUSED', reason: 'ON_AIR' }), vi)).toBe(vi.faults.reasons['ON_AIR']);
    expect(sentenceOf(graphQL('the moon is full', { code: 'REFUSED', reason: 'FULL_MOON' }), en)).toBe('The moon is full.');
    expect(sentenceOf(graphQL('internal words', { code: 'UNAVAILABLE' }), en)).toBe(en.faults.codes.UNAVAILABLE);
  });

  it('of the connection is told from one of the platform', () => {
    expect(faultOf(new CombinedError({ networkError: new Error('fetch failed') })).code).toBe('OFFLINE');
    const answered = (status: number) => faultOf(new CombinedError({ networkError: new Error('x'), response: { status } })).code;
    expect([502, 401, 429, 413, 403, 400].map(answered)).toEqual(['OFFLINE', 'UNAUTHENTICATED', 'RATE_LIMITED', 'TOO_LARGE', 'FORBIDDEN', 'UNAVAILABLE']);
  });
});

describe('signing in', () => {
  it('leads back to where one was, and to nowhere else', () => {
    expect(signInPath('/channels/ch_1?x=1')).toBe('/sign-in?next=%2Fchannels%2Fch_1%3Fx%3D1');
    expect(signInPath('/')).toBe('/sign-in');
    expect(nextAfterSignIn('?next=%2Fchannels%2Fch_1')).toBe('/channels/ch_1');
    for (const bad of ['https://evil.example/', '//evil.example', '/\\evil.example', '/sign-in', 'x']) expect(nextAfterSignIn(`?next=${encodeURIComponent(bad)}`)).toBe('/channels');
  });
});

describe('settings', () => {
  it('send only what differs, in the platform’s units', () => {
    const kept = draftOf({ name: 'A', latencyMode: 'LOW', autoGoLive: true, endOnUnpublish: true, reconnectWindow: 60, maxSessionDuration: 90, dvrWindow: 7_200, recordSource: true, catchup: true, sourceRetention: null, catchupRetention: 86_400 });
    expect(inputOf(kept, { ...kept, dvrWindow: '0', recordSource: false, sourceRetention: '604800', catchupRetention: '' })).toEqual({ dvrWindow: 0, recordSource: false, sourceRetention: 604_800, catchupRetention: null });
    expect(kept.maxSessionDuration).toBe('1.5');
    expect(changesOf(kept, { ...kept, name: ' A ' })).toEqual([]);
    expect(inputOf(kept, { ...kept, name: ' B ', autoGoLive: false, maxSessionDuration: '20' })).toEqual({ name: 'B', autoGoLive: false, maxSessionDuration: 1_200 });
    expect(problemsOf(kept, en, kept)).toEqual({});
  });

  it('say what is wrong', () => {
    expect(problemsOf({ ...DEFAULTS, name: '  ' }, en)).toEqual({ name: en.settings.nameMissing });
    expect(problemsOf({ ...DEFAULTS, name: '𝒳'.repeat(100), reconnectWindow: '3601', maxSessionDuration: 'soon' }, en)).toEqual({ reconnectWindow: en.settings.wholeNumber(0, 3_600), maxSessionDuration: en.settings.wholeNumber(1, 10_080) });
    expect(problemsOf({ ...DEFAULTS, name: 'x'.repeat(101) }, en)).toEqual({ name: en.settings.nameTooLong });
  });
});

describe('commands for encoders', () => {
  it('keep the key in a variable unless it is asked for', () => {
    expect(ffmpegCommand('rtmp://h:1935/live', { variable: true }, 'ULTRA_LOW')).toContain('-f flv "rtmp://h:1935/live/$SIGMA_KEY"');
    expect(gstreamerCommand('rtmp://h:1935/live', { text: "it's" }, 'LOW')).toContain(`location='rtmp://h:1935/live/it'\\''s'`);
  });

  it('place key frames as the mode wants them', () => {
    expect(ffmpegCommand('rtmp://h/live', { variable: true }, 'ULTRA_LOW')).toContain('-g 30 ');
    expect(gstreamerCommand('rtmp://h/live', { variable: true }, 'NORMAL')).toContain('key-int-max=60');
  });
});

describe('a channel without a picture', () => {
  it('has a colour and a letter of its own', () => {
    const hues = Array.from({ length: 360 }, (_, at) => hueOf(`ch_${at}`));
    expect(new Set(hues.map((hue) => Math.floor(hue / 30))).size).toBe(12);
    expect(Math.max(...hues)).toBeLessThan(360);
    expect(['ấm trà', ' (7) days', '日本', '…'].map(initialOf)).toEqual(['Ấ', '7', '日', '#']);
  });
});
