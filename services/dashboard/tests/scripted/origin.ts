import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname } from 'node:path';
import { ScriptedBroadcast } from './broadcast';
import { refuse, send, sendAsset, sendPage } from './pages';

const REWIND = 'dvr.m3u8';
const RECORDING = 'vod.m3u8';

/** How long the recording is. */
export const RECORDED_S = 60;

/** Serves the built player pages, one channel (`demo`) whose life is written by the test, and a recording of it (`tape`). */
export class ScriptedOrigin {
  readonly broadcast: ScriptedBroadcast;
  /** What is done with a segment that is asked for, where that is something else than to send it: the status of a refusal. */
  media: (segment: number) => number | null = () => null;
  /** There are preview pictures. */
  hasPictures = true;
  /** It has no time to make pictures. */
  busy = false;
  /** The channel's earlier broadcasts, newest first. */
  replays: readonly object[] = [];
  /** Pictures, chapters and lists asked for, in order. */
  readonly looks: string[] = [];
  /** It has no playlist of a session, as a server that has not found its sessions again. */
  forgets = false;
  /** Media playlists asked for, in order. */
  readonly playlists: string[] = [];
  /** Segments asked for, in order. */
  readonly asked: number[] = [];
  #server: Server | null = null;
  #port = 0;

  constructor(segments?: number) {
    this.broadcast = new ScriptedBroadcast(segments);
  }

  get origin(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async up(): Promise<void> {
    const server = createServer((request, response) => this.#answer(new URL(request.url ?? '/', 'http://origin').pathname, response));
    await new Promise<void>((resolve) => { server.listen(this.#port, '127.0.0.1', resolve); });
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  down(): void {
    this.#server?.close();
    this.#server?.closeAllConnections();
    this.#server = null;
  }

  close(): void {
    this.down();
    this.broadcast.close();
  }

  #answer(path: string, response: ServerResponse): void {
    const [, room, name, file] = path.split('/');
    const { broadcast } = this;
    if (room === 'watch' || room === 'embed' || room === 'replay') return sendPage(response, `${room}.html`);
    if (path === '/public/live') {
      const channels = broadcast.onAir ? [{ name: 'Harbour camera', watchUrl: `${this.origin}/watch/demo`, liveAt: new Date(broadcast.since).toISOString() }] : [];
      return send(response, '.json', JSON.stringify({ channels, rtmpUrl: 'rtmp://push.example:1935/live', adminToken: null }));
    }
    if (room === 'live' && name === 'demo' && file === 'replays.json') return send(response, '.json', JSON.stringify(this.replays));
    if ((room === 'live' && name === 'demo' && broadcast.onAir || room === 'vod' && name === 'tape') && /\.(vtt|jpg)$/.test(file ?? '')) return this.#pictures(room, file ?? '', response);
    if (room === 'live' && name === 'demo' && broadcast.onAir) {
      return send(response, '.m3u8', broadcast.multivariant('../../media', file === REWIND && broadcast.rewind > 0 ? REWIND : 'index.m3u8'));
    }
    if (room === 'vod' && name === 'tape') return send(response, '.m3u8', broadcast.multivariant('../../media', RECORDING));
    if (room === 'vod') return refuse(response, 'NOT_FOUND');
    if (room === 'live') return refuse(response, name === 'demo' ? 'NOT_ON_AIR' : 'NOT_FOUND');
    if (room === 'media' && this.forgets && file?.endsWith('.m3u8') === true) return refuse(response, 'NOT_FOUND');
    if (room === 'media' && name === broadcast.folder && file !== undefined) {
      if (file.endsWith('.m3u8')) this.playlists.push(file);
      if (file === 'index.m3u8') return send(response, '.m3u8', broadcast.playlist());
      if (file === REWIND) return send(response, '.m3u8', broadcast.playlist(broadcast.rewind));
      if (file === RECORDING) return send(response, '.m3u8', broadcast.recording(RECORDED_S));
      return this.#media(file, response);
    }
    if (!sendAsset(response, path)) refuse(response, 'NOT_FOUND');
  }

  #pictures(room: string, file: string, response: ServerResponse): void {
    this.looks.push(`${room} ${file}`);
    if (file === 'chapters.vtt') return send(response, '.vtt', 'WEBVTT\n\n00:00.000 --> 00:25.000\nThe harbour wakes\n\n00:25.000 --> 01:00.000\nAfter a break of 4 min\n');
    if (!this.hasPictures) return refuse(response, 'NOT_FOUND');
    if (file.startsWith('sheet') && this.busy) return refuse(response, 'UNAVAILABLE', 503);
    if (file.endsWith('.jpg')) return send(response, '.jpg', this.broadcast.jpeg(file === 'thumbnail.jpg' ? 'thumbnail' : 'sheet'));
    send(response, '.vtt', room === 'vod' ? this.broadcast.storyboard(RECORDED_S) : this.broadcast.storyboard(Math.floor((Date.now() - this.broadcast.since) / 1000) + 4, new Date(this.broadcast.since - 4_000)));
  }

  #media(file: string, response: ServerResponse): void {
    const bytes = this.broadcast.file(file);
    const segment = Number.parseInt(file, 10);
    if (Number.isNaN(segment)) return send(response, extname(file), bytes);
    this.asked.push(segment);
    const status = this.media(segment);
    if (status === null) return send(response, extname(file), bytes);
    refuse(response, status < 500 ? 'NOT_FOUND' : 'UNAVAILABLE', status);
  }
}
