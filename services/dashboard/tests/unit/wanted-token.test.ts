import { describe, expect, it } from 'vitest';
import { boundTo, inputOf, mayChoose, NOTHING_WANTED, preset, SCOPES, standing, wrongWith } from '../../src/pages/tokens/wanted';

const OWN = SCOPES.filter((scope) => scope !== 'platform:admin');

describe('a new token', () => {
  it('wants a name, a scope, and a channel where it is bound', () => {
    expect(wrongWith(NOTHING_WANTED)).toEqual({ name: 'missing', scopes: 'missing' });
    const wanted = preset({ ...NOTHING_WANTED, name: ' Website ' }, 'watch', OWN);
    expect(wrongWith(wanted)).toEqual({});
    expect(wrongWith(boundTo(wanted, true))).toEqual({ channels: 'missing' });
  });

  it('has no scope that it cannot have', () => {
    expect([...preset(NOTHING_WANTED, 'all', OWN).scopes]).toEqual(OWN);
    expect([...preset(NOTHING_WANTED, 'all', SCOPES).scopes]).toEqual([...SCOPES]);
    const bound = boundTo(preset(NOTHING_WANTED, 'all', SCOPES), true);
    expect(bound.scopes.has('tokens:admin') || bound.scopes.has('platform:admin')).toBe(false);
    expect(mayChoose('tokens:admin', bound, SCOPES)).toBe(false);
    expect(mayChoose('tokens:admin', NOTHING_WANTED, OWN)).toBe(true);
    expect(mayChoose('platform:admin', NOTHING_WANTED, OWN)).toBe(false);
  });

  it('is sent as the platform wants it', () => {
    const wanted = { ...preset({ ...NOTHING_WANTED, name: ' Website ' }, 'watch', OWN), bound: true, channels: new Map([['ch_1', 'Harbour']]) };
    expect(inputOf(wanted)).toEqual({ name: 'Website', scopes: ['channels:read', 'sessions:read', 'assets:read', 'events:read', 'health:read'], expiresInSeconds: 7_776_000, channelIds: ['ch_1'] });
    expect(inputOf({ ...wanted, bound: false, expiry: '', project: 'pr_1' })).toEqual({ name: 'Website', scopes: ['channels:read', 'sessions:read', 'assets:read', 'events:read', 'health:read'], projectId: 'pr_1' });
  });

  it('is good for something until it ends', () => {
    const now = Date.parse('2026-11-26T10:00:00Z');
    expect(standing({ revokedAt: null, expiresAt: null }, now)).toBe('active');
    expect(standing({ revokedAt: null, expiresAt: '2026-11-26T10:00:01Z' }, now)).toBe('active');
    expect(standing({ revokedAt: null, expiresAt: '2026-11-26T10:00:00Z' }, now)).toBe('expired');
    expect(standing({ revokedAt: '2026-11-26T09:00:00Z', expiresAt: '2026-11-26T09:30:00Z' }, now)).toBe('revoked');
  });
});
