import type { CreateChannelInput, ChannelOrder, ChannelState, SessionEndReason, SessionState, UpdateChannelInput } from '../../src/api/generated';
import { fault, page, Topic } from './graphql';

/** A channel of the scripted platform, as a test may write it. */
export interface ScriptedChannel {
  id: string;
  name: string;
  state: ChannelState;
  latencyMode: 'NORMAL' | 'LOW' | 'ULTRA_LOW';
  autoGoLive: boolean;
  maxSessionDuration: number;
  reconnectWindow: number;
  endOnUnpublish: boolean;
  dvrWindow: number;
  recordSource: boolean;
  catchup: boolean;
  sourceRetention: number | null;
  catchupRetention: number | null;
  createdAt: string;
  streamKey: string;
  currentSession: string | null;
}

export interface ScriptedSession {
  id: string;
  channel: string;
  state: SessionState;
  startedAt: string;
  liveAt: string | null;
  endedAt: string | null;
  endReason: SessionEndReason | null;
  reconnectUntil: string | null;
  input: Record<string, unknown> | null;
}

export const INPUT = { protocol: 'RTMP', encoder: 'OBS Studio 30.2.3', videoCodec: 'H264', width: 1920, height: 1080, frameRate: 60, audioCodec: 'AAC', bitrate: 6_160_000 };

interface Context {
  readonly scopes: readonly string[];
}

export function wants(context: Context, scope: string): void {
  if (!context.scopes.includes(scope)) throw fault('FORBIDDEN', `this needs the scope ${scope}`, { reason: 'SCOPE_MISSING' });
}

/** Channels and sessions: the rules of the platform as far as the dashboard sees them. */
export class Channels {
  readonly channels: ScriptedChannel[] = [];
  readonly sessions: ScriptedSession[] = [];
  /** What was asked for that the log would note, as `key_shown ch_1`. */
  readonly log: string[] = [];
  readonly #channelTopic = new Topic<ScriptedChannel>();
  readonly #sessionTopic = new Topic<ScriptedSession>();
  #ids = 0;
  origin = '';
  /** Whether the platform has a certificate, and takes RTMPS. */
  secure = false;

  get followers(): number {
    return this.#channelTopic.followers;
  }

  add(name: string, more: Partial<ScriptedChannel> = {}): ScriptedChannel {
    this.#ids += 1;
    const channel: ScriptedChannel = {
      id: `ch_${String(this.#ids).padStart(6, '0')}`, name, state: 'IDLE', latencyMode: 'LOW', autoGoLive: true, maxSessionDuration: 43_200, reconnectWindow: 60, endOnUnpublish: true,
      dvrWindow: 7_200, recordSource: true, catchup: true, sourceRetention: null, catchupRetention: null,
      createdAt: new Date(Date.UTC(2026, 9, 1) + this.#ids * 1_000).toISOString(), streamKey: `sk_${'x'.repeat(20)}${this.#ids}`, currentSession: null, ...more,
    };
    this.channels.push(channel);
    this.#channelTopic.publish(channel);
    return channel;
  }

  change(id: string, change: Partial<ScriptedChannel>): ScriptedChannel {
    const channel = this.#channel(id);
    Object.assign(channel, change);
    this.#channelTopic.publish(channel);
    return channel;
  }

  /** A session begins, in the state given. */
  begin(channelId: string, state: SessionState, more: Partial<ScriptedSession> = {}): ScriptedSession {
    this.#ids += 1;
    const now = new Date().toISOString();
    const session: ScriptedSession = {
      id: `se_${String(this.#ids).padStart(6, '0')}`, channel: channelId, state, startedAt: now, liveAt: state === 'LIVE' ? now : null, endedAt: null, endReason: null, reconnectUntil: null, input: state === 'INIT' ? null : INPUT, ...more,
    };
    this.sessions.push(session);
    if (session.state !== 'ENDED') this.change(channelId, { state: 'ACTIVE', currentSession: session.id });
    this.#sessionTopic.publish(session);
    return session;
  }

  changeSession(id: string, change: Partial<ScriptedSession>): ScriptedSession {
    const session = this.sessions.find((one) => one.id === id);
    if (session === undefined) throw fault('NOT_FOUND', 'there is no such session');
    Object.assign(session, change);
    this.#sessionTopic.publish(session);
    const channel = this.channels.find((one) => one.currentSession === id);
    if (channel !== undefined) {
      if (session.state === 'ENDED') this.change(channel.id, { currentSession: null, state: channel.state === 'STOP' ? 'STOP' : 'IDLE' });
      else this.#channelTopic.publish(channel);
    }
    return session;
  }

  end(id: string, endReason: SessionEndReason): ScriptedSession {
    return this.changeSession(id, { state: 'ENDED', endedAt: new Date().toISOString(), endReason });
  }

  #channel(id: string): ScriptedChannel {
    const channel = this.channels.find((one) => one.id === id);
    if (channel === undefined) throw fault('NOT_FOUND', 'there is no such channel');
    return channel;
  }

