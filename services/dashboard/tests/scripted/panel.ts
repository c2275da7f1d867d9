import { fault, Topic } from './graphql';
import { mapped, wants } from './channels';
import type { ScriptedPlatform } from './platform';

interface Context {
  readonly scopes: readonly string[];
}

export interface ScriptedSample {
  at: string;
  videoBitrate: number;
  audioBitrate: number;
  frameRate: number | null;
  keyFrameInterval: number | null;
  avOffsetMs: number | null;
  behindMs: number;
  queueMs: number;
  largestGapMs: number;
  droppedFrames: number;
  warnings: { name: string; message: string; since: string; data: Record<string, number> }[];
}

export interface ScriptedEvent {
  id: string;
  position: string;
  aggregateType: string;
  aggregateId: string;
  channelId: string | null;
  sequence: number;
  type: string;
  version: number;
  at: string;
  actor: { kind: string; id: string; name: string | null };
  commandId: string;
  correlationId: string;
  causationId: string | null;
  data: Record<string, unknown>;
}

export const KEY_FRAMES_LONG = {
  name: 'KEY_FRAME_INTERVAL_LONG', message: 'Key frames come every 8.3 s; ultra-low latency needs 2 s or less: in OBS set Keyframe Interval to 1 s',
  data: { intervalMs: 8_333, limitMs: 2_000, suggestSeconds: 1, mode: 2 },
};

const SYSTEM = { kind: 'SYSTEM', id: 'platform', name: null };
const ADMIN = { kind: 'ADMIN', id: 'admin', name: null };
const BROADCASTER = { kind: 'BROADCASTER', id: 'ch_1', name: null };

/** What the pages Session, Events, Tokens and System see of the platform, beside channels and sessions. */
export class Panel {
  /** By session. */
  readonly samples = new Map<string, ScriptedSample[]>();
  readonly timelines = new Map<string, { at: string; type: string; message: string; actor: object; data: object }[]>();
  readonly events: ScriptedEvent[] = [];
  readonly tokens: Record<string, unknown>[] = [];
  /** Positions after which the tail of the log was asked for. */
  readonly tailedAfter: (string | null)[] = [];
  health = healthOf();
  readonly log: string[] = [];
  readonly #sampleTopic = new Topic<{ session: string; sample: ScriptedSample }>();
  readonly #eventTopic = new Topic<ScriptedEvent>();
  readonly #platform: ScriptedPlatform;

