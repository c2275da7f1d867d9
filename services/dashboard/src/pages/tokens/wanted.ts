/** The form of a new token: what is in it, what is wrong with it, what is sent. */

export const SCOPES = [
  'channels:read', 'channels:write', 'channels:secrets', 'sessions:read', 'sessions:write', 'assets:read', 'assets:write', 'events:read', 'health:read', 'tokens:admin',
  'platform:admin',
] as const;
export type ScopeName = (typeof SCOPES)[number];

/** Scopes that a token bound to channels cannot have. */
export const UNBOUND_ONLY: ReadonlySet<string> = new Set<ScopeName>(['tokens:admin', 'platform:admin']);

export const PRESETS = {
  watch: ['channels:read', 'sessions:read', 'assets:read', 'events:read', 'health:read'],
  broadcast: ['channels:read', 'channels:secrets', 'sessions:read', 'sessions:write', 'assets:read', 'assets:write', 'health:read'],
  integrate: ['channels:read', 'channels:write', 'channels:secrets', 'sessions:read', 'sessions:write', 'assets:read', 'assets:write', 'events:read', 'health:read'],
  all: SCOPES,
} as const satisfies Record<string, readonly ScopeName[]>;
export type Preset = keyof typeof PRESETS;

/** Seconds; empty: no end. */
export const EXPIRIES = ['3600', '86400', '604800', '2592000', '7776000', '31536000', ''] as const;
export type Expiry = (typeof EXPIRIES)[number];

export interface Wanted {
  readonly name: string;
  readonly scopes: ReadonlySet<string>;
  readonly expiry: Expiry;
  readonly bound: boolean;
  readonly channels: ReadonlyMap<string, string>;
  /** Null: the project of who makes it. */
  readonly project: string | null;
}

export const NOTHING_WANTED: Wanted = { name: '', scopes: new Set(), expiry: '7776000', bound: false, channels: new Map(), project: null };

export type Wrong = Partial<Record<'name' | 'scopes' | 'channels', 'missing'>>;

export function wrongWith({ name, scopes, bound, channels }: Wanted): Wrong {
  return {
    ...(name.trim() === '' ? { name: 'missing' as const } : {}),
    ...(scopes.size === 0 ? { scopes: 'missing' as const } : {}),
    ...(bound && channels.size === 0 ? { channels: 'missing' as const } : {}),
  };
}

/** Whether the scope can be chosen: some want a token that is bound to no channel, one wants a maker who has it. */
export function mayChoose(scope: string, { bound }: Wanted, own: readonly string[]): boolean {
  return !(bound && UNBOUND_ONLY.has(scope)) && (scope !== 'platform:admin' || own.includes(scope));
}

/** With other bounds some scopes cannot stay. */
export function boundTo(wanted: Wanted, bound: boolean): Wanted {
  return { ...wanted, bound, scopes: bound ? new Set([...wanted.scopes].filter((scope) => !UNBOUND_ONLY.has(scope))) : wanted.scopes };
}

export function preset(wanted: Wanted, name: Preset, own: readonly string[]): Wanted {
  return { ...wanted, scopes: new Set(PRESETS[name].filter((scope) => mayChoose(scope, wanted, own))) };
}

export function inputOf({ name, scopes, expiry, bound, channels, project }: Wanted) {
  return {
    name: name.trim(),
    scopes: SCOPES.filter((scope) => scopes.has(scope)),
    ...(expiry === '' ? {} : { expiresInSeconds: Number(expiry) }),
    ...(bound ? { channelIds: [...channels.keys()] } : {}),
    ...(project === null ? {} : { projectId: project }),
  };
}

/** What a token is good for now. */
export function standing({ revokedAt, expiresAt }: { revokedAt: string | null; expiresAt: string | null }, now: number): 'active' | 'expired' | 'revoked' {
  if (revokedAt !== null) return 'revoked';
  return expiresAt !== null && Date.parse(expiresAt) <= now ? 'expired' : 'active';
}