  present(channel: ScriptedChannel) {
    const playbackId = `pb_${channel.id.slice(3)}`;
    return {
      ...channel,
      playbackId,
      playbackUrl: `${this.origin}/live/${playbackId}/index.m3u8`,
      watchUrl: `${this.origin}/watch/${playbackId}`,
      ingest: {
        rtmpUrl: 'rtmp://studio.example:1935/live',
        rtmpsUrl: this.secure ? 'rtmps://studio.example:1936/live' : null,
        streamKey: (_: unknown, context: Context) => {
          wants(context, 'channels:secrets');
          this.log.push(`key_shown ${channel.id}`);
          return channel.streamKey;
        },
      },
      currentSession: (_: unknown, context: Context) => {
        wants(context, 'sessions:read');
        const session = this.sessions.find(({ id }) => id === channel.currentSession);
        return session === undefined ? null : this.presentSession(session);
      },
      sessions: ({ first, after, state }: { first?: number; after?: string; state?: SessionState }, context: Context) => {
        wants(context, 'sessions:read');
        return page(this.#ofChannel(channel.id, state ?? null), first, after);
      },
    };
  }

  #ofChannel(channel: string, state: SessionState | null) {
    const rows = this.sessions.filter((session) => session.channel === channel && (state === null || session.state === state));
    return rows.sort((a, b) => b.startedAt.localeCompare(a.startedAt)).map((session) => this.presentSession(session));
  }

  presentSession(session: ScriptedSession) {
    const channel = () => {
      const found = this.channels.find(({ id }) => id === session.channel);
      return found === undefined ? null : this.present(found);
    };
    return {
      ...session,
      channel,
      latencyMode: this.channels.find(({ id }) => id === session.channel)?.latencyMode ?? 'LOW',
      playbackUrl: `${this.origin}/live/pb_${session.channel.slice(3)}/index.m3u8`,
      previewUrl: `${this.origin}/preview/${session.id}/index.m3u8`,
    };
  }