  constructor(platform: ScriptedPlatform) {
    this.#platform = platform;
    Object.assign(platform.root, this.#root());
  }

  get sampleFollowers(): number {
    return this.#sampleTopic.followers;
  }

  get eventFollowers(): number {
    return this.#eventTopic.followers;
  }

  /** A second of a feed, as the platform tells it; `told`: followers hear of it too. */
  sample(session: string, more: Partial<ScriptedSample> = {}, told = true): ScriptedSample {
    const kept = this.samples.get(session) ?? [];
    const sample = { ...feedAt(Date.now(), kept.length), ...more };
    kept.push(sample);
    if (kept.length > 900) kept.shift();
    this.samples.set(session, kept);
    if (told) this.#sampleTopic.publish({ session, sample });
    return sample;
  }

  /** Fills the memory of a session's feed with the last seconds. */
  remember(session: string, seconds: number, hole: (secondsAgo: number) => boolean = () => false): void {
    for (let ago = seconds; ago > 0; ago -= 1) {
      if (!hole(ago)) this.sample(session, feedAt(Date.now() - ago * 1_000, seconds - ago), false);
    }
  }

  happened(session: string, type: string, data: object, actor: object = SYSTEM, message = type, at = new Date().toISOString()): void {
    this.timelines.set(session, [...(this.timelines.get(session) ?? []), { at, type, message, actor, data }]);
  }

  event(type: string, aggregateId: string, more: Partial<ScriptedEvent> = {}): ScriptedEvent {
    const number = this.events.length + 1;
    const event: ScriptedEvent = {
      id: `ev_${String(number).padStart(6, '0')}`, position: `p${number}`, aggregateType: type.split('.')[0] ?? '', aggregateId, channelId: aggregateId.startsWith('ch_') ? aggregateId : null, sequence: number, type, version: 1,
      at: new Date().toISOString(), actor: number % 3 === 0 ? { kind: 'TOKEN', id: 'tk_1', name: 'Website' } : ADMIN, commandId: `cm_${number}`, correlationId: `cr_${number}`, causationId: null, data: { atMs: Date.now(), name: `Channel ${number}` }, ...more,
    };
    this.events.push(event);
    this.#eventTopic.publish(event);
    return event;
  }

  token(name: string, more: Record<string, unknown> = {}): Record<string, unknown> {
    const number = this.tokens.length + 1;
    const token = {
      id: `tk_${String(number).padStart(6, '0')}`, name, prefix: `sgm_Ab3dEf${number}x`, scopes: ['channels:read', 'sessions:read'], channelIds: null, project: { id: 'pr_default', name: 'default', createdAt: '2026-01-01T00:00:00.000Z' },
      createdAt: new Date(Date.now() - 86_400_000 * number).toISOString(), createdBy: ADMIN, expiresAt: null, lastUsedAt: null, revokedAt: null, ...more,
    };
    this.tokens.unshift(token);
    return token;
  }

  #session(id: string) {
    const session = this.#platform.channels.sessions.find((one) => one.id === id);
    return session === undefined ? null : {
      ...this.#platform.channels.presentSession(session),
      health: () => this.samples.get(id)?.at(-1) ?? null,
      recentHealth: ({ seconds = 300 }: { seconds?: number }, context: Context) => {
        wants(context, 'health:read');
        return (this.samples.get(id) ?? []).filter(({ at }) => Date.parse(at) >= Date.now() - seconds * 1_000);
      },
      timeline: () => this.timelines.get(id) ?? [],
    };
  }

