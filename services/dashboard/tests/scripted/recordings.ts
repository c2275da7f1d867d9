import type { ServerResponse } from 'node:http';
import type { AssetFailure, AssetKind, AssetState, CreateClipInput } from '../../src/api/generated';
import { mapped, wants } from './channels';
import type { ScriptedBroadcast } from './broadcast';
import { fault, page, Topic } from './graphql';
import { refuse, send } from './pages';
import type { ScriptedPlatform } from './platform';

interface Context {
  readonly scopes: readonly string[];
}

/** A recording of the scripted platform, as a test may write it. */
export interface ScriptedAsset {
  id: string;
  kind: AssetKind;
  state: AssetState;
  failure: AssetFailure | null;
  title: string | null;
  channel: string;
  session: string;
  parent: string | null;
  durationSeconds: number | null;
  bytes: number | null;
  gapsSeconds: number | null;
  files: number | null;
  trimmed: boolean;
  exact: boolean;
  posterAt: number | null;
  chapters: { at: number; title: string }[];
  wholeDurationSeconds: number | null;
  createdAt: string;
  readyAt: string | null;
  expiresAt: string | null;
}

/** What is kept of sessions, as far as the dashboard sees it. */
export class Recordings {
  readonly assets: ScriptedAsset[] = [];
  /** What was asked for, as `clip se_1 -30 0`. */
  readonly log: string[] = [];
  /** What is said of the making of files, question by question; the last one stays. */
  making: readonly object[] = [{ state: 'MAKING', percent: 0 }, { state: 'MAKING', percent: 40 }, { state: 'READY', percent: 100, missing: [] }];
  /** What was asked for beside the playlists, as `as_000001 thumbnail.jpg`. */
  readonly looks: string[] = [];
  #questions = 0;
  readonly #topic = new Topic<ScriptedAsset>();
  readonly #platform: ScriptedPlatform;
  #ids = 0;

  constructor(platform: ScriptedPlatform) {
    this.#platform = platform;
    Object.assign(platform.root, this.#root());
  }

  /** A recording of a session: ready, an hour long, unless told. */
  add(session: string, kind: AssetKind, more: Partial<ScriptedAsset> = {}): ScriptedAsset {
    this.#ids += 1;
    const at = new Date(Date.UTC(2026, 10, 20, 18) + this.#ids * 1_000).toISOString();
    const channel = this.#platform.channels.sessions.find(({ id }) => id === session)?.channel ?? '';
    const asset: ScriptedAsset = {
      id: `as_${String(this.#ids).padStart(6, '0')}`, kind, state: 'READY', failure: null, title: null, channel, session, parent: null, durationSeconds: 3_600.4, bytes: 1_350_000_000, gapsSeconds: 0, files: 1,
      trimmed: false, exact: false, posterAt: null, chapters: [{ at: 0, title: 'Beginning' }], wholeDurationSeconds: 3_600.4, createdAt: at, readyAt: at, expiresAt: null, ...more,
    };
    this.assets.push(asset);
    this.#topic.publish(asset);
    return asset;
  }

  change(id: string, change: Partial<ScriptedAsset>): ScriptedAsset {
    const asset = this.#asset(id);
    Object.assign(asset, change);
    this.#topic.publish(asset);
    return asset;
  }

  #asset(id: string): ScriptedAsset {
    const asset = this.assets.find((one) => one.id === id);
    if (asset === undefined) throw fault('NOT_FOUND', 'there is no such asset');
    return asset;
  }

  #present(asset: ScriptedAsset): object {
    const ready = asset.state === 'READY';
    const { channels, origin } = this.#platform;
    const at = (name: string) => `${origin}/vod/${asset.id}/${name}`;
    return {
      ...asset,
      channel: (_: unknown, context: Context) => {
        wants(context, 'channels:read');
        const channel = channels.channels.find(({ id }) => id === asset.channel);
        return channel === undefined ? null : channels.present(channel);
      },
      session: (_: unknown, context: Context) => {
        wants(context, 'sessions:read');
        const session = channels.sessions.find(({ id }) => id === asset.session);
        return session === undefined ? null : channels.presentSession(session);
      },
      parent: () => (asset.parent === null ? null : this.#present(this.#asset(asset.parent))),
      playbackUrl: ready ? at('index.m3u8') : null,
      thumbnailUrl: ready || asset.state === 'STARTED' ? at('thumbnail.jpg') : null,
      previewUrl: ready ? at('preview.webp') : null,
      storyboardUrl: ready ? at('storyboard.vtt') : null,
      downloadUrl: ready ? at('download.mp4') : null,
      sourceUrls: ready && asset.kind === 'SOURCE' ? Array.from({ length: asset.files ?? 0 }, (_, place) => at(place === 0 ? 'source.mp4' : `source-${place + 1}.mp4`)) : [],
    };
  }

  #cut(from: number, to: number, length: number): number {
    if (to <= from) throw fault('BAD_INPUT', 'a field is wrong', { fields: [{ path: 'to', message: 'this is not behind `from`; give a later moment' }] });
    if (to > length) throw fault('BAD_INPUT', 'a field is wrong', { fields: [{ path: 'to', message: `this reaches outside of the media, which is ${length} s long; stay within` }] });
    return to - from;
  }

