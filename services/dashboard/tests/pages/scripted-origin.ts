import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';

const DIST = new URL('../../dist/', import.meta.url);
/** As README.md has it. */
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; media-src 'self' blob:; connect-src 'self'; worker-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const TYPES: Record<string, string> = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.m3u8': 'application/vnd.apple.mpegurl', '.json': 'application/json' };
const SEGMENTS = 90;
const WINDOW = 6;

/**
 * Serves the built pages and one channel (`demo`) whose life is written by the test: a plain live playlist of 1 s segments that
 * were made beforehand, one more each second.
 */
export class ScriptedOrigin {
  readonly #media = mkdtempSync(join(tmpdir(), 'sigma-pages-'));
  #server: Server | null = null;
  #port = 0;
  #session = 0;
  #since = 0;
  #ended = true;
  #gapFrom: number | null = null;
  #gapTo: number | null = null;

  constructor() {
    const made = spawnSync('ffmpeg', ['-v', 'error', '-nostdin', '-f', 'lavfi', '-i', 'testsrc2=size=320x180:rate=15', '-f', 'lavfi', '-i', 'sine=frequency=330:sample_rate=48000', '-t', String(SEGMENTS),
      '-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-g', '15', '-sc_threshold', '0', '-b:v', '150k', '-c:a', 'aac', '-b:a', '48k',
      '-f', 'hls', '-hls_time', '1', '-hls_list_size', '0', '-hls_segment_type', 'fmp4', '-hls_fmp4_init_filename', 'init.mp4', '-hls_segment_filename', join(this.#media, '%d.m4s'), join(this.#media, 'all.m3u8')]);
    if (made.status !== 0) throw new Error(`ffmpeg: ${made.stderr.toString()}`);
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
    rmSync(this.#media, { recursive: true, force: true });
  }

  /** A new session goes on air. */
  begin(): void {
    this.#session += 1;
    this.#since = Date.now();
    this.#ended = false;
    this.#gapFrom = this.#gapTo = null;
  }

  /** From now on the newest media are gaps. */
  lose(): void {
    this.#gapFrom = this.#listed();
    this.#gapTo = null;
  }

  recover(): void {
    this.#gapTo = this.#listed();
  }

  end(): void {
    this.#ended = true;
    this.#endedWith = this.#listed();
  }

  #endedWith = 0;

  /** Segments listed so far; a session begins with four. */
  #listed(): number {
    return Math.min(SEGMENTS, 4 + Math.floor((Date.now() - this.#since) / 1000));
  }

  #playlist(): string {
    const last = this.#ended ? this.#endedWith : this.#listed();
    const first = Math.max(0, last - WINDOW);
    const lines = ['#EXTM3U', '#EXT-X-VERSION:7', '#EXT-X-TARGETDURATION:1', `#EXT-X-MEDIA-SEQUENCE:${first}`, '#EXT-X-MAP:URI="init.mp4"',
      `#EXT-X-PROGRAM-DATE-TIME:${new Date(this.#since + (first - 4) * 1000).toISOString()}`];
    for (let segment = first; segment < last; segment += 1) {
      if (this.#gapFrom !== null && segment >= this.#gapFrom && (this.#gapTo === null || segment < this.#gapTo)) lines.push('#EXT-X-GAP');
      lines.push('#EXTINF:1.0,', `${segment}.m4s`);
    }
    if (this.#ended) lines.push('#EXT-X-ENDLIST');
    return `${lines.join('\n')}\n`;
  }

  #answer(path: string, response: ServerResponse): void {
    const [, room, name, file] = path.split('/');
    if (path === '/' || room === 'watch' || room === 'embed') {
      response.setHeader('content-security-policy', POLICY);
      return this.#send(response, '.html', readFileSync(new URL(path === '/' ? 'index.html' : `${room}.html`, DIST)));
    }
    if (room === 'assets') return this.#send(response, extname(path), readFileSync(new URL(`assets/${name}`, DIST)));
    if (path === '/public/live') {
      const channels = this.#ended ? [] : [{ name: 'Harbour camera', watchUrl: `${this.origin}/watch/demo`, liveAt: new Date(this.#since).toISOString() }];
      return this.#send(response, '.json', JSON.stringify({ channels, rtmpUrl: 'rtmp://push.example:1935/live', adminToken: null }));
    }
    if (room === 'live' && name === 'demo' && !this.#ended) {
      return this.#send(response, '.m3u8', `#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-STREAM-INF:BANDWIDTH=250000,CODECS="avc1.42c00c,mp4a.40.2",RESOLUTION=320x180\n../../media/s${this.#session}/index.m3u8\n`);
    }
    if (room === 'live') return this.#refuse(response, name === 'demo' ? 'NOT_ON_AIR' : 'NOT_FOUND');
    if (room === 'media' && name === `s${this.#session}` && file !== undefined) {
      return file === 'index.m3u8' ? this.#send(response, '.m3u8', this.#playlist()) : this.#send(response, extname(file), readFileSync(join(this.#media, file)));
    }
    return this.#refuse(response, 'NOT_FOUND');
  }

  #send(response: ServerResponse, extension: string, body: string | Buffer): void {
    response.setHeader('content-type', TYPES[extension] ?? 'application/octet-stream');
    response.end(body);
  }

  #refuse(response: ServerResponse, code: string): void {
    response.statusCode = 404;
    this.#send(response, '.json', JSON.stringify({ error: { code, message: '', mend: '' } }));
  }
}
