import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const SEGMENTS = 90;
const WINDOW = 6;

/** A broadcast whose life is written by the test: a plain live playlist of 1 s segments that were made beforehand, one more each second. */
export class ScriptedBroadcast {
  readonly #media = mkdtempSync(join(tmpdir(), 'sigma-pages-'));
  #session = 0;
  #since = 0;
  #ended = true;
  #endedWith = 0;
  #gapFrom: number | null = null;
  #gapTo: number | null = null;

  constructor() {
    const made = spawnSync('ffmpeg', ['-v', 'error', '-nostdin', '-f', 'lavfi', '-i', 'testsrc2=size=320x180:rate=15', '-f', 'lavfi', '-i', 'sine=frequency=330:sample_rate=48000', '-t', String(SEGMENTS),
      '-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-g', '15', '-sc_threshold', '0', '-b:v', '150k', '-c:a', 'aac', '-b:a', '48k',
      '-f', 'hls', '-hls_time', '1', '-hls_list_size', '0', '-hls_segment_type', 'fmp4', '-hls_fmp4_init_filename', 'init.mp4', '-hls_segment_filename', join(this.#media, '%d.m4s'), join(this.#media, 'all.m3u8')]);
    if (made.status !== 0) throw new Error(`ffmpeg: ${made.stderr.toString()}`);
  }

  get onAir(): boolean {
    return !this.#ended;
  }

  /** When the session that is or was on air began, in milliseconds. */
  get since(): number {
    return this.#since;
  }

  /** The folder that the session's media are in. */
  get folder(): string {
    return `s${this.#session}`;
  }

  close(): void {
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

  /** The multivariant playlist of the session on air; media are under `media`. */
  multivariant(media: string): string {
    return `#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-STREAM-INF:BANDWIDTH=250000,CODECS="avc1.42c00c,mp4a.40.2",RESOLUTION=320x180\n${media}/${this.folder}/index.m3u8\n`;
  }

  playlist(): string {
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

  file(name: string): Buffer {
    return readFileSync(join(this.#media, name));
  }

  /** Segments listed so far; a session begins with four. */
  #listed(): number {
    return Math.min(SEGMENTS, 4 + Math.floor((Date.now() - this.#since) / 1000));
  }
}
