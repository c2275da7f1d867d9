import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname } from 'node:path';
import { buildSchema, graphql, type GraphQLSchema } from 'graphql';
import { useServer } from 'graphql-ws/use/ws';
import { WebSocketServer } from 'ws';
import type { ScriptedBroadcast } from './broadcast';
import { Channels } from './channels';
import { fault } from './graphql';
import { refuse, send, sendAsset, sendPage } from './pages';
import { Recordings } from './recordings';

const SDL = process.env['SIGMA_SDL'] ?? new URL('../../../../schema/graphql/schema.graphql', import.meta.url);
export const TOKEN = 'sgm_scripted';
export const ALL_SCOPES = ['channels:read', 'channels:write', 'channels:secrets', 'sessions:read', 'sessions:write', 'assets:read', 'assets:write', 'events:read', 'health:read', 'tokens:admin', 'platform:admin'];
/** What every recording shows, and for how long. */
const RECORDING = 'vod.m3u8';
const RECORDED_S = 24;
const COOKIE = 'sigma_session=sealed';
const ROOMS = new Set(['', 'channels', 'sessions', 'recordings', 'events', 'tokens', 'system', 'sign-in']);

/** A platform in one process, for the dashboard: the real schema over rows that the test writes, the cookie, the socket, the pages under their policy. */
export class ScriptedPlatform {
  readonly channels = new Channels();
  /** Root fields beside those of channels and sessions: tests of other pages add theirs. */
  readonly root: Record<string, object> = {};
  readonly recordings = new Recordings(this);
  /** What the signed-in token may do. */
  scopes: readonly string[] = ALL_SCOPES;
  /** The token is taken; false: it was revoked. */
  valid = true;
  /** Where `/public/live` says the admin token stands. */
  adminToken: string | null = '/var/lib/sigma/admin-token';
  /** Answers wait for this long, in milliseconds. */
  slow = 0;
  /** Operations that were answered, by name. */
  readonly asked: string[] = [];
  /** Operations that are refused, by name, and the code of the refusal. */
  readonly refused = new Map<string, string>();
  readonly #held = new Map<string, Promise<void>>();
  readonly #schema: GraphQLSchema = buildSchema(readFileSync(SDL, 'utf8'));
  readonly #broadcast: ScriptedBroadcast | null;
  readonly #answers = new Map<string, unknown>();
  #server: Server | null = null;
  #sockets: WebSocketServer | null = null;
  #port = 0;