  /** Root fields, as graphql-js wants them: queries, mutations and subscriptions. */
  readonly root = {
    channel: ({ id }: { id: string }, context: Context) => {
      wants(context, 'channels:read');
      const channel = this.channels.find((one) => one.id === id);
      return channel === undefined ? null : this.present(channel);
    },
    channels: ({ first, after, state, search, orderBy }: { first?: number; after?: string; state?: ChannelState; search?: string; orderBy: ChannelOrder }, context: Context) => {
      wants(context, 'channels:read');
      const fold = (text: string) => text.normalize('NFD').replace(/\p{Mark}/gu, '').toLowerCase();
      const rows = this.channels.filter((channel) => (state == null || channel.state === state) && (search == null || fold(channel.name).includes(fold(search))));
      rows.sort((a, b) => (orderBy === 'NAME' ? fold(a.name).localeCompare(fold(b.name)) : orderBy === 'OLDEST' ? a.createdAt.localeCompare(b.createdAt) : b.createdAt.localeCompare(a.createdAt)));
      return page(rows.map((channel) => this.present(channel)), first, after);
    },
    createChannel: ({ input }: { input: CreateChannelInput }, context: Context) => {
      wants(context, 'channels:write');
      if (input.name === 'refuse me') throw fault('BAD_INPUT', 'a name of this kind is not taken', { fields: [{ path: 'input.name', message: 'a name of this kind is not taken' }] });
      const channel = this.add(input.name, { createdAt: new Date().toISOString(), ...(Object.fromEntries(Object.entries(input).filter(([, value]) => value !== null)) as Partial<ScriptedChannel>) });
      return { channel: this.present(channel), streamKey: channel.streamKey };
    },
    updateChannel: ({ id, input }: { id: string; input: UpdateChannelInput }, context: Context) => {
      wants(context, 'channels:write');
      if (this.#channel(id).state === 'ACTIVE' && input.latencyMode != null) throw fault('REFUSED', 'latencyMode cannot change on air', { reason: 'FIXED_ON_AIR' });
      this.log.push(`updated ${id} ${Object.keys(input).sort().join(',')}`);
      return { channel: this.present(this.change(id, input as Partial<ScriptedChannel>)) };
    },
    startChannel: ({ id }: { id: string }, context: Context) => {
      wants(context, 'channels:write');
      return { channel: this.present(this.change(id, { state: 'IDLE' })) };
    },
    stopChannel: ({ id }: { id: string }, context: Context) => {
      wants(context, 'channels:write');
      const channel = this.#channel(id);
      const session = channel.currentSession;
      this.change(id, { state: 'STOP' });
      if (session !== null) this.end(session, 'CHANNEL_STOPPED');
      return { channel: this.present(channel) };
    },
    deleteChannel: ({ id, erase }: { id: string; erase?: boolean }, context: Context) => {
      wants(context, 'channels:write');
      const channel = this.#channel(id);
      if (channel.state === 'ACTIVE') throw fault('REFUSED', 'the channel is on air', { reason: 'ON_AIR' });
      this.channels.splice(this.channels.indexOf(channel), 1);
      this.log.push(`${erase === true ? 'erased' : 'deleted'} ${id}`);
      return { channel: this.present(channel) };
    },
    rotateStreamKey: ({ channelId, overlapSeconds }: { channelId: string; overlapSeconds?: number }, context: Context) => {
      wants(context, 'channels:secrets');
      this.#ids += 1;
      const channel = this.change(channelId, { streamKey: `sk_rotated${this.#ids}` });
      this.log.push(`rotated ${channelId} ${overlapSeconds ?? 0}`);
      return { channel: this.present(channel), streamKey: channel.streamKey };
    },
    session: ({ id }: { id: string }, context: Context) => {
      wants(context, 'sessions:read');
      const session = this.sessions.find((one) => one.id === id);
      return session === undefined ? null : this.presentSession(session);
    },
    sessions: ({ channelId, first, after, state }: { channelId?: string; first?: number; after?: string; state?: SessionState }, context: Context) => {
      wants(context, 'sessions:read');
      const rows = this.sessions.filter((session) => (channelId == null || session.channel === channelId) && (state == null || session.state === state));
      return page(rows.sort((a, b) => b.startedAt.localeCompare(a.startedAt)).map((session) => this.presentSession(session)), first, after);
    },
    goLive: ({ sessionId }: { sessionId: string }, context: Context) => {
      wants(context, 'sessions:write');
      return { session: this.presentSession(this.changeSession(sessionId, { state: 'LIVE', liveAt: new Date().toISOString() })) };
    },
    endSession: ({ sessionId }: { sessionId: string }, context: Context) => {
      wants(context, 'sessions:write');
      return { session: this.presentSession(this.end(sessionId, 'SESSION_ENDED_BY_USER')) };
    },
    channelUpdated: ({ id }: { id?: string }, context: Context) => {
      wants(context, 'channels:read');
      const first = id === undefined ? [] : this.channels.filter((channel) => channel.id === id);
      return mapped(this.#channelTopic.follow(first, (channel) => id === undefined || channel.id === id), (channel) => ({ channelUpdated: this.present(channel) }));
    },
    sessionUpdated: ({ id, channelId }: { id?: string; channelId?: string }, context: Context) => {
      wants(context, 'sessions:read');
      const fits = (session: ScriptedSession) => (id === undefined || session.id === id) && (channelId === undefined || session.channel === channelId);
      return mapped(this.#sessionTopic.follow(id === undefined ? [] : this.sessions.filter(fits), fits), (session) => ({ sessionUpdated: this.presentSession(session) }));
    },
  };
}

/** Each value of a generator, presented when it is read. */
export function mapped<From, To>(from: AsyncGenerator<From, void, void>, to: (value: From) => To): AsyncGenerator<To, void, void> {
  const generator: AsyncGenerator<To, void, void> = {
    next: async () => {
      const next = await from.next();
      return next.done === true ? { done: true, value: undefined } : { done: false, value: to(next.value) };
    },
    return: async () => { await from.return(); return { done: true, value: undefined }; },
    throw: async (error) => { await from.throw(error); throw error; },
    [Symbol.asyncIterator]: () => generator,
  };
  return generator;
}
