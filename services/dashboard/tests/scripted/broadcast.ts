import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const WINDOW = 6;

/** A broadcast whose life is written by the test: a plain live playlist of 1 s segments that were made beforehand, one more each second. */
export class ScriptedBroadcast {
  /** So many seconds can its viewers go back; 0: they cannot. */
  rewind = 0;
  readonly #media = mkdtempSync(join(tmpdir(), 'sigma-pages-'));
  #session = 0;
  #since = 0;
  #ended = true;
  #endedWith = 0;
  #gapFrom: number | null = null;
  #gapTo: number | null = null;

  /** At most so many segments are sent. */
  readonly #segments: number;

  constructor(segments = 90) {
    this.#segments = segments;
    const made = spawnSync('ffmpeg', ['-v', 'error', '-nostdin', '-f', 'lavfi', '-i', 'testsrc2=size=320x180:rate=15', '-f', 'lavfi', '-i', 'sine=frequency=330:sample_rate=48000', '-t', String(segments),
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

  /** A new session goes on air, or was on air for so many seconds when anybody looks. */
  begin(before = 0): void {
    this.#session += 1;
    this.#since = Date.now() - before * 1000;
    this.#ended = false;
    this.#gapFrom = this.#gapTo = null;
  }

  /** From now on the newest media are gaps. */
  lose(): void {
    this.#gapFrom = this.#listed();
    this.#gapTo = null;
  }

  /** The broadcaster was away from one second of the session to another. */
  wasAway(from: number, to: number): void {
    [this.#gapFrom, this.#gapTo] = [from, to];
  }

  recover(): void {
    this.#gapTo = this.#listed();
  }

  end(): void {
    this.#ended = true;
    this.#endedWith = this.#listed();
  }

  /** The multivariant playlist of the session on air; its media playlist `name` is under `media`. */
  multivariant(media: string, name = 'index.m3u8'): string {
    return `#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-STREAM-INF:BANDWIDTH=250000,CODECS="avc1.42c00c,mp4a.40.2",RESOLUTION=320x180,FRAME-RATE=15.000\n${media}/${this.folder}/${name}\n`;
  }

  playlist(window = WINDOW): string {
    const last = this.#ended ? this.#endedWith : this.#listed();
    const first = Math.max(0, last - window);
    const lines = ['#EXTM3U', '#EXT-X-VERSION:7', '#EXT-X-TARGETDURATION:1', `#EXT-X-MEDIA-SEQUENCE:${first}`, '#EXT-X-MAP:URI="init.mp4"',
      `#EXT-X-PROGRAM-DATE-TIME:${new Date(this.#since + (first - 4) * 1000).toISOString()}`];
    for (let segment = first; segment < last; segment += 1) {
      if (this.#gapFrom !== null && segment >= this.#gapFrom && (this.#gapTo === null || segment < this.#gapTo)) lines.push('#EXT-X-GAP');
      lines.push('#EXTINF:1.0,', `${segment}.m4s`);
    }
    if (this.#ended) lines.push('#EXT-X-ENDLIST');
    return `${lines.join('\n')}\n`;
  }

  /** The first so many seconds of what was sent, as a recording. */
  recording(seconds: number): string {
    const segments = Array.from({ length: seconds }, (_, segment) => `#EXTINF:1.0,\n${segment}.m4s\n`);
    return `#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:1\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-MAP:URI="init.mp4"\n#EXT-X-PROGRAM-DATE-TIME:2026-11-20T18:30:00.000Z\n${segments.join('')}#EXT-X-ENDLIST\n`;
  }

  /** Preview pictures of so many seconds, one each five, for cues that count from `from` where it is on air. */
  storyboard(seconds: number, from: Date | null = null): string {
    const time = (at: number) => `00:${String(Math.floor(at / 60)).padStart(2, '0')}:${String(at % 60).padStart(2, '0')}.000`;
    const cues = Array.from({ length: Math.ceil(seconds / 5) }, (_, tile) => `${time(5 * tile)} --> ${time(5 * tile + 5)}\nsheet-${Math.floor(tile / 25)}.jpg#xywh=${160 * (tile % 5)},${90 * (Math.floor(tile / 5) % 5)},160,90\n`);
    return `WEBVTT\n\n${from === null ? '' : `NOTE from ${from.toISOString()}\n\n`}${cues.join('\n')}`;
  }

  /** A sheet of 25 pictures, or one picture. */
  jpeg(kind: 'sheet' | 'thumbnail'): Buffer {
    const file = join(this.#media, `${kind}.jpg`);
    if (!existsSync(file)) {
      const filter = kind === 'sheet' ? 'fps=1/5,scale=160:90,tile=5x5' : 'scale=320:180';
      const made = spawnSync('ffmpeg', ['-v', 'error', '-nostdin', '-f', 'lavfi', '-i', 'testsrc2=size=320x180:rate=15:duration=130', '-vf', filter, '-frames:v', '1', file]);
      if (made.status !== 0) throw new Error(`ffmpeg: ${made.stderr.toString()}`);
    }
    return readFileSync(file);
  }

  file(name: string): Buffer {
    return readFileSync(join(this.#media, name));
  }

  /** Segments listed so far; a session begins with four. */
  #listed(): number {
    return Math.min(this.#segments, 4 + Math.floor((Date.now() - this.#since) / 1000));
  }
}
