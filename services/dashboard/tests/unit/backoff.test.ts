import { describe, expect, it } from 'vitest';
import { Backoff } from '../../src/player/backoff';
import { minutesSince, playbackIdOf } from '../../src/channels';
import { mediaPlaylistOf } from '../../src/player/probe';

describe('waits', () => {
  it('grow up to the most, and begin again when reset', () => {
    const backoff = new Backoff({ first: 100, most: 400, growth: 2 }, () => 0.5);
    expect([backoff.next(), backoff.next(), backoff.next(), backoff.next()]).toEqual([100, 200, 400, 400]);
    backoff.reset();
    expect(backoff.next()).toBe(100);
  });

  it('are spread a quarter up and down', () => {
    expect(new Backoff({ first: 100, most: 400, growth: 2 }, () => 0).next()).toBe(75);
    expect(new Backoff({ first: 100, most: 400, growth: 2 }, () => 1).next()).toBe(125);
  });
});

describe('addresses', () => {
  it('name the session by the folder of the first media playlist', () => {
    const playlist = '#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n../../media/abc123/v.m3u8?t=1\n';
    expect(mediaPlaylistOf(playlist, 'http://host/live/xyz/index.m3u8')).toEqual({ session: '/media/abc123/', name: 'v.m3u8' });
    expect(mediaPlaylistOf('#EXTM3U\n', 'http://host/live/xyz/index.m3u8')).toBeNull();
  });

  it('carry the playback id behind the first word', () => {
    expect(playbackIdOf('/watch/abc')).toBe('abc');
    expect(playbackIdOf('/embed/a%20b/')).toBe('a b');
    expect(playbackIdOf('/watch/%')).toBe('%');
    expect(playbackIdOf('/watch')).toBe('');
  });

  it('give no age where the date is none', () => {
    expect(minutesSince('2026-01-01T00:00:00Z', Date.parse('2026-01-01T01:02:59Z'))).toBe(62);
    expect(minutesSince(null, 0)).toBeNull();
    expect(minutesSince('never', 0)).toBeNull();
  });
});