  constructor(broadcast: ScriptedBroadcast | null = null) {
    this.#broadcast = broadcast;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async up(): Promise<void> {
    const server = createServer((request, response) => void this.#answer(request, response));
    const sockets = new WebSocketServer({ server, path: '/graphql/ws' });
    useServer({
      schema: this.#schema,
      roots: { subscription: this.#roots() },
      context: () => ({ scopes: this.scopes }),
      onConnect: async ({ extra, connectionParams }) => {
        await this.#letGo('socket');
        return this.#knows(extra.request, connectionParams?.['authorization']);
      },
    }, sockets);
    await new Promise<void>((resolve) => { server.listen(this.#port, '127.0.0.1', resolve); });
    this.#port = (server.address() as AddressInfo).port;
    this.channels.origin = this.origin;
    this.#server = server;
    this.#sockets = sockets;
  }

  /** The platform is gone: nothing answers, sockets break. */
  down(): void {
    for (const socket of this.#sockets?.clients ?? []) socket.terminate();
    this.#server?.close();
    this.#server?.closeAllConnections();
    this.#server = null;
  }

  /** The sockets break, and that alone. */
  cut(): void {
    for (const socket of this.#sockets?.clients ?? []) socket.terminate();
  }

  /** The next answer to an operation is made, and not sent before what this answers is called; so is a `socket` not opened. */
  hold(operation: string): () => void {
    let letGo = () => {};
    this.#held.set(operation, new Promise((resolve) => { letGo = resolve; }));
    return () => letGo();
  }

  #letGo(operation: string): Promise<void> | undefined {
    const held = this.#held.get(operation);
    this.#held.delete(operation);
    return held;
  }

  #roots(): Record<string, object> {
    const identity = () => ({ name: 'admin', kind: 'ADMIN', tokenId: null, scopes: this.scopes, channelIds: null, expiresAt: null, project: { id: 'pr_default', name: 'default', createdAt: '2026-01-01T00:00:00.000Z' } });
    return { me: identity, ...this.channels.root, ...this.root };
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname: path } = new URL(request.url ?? '/', 'http://platform');
    const [, room = '', name, file] = path.split('/');
    if (request.method === 'POST') {
      const body = await bodyOf(request);
      if (path === '/graphql') return this.#graphql(request, response, body);
      if (path === '/auth/sign-in') {
        if ((JSON.parse(body) as { token?: string }).token !== TOKEN) return refuse(response, 'UNAUTHENTICATED', 401);
        response.setHeader('set-cookie', `${COOKIE}; Path=/; HttpOnly; SameSite=Strict`);
        return void response.writeHead(204).end();
      }
      if (path === '/auth/sign-out') {
        response.setHeader('set-cookie', 'sigma_session=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0');
        return void response.writeHead(204).end();
      }
    }
    if (path === '/public/live') {
      const live = this.channels.sessions.filter(({ state }) => state === 'LIVE');
      const channels = live.map((session) => ({ name: this.channels.channels.find(({ id }) => id === session.channel)?.name ?? '', watchUrl: `${this.origin}/watch/pb_${session.channel.slice(3)}`, liveAt: session.liveAt }));
      return send(response, '.json', JSON.stringify({ channels, rtmpUrl: 'rtmp://studio.example:1935/live', adminToken: this.adminToken }));
    }
    if (room === 'preview' || room === 'live') {
      return this.#broadcast?.onAir === true ? send(response, '.m3u8', this.#broadcast.multivariant('../../media')) : refuse(response, 'NOT_ON_AIR');
    }
    if (room === 'vod' && this.#broadcast !== null && file !== 'index.m3u8') return this.recordings.answer(name ?? '', file ?? '', this.#broadcast, response);
    if (room === 'vod' && this.#broadcast !== null) return send(response, '.m3u8', this.#broadcast.multivariant('../../media', RECORDING));
    if (room === 'media' && file !== undefined && this.#broadcast !== null && name === this.#broadcast.folder) {
      if (file === RECORDING) return send(response, '.m3u8', this.#broadcast.recording(RECORDED_S));
      return file === 'index.m3u8' ? send(response, '.m3u8', this.#broadcast.playlist()) : send(response, extname(file), this.#broadcast.file(file));
    }
    if (path === '/graphql') return sendPage(response, 'explorer.html');
    if (ROOMS.has(room)) return sendPage(response, 'index.html');
    if (!sendAsset(response, path)) refuse(response, 'NOT_FOUND');
  }

  /** By the token where there is one, else by the cookie. */
  #knows({ headers }: IncomingMessage, authorization: unknown): boolean {
    return this.valid && (authorization === undefined ? headers.cookie?.includes(COOKIE) === true : authorization === `Bearer ${TOKEN}`);
  }

  async #graphql(request: IncomingMessage, response: ServerResponse, body: string): Promise<void> {
    const { query, variables, operationName } = JSON.parse(body) as { query: string; variables?: Record<string, unknown>; operationName?: string };
    if (this.slow > 0) await new Promise((resolve) => { setTimeout(resolve, this.slow); });
    const key = request.headers['idempotency-key'];
    const told = typeof key === 'string' ? this.#answers.get(key) : undefined;
    if (told !== undefined) return send(response, '.json', JSON.stringify(told));
    const signedIn = this.#knows(request, request.headers.authorization);
    const refusal = this.refused.get(operationName ?? '');
    const answer = refusal !== undefined ? { errors: [fault(refusal, 'not now')] } : signedIn
      ? await graphql({ schema: this.#schema, source: query, rootValue: this.#roots(), contextValue: { scopes: this.scopes }, variableValues: variables ?? null, operationName: operationName ?? null })
      : { errors: [fault('UNAUTHENTICATED', 'this needs a token')] };
    this.asked.push(operationName ?? '');
    await this.#letGo(operationName ?? '');
    if (typeof key === 'string') this.#answers.set(key, answer);
    send(response, '.json', JSON.stringify(answer));
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