  /** What stands beside a recording's playlist. */
  answer(id: string, file: string, broadcast: ScriptedBroadcast, response: ServerResponse): void {
    this.looks.push(`${id} ${file}`);
    const asset = this.assets.find((one) => one.id === id);
    if (asset?.state === 'STARTED' && file === 'thumbnail.jpg') return send(response, '.jpg', broadcast.jpeg('thumbnail'));
    if (asset?.state !== 'READY') return refuse(response, 'NOT_FOUND');
    if (file === 'storyboard.vtt') return send(response, '.vtt', broadcast.storyboard(asset.durationSeconds ?? 0));
    if (file === 'chapters.vtt') return send(response, '.vtt', 'WEBVTT\n');
    if (file === 'download.json') {
      const said = this.making[Math.min(this.#questions++, this.making.length - 1)];
      const urls = Array.from({ length: asset.files ?? 1 }, (_, place) => `/vod/${id}/download${place === 0 ? '' : `-${place + 1}`}.mp4`);
      return send(response, '.json', JSON.stringify({ urls, ...said }));
    }
    if (/^download(-\d+)?\.mp4$/.test(file)) {
      response.setHeader('content-disposition', `attachment; filename="${id}.mp4"`);
      return send(response, '.mp4', Buffer.alloc(1_000));
    }
    send(response, '.jpg', broadcast.jpeg(file.startsWith('sheet') ? 'sheet' : 'thumbnail'));
  }

  #root() {
    return {
      asset: ({ id }: { id: string }, context: Context) => {
        wants(context, 'assets:read');
        const asset = this.assets.find((one) => one.id === id);
        return asset === undefined ? null : this.#present(asset);
      },
      assets: ({ channelId, sessionId, kind, states, first, after }: { channelId?: string; sessionId?: string; kind?: AssetKind; states?: AssetState[]; first?: number; after?: string }, context: Context) => {
        wants(context, 'assets:read');
        const rows = this.assets.filter((asset) => (channelId == null || asset.channel === channelId) && (sessionId == null || asset.session === sessionId) && (kind == null || asset.kind === kind) && (states == null || states.includes(asset.state)));
        return page(rows.sort((a, b) => b.createdAt.localeCompare(a.createdAt)).map((asset) => this.#present(asset)), first, after);
      },
      storage: (_: unknown, context: Context) => {
        wants(context, 'assets:read');
        const ready = this.assets.filter(({ state }) => state === 'READY');
        const sum = (rows: readonly ScriptedAsset[]) => ({ assets: rows.length, bytes: rows.reduce((bytes, one) => bytes + (one.bytes ?? 0), 0) });
        const of = (rows: readonly ScriptedAsset[], key: (one: ScriptedAsset) => string) => [...new Set(rows.map(key))].map((name) => [name, sum(rows.filter((one) => key(one) === name))] as const);
        const channel = (id: string) => this.#platform.channels.channels.find((one) => one.id === id);
        return {
          ...sum(ready),
          byKind: of(ready, ({ kind }) => kind).map(([kind, figures]) => ({ kind, ...figures })),
          byChannel: of(ready, ({ channel: id }) => id).map(([channelId, figures]) => ({ channelId, ...figures, channel: () => { const one = channel(channelId); return one === undefined ? null : this.#platform.channels.present(one); } })),
        };
      },
      createClip: ({ input }: { input: CreateClipInput }, context: Context) => {
        wants(context, 'assets:write');
        const { assetId, sessionId, title, exact } = input;
        const ranges = input.ranges ?? [{ from: input.from ?? 0, to: input.to ?? 0 }];
        this.log.push(`clip ${assetId ?? sessionId} ${ranges.map(({ from, to }) => `${from} ${to}`).join(' + ')}${exact === true ? ' exact' : ''}`);
        const parent = assetId == null ? null : this.#asset(assetId);
        const length = ranges.reduce((sum, { from, to }) => sum + (parent === null ? to - from : this.#cut(from, to, parent.durationSeconds ?? 0)), 0);
        return { asset: this.#present(this.add(parent?.session ?? sessionId ?? '', 'CLIP', { title: title ?? null, parent: parent?.id ?? null, exact: exact === true, durationSeconds: length, wholeDurationSeconds: length, bytes: length * 375_000, createdAt: new Date().toISOString() })) };
      },
      trimAsset: ({ id, from, to, exact }: { id: string; from: number; to: number; exact?: boolean }, context: Context) => {
        wants(context, 'assets:write');
        this.log.push(`trim ${id} ${from} ${to}${exact === true ? ' exact' : ''}`);
        const durationSeconds = this.#cut(from, to, this.#asset(id).wholeDurationSeconds ?? 0);
        return { asset: this.#present(this.change(id, { trimmed: true, durationSeconds })) };
      },
      untrimAsset: ({ id }: { id: string }, context: Context) => {
        wants(context, 'assets:write');
        this.log.push(`untrim ${id}`);
        return { asset: this.#present(this.change(id, { trimmed: false, durationSeconds: this.#asset(id).wholeDurationSeconds })) };
      },
      setPoster: ({ id, at }: { id: string; at: number }, context: Context) => {
        wants(context, 'assets:write');
        this.log.push(`poster ${id} ${at.toFixed(1)}`);
        return { asset: this.#present(this.change(id, { posterAt: at })) };
      },
      deleteAsset: ({ id }: { id: string }, context: Context) => {
        wants(context, 'assets:write');
        this.log.push(`delete ${id}`);
        return { asset: this.#present(this.change(id, { state: 'DELETED' })) };
      },
      assetUpdated: ({ id, channelId }: { id?: string; channelId?: string }, context: Context) => {
        wants(context, 'assets:read');
        const fits = (asset: ScriptedAsset) => (id == null || asset.id === id) && (channelId == null || asset.channel === channelId);
        return mapped(this.#topic.follow(id == null ? [] : this.assets.filter(fits), fits), (asset) => ({ assetUpdated: this.#present(asset) }));
      },
    };
  }
}