  #root(): Record<string, object> {
    return {
      session: ({ id }: { id: string }, context: Context) => {
        wants(context, 'sessions:read');
        return this.#session(id);
      },
      sessionHealth: ({ id }: { id: string }, context: Context) => {
        wants(context, 'health:read');
        return mapped(this.#sampleTopic.follow([], ({ session }) => session === id), ({ sample }) => ({ sessionHealth: sample }));
      },
      events: (asked: { aggregateId?: string; channelId?: string; type?: string; afterPosition?: string; beforePosition?: string; first?: number; last?: number }, context: Context, info: { operation: { operation: string } }) => {
        wants(context, 'events:read');
        return info.operation.operation === 'subscription' ? this.#tail(asked.afterPosition ?? null) : this.#page(asked);
      },
      apiTokens: (_: unknown, context: Context) => {
        wants(context, 'tokens:admin');
        return this.tokens;
      },
      projects: () => [{ id: 'pr_default', name: 'default', createdAt: '2026-01-01T00:00:00.000Z' }],
      createApiToken: ({ input }: { input: { name: string; scopes: string[]; expiresInSeconds?: number; channelIds?: string[] } }, context: Context) => {
        wants(context, 'tokens:admin');
        if (input.name === 'refuse me') throw fault('BAD_INPUT', 'no', { fields: [{ path: 'input.name', message: 'this name is not taken' }] });
        const expiresAt = input.expiresInSeconds == null ? null : new Date(Date.now() + input.expiresInSeconds * 1_000).toISOString();
        const token = this.token(input.name, { scopes: input.scopes, channelIds: input.channelIds ?? null, expiresAt, createdAt: new Date().toISOString() });
        return { token, secret: `sgm_${'Zy8'.repeat(14)}K4q7Wd2` };
      },
      revokeApiToken: ({ id }: { id: string }, context: Context) => {
        wants(context, 'tokens:admin');
        const token = this.tokens.find((one) => one['id'] === id);
        if (token === undefined) throw fault('NOT_FOUND', 'there is no such token');
        token['revokedAt'] = new Date().toISOString();
        return { token };
      },
      health: (_: unknown, context: Context) => {
        wants(context, 'health:read');
        return this.health;
      },
      rebuildProjection: ({ name }: { name: string }) => {
        this.log.push(`rebuild ${name}`);
        return { projection: this.#projection(name, { rebuildProgress: 0 }) };
      },
      retryParked: ({ projection, aggregateId }: { projection: string; aggregateId: string }) => {
        this.log.push(`retry ${projection} ${aggregateId}`);
        return { projection: this.#projection(projection, {}) };
      },
      skipParked: ({ projection, aggregateId }: { projection: string; aggregateId: string }) => {
        this.log.push(`skip ${projection} ${aggregateId}`);
        return { projection: this.#projection(projection, { parked: 0, parkedLines: [] }) };
      },
    };
  }

  #projection(name: string, change: object): object {
    const projections = this.health.projections.map((one) => (one.name === name ? { ...one, ...change } : one));
    this.health = { ...this.health, projections };
    return projections.find((one) => one.name === name) ?? {};
  }

  #page({ aggregateId, channelId, type, beforePosition, last }: { aggregateId?: string; channelId?: string; type?: string; beforePosition?: string; last?: number }) {
    const until = beforePosition == null ? this.events.length : this.events.findIndex(({ position }) => position === beforePosition);
    const found = this.events.slice(0, until).filter((event) => (aggregateId == null || event.aggregateId === aggregateId) && (channelId == null || event.channelId === channelId)
      && (type == null || event.type === type || (type.endsWith('.') && event.type.startsWith(type))));
    const nodes = found.slice(-(last ?? 20));
    return {
      nodes, edges: nodes.map((node) => ({ node, cursor: node.position })),
      pageInfo: { hasNextPage: false, hasPreviousPage: nodes.length < found.length, startCursor: nodes[0]?.position ?? null, endCursor: nodes.at(-1)?.position ?? null },
    };
  }

  #tail(after: string | null) {
    this.tailedAfter.push(after);
    const from = after === null ? this.events.length : this.events.findIndex(({ position }) => position === after) + 1;
    return mapped(this.#eventTopic.follow(this.events.slice(from), () => true), (event) => ({ events: event }));
  }
}

/** A plausible second: some noise, no surprises. */
function feedAt(ms: number, step: number): ScriptedSample {
  const wave = Math.sin(step / 23) + Math.sin(step / 5.3) / 3;
  return {
    at: new Date(ms).toISOString(), videoBitrate: Math.round(4_500_000 + 280_000 * wave), audioBitrate: 160_000 + (step % 7) * 300, frameRate: 60 - (step % 97 === 0 ? 4 : 0), keyFrameInterval: 2, avOffsetMs: Math.round(12 + 6 * wave),
    behindMs: Math.round(60 + 40 * Math.abs(wave)), queueMs: 2, largestGapMs: 20, droppedFrames: Math.floor(step / 97), warnings: [],
  };
}

function projection(name: string, more: object = {}) {
  return { name, version: 1, generation: 3, state: 'LIVE', lag: 0, parked: 0, parkedLines: [] as object[], rebuildProgress: null as number | null, lastError: null as string | null, ...more };
}

function healthOf() {
  return {
    status: 'READY', version: '0.4.0 (8feea51)', startedAt: new Date(Date.now() - 93_784_000).toISOString(),
    components: [
      { name: 'store', status: 'READY', message: null as string | null }, { name: 'projections', status: 'READY', message: null as string | null },
      { name: 'process', status: 'READY', message: null as string | null }, { name: 'media', status: 'READY', message: null as string | null },
    ],
    projections: [projection('channels'), projection('sessions'), projection('api_tokens'), projection('projects')],
    nodes: [node('node-4fd02c11')],
    settings: [
      { name: 'http', value: '127.0.0.1:8080', source: 'default' }, { name: 'rtmp', value: '0.0.0.0:1935', source: '--rtmp' }, { name: 'data-dir', value: '/var/lib/sigma', source: 'SIGMA_DATA_DIR' },
      { name: 'limit-complexity', value: '10000', source: 'default' }, { name: 'health-key-frame-interval', value: 'by latency mode', source: 'default' }, { name: 'cors-origins', value: 'https://studio.example', source: 'sigma.toml' },
    ],
  };
}

function node(id: string, more: object = {}) {
  return {
    id, state: 'UP', roles: ['api', 'ingest', 'projections'], version: '0.4.0', url: 'http://127.0.0.1:8080', rtmpUrl: 'rtmp://127.0.0.1:1935/live' as string | null,
    startedAt: new Date(Date.now() - 93_784_000).toISOString(), silentSeconds: 0, sessions: 0, leases: [] as string[], ...more,
  };
}

/** Something is wrong with everything. */
export function brokenHealth(): Panel['health'] {
  const health = healthOf();
  return {
    ...health, status: 'NOT_READY',
    components: health.components.map((component) => (component.name === 'projections' ? { ...component, status: 'NOT_READY', message: 'sessions does not get on: disk I/O error' } : component.name === 'store' ? { ...component, status: 'DEGRADED', message: 'only 812 MB are left on the data folder\'s disk; make room' } : component)),
    nodes: [
      node('api-1', { roles: ['api'], url: 'http://10.0.0.2:8080', rtmpUrl: null }),
      node('media-1', { roles: ['ingest'], url: 'http://10.0.0.3:8080', sessions: 12 }),
      node('media-2', { roles: ['ingest'], url: 'http://10.0.0.4:8080', state: 'LOST', silentSeconds: 94, sessions: 3 }),
      node('rest-1', { roles: ['projections'], url: 'http://10.0.0.5:8080', rtmpUrl: null, leases: ['lost-nodes', 'process-managers', 'projection/api_tokens', 'projection/channels'] }),
    ],
    projections: [
      projection('channels', { rebuildProgress: 0.42, lag: 12_400 }),
      projection('sessions', { state: 'STALLED', lag: 812, lastError: 'disk I/O error while writing the checkpoint' }),
      projection('api_tokens', { parked: 1, parkedLines: [{ aggregateType: 'api_token', aggregateId: 'tk_01a0c4f01b2e7f3c9d4a5b6c7d8e9fa0', sequence: 2, eventType: 'api_token.revoked', cause: 'there is no row of that token', waiting: 3 }] }),
      projection('projects'),
    ],
  };
}

/** A session with a past: it went live, lost its feed, came back, and had warnings. */
export function tellStory(panel: Panel, session: string, from: number): void {
  const at = (seconds: number) => new Date(from + seconds * 1_000).toISOString();
  panel.happened(session, 'session.opened', { feed: 1 }, BROADCASTER, 'An encoder connected', at(0));
  panel.happened(session, 'session.processing', { feed: 1 }, SYSTEM, 'Media is understood', at(1));
  panel.happened(session, 'session.live', {}, { kind: 'TOKEN', id: 'tk_1', name: 'Studio desk' }, 'The session went live', at(9));
  panel.happened(session, 'session.error', { cause: 'CONNECTION_BROKEN', endsAs: 'BROADCASTER_LEFT' }, SYSTEM, 'The connection broke', at(120));
  panel.happened(session, 'session.feed_opened', { feed: 2, takeover: false }, BROADCASTER, 'The encoder came back', at(131));
  panel.happened(session, 'session.recovered', { feed: 2 }, SYSTEM, 'The feed is back', at(132));
  panel.happened(session, 'health.warning_raised', { ...KEY_FRAMES_LONG, sessionId: session }, SYSTEM, KEY_FRAMES_LONG.message, at(150));
}
