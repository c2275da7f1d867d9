// Broadcasters: ffmpeg, with clips that are encoded once and fed as they are.
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { broadcastArguments } from '../../../services/dashboard/tests/burnt-clock.mjs';
import { Program, run } from './process.mjs';

const QUIET = ['-hide_banner', '-loglevel', 'warning', '-nostdin'];
/** An RTMP output; ffmpeg would like to seek back and write the duration. */
const FLV = ['-f', 'flv', '-flvflags', 'no_duration_filesize'];

/** An H.264 and AAC clip, 640x360, 30 frames a second, a key frame a second; made when it is not there yet. */
export async function clip(seconds = 420) {
  const folder = join(tmpdir(), 'sigma-acceptance-media');
  const file = join(folder, `360p30-g30-${seconds}s.flv`);
  if (existsSync(file)) return file;
  mkdirSync(folder, { recursive: true });
  const draft = join(folder, `draft-${process.pid}.flv`);
  await run('ffmpeg', [
    ...QUIET, '-y', '-f', 'lavfi', '-i', `testsrc2=size=640x360:rate=30:duration=${seconds}`,
    '-f', 'lavfi', '-i', `sine=frequency=440:sample_rate=48000:duration=${seconds}`,
    '-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-pix_fmt', 'yuv420p', '-g', '30', '-keyint_min', '30', '-sc_threshold', '0',
    '-b:v', '600k', '-maxrate', '600k', '-bufsize', '600k', '-c:a', 'aac', '-b:a', '96k', '-ac', '2', draft,
  ]);
  renameSync(draft, file);
  return file;
}

/** Feeds a clip over and over in real time. */
export function feed(file, url) {
  return new Program('nice', ['-n', process.env.SIGMA_FEEDER_NICE ?? '0', 'ffmpeg', ...QUIET, '-re', '-stream_loop', '-1', '-i', file, '-c', 'copy', ...FLV, url]);
}

/** A live encoder with the clock burnt into its picture; to one URL, or to several from one encoder. */
export function clockBroadcast(urls, options) {
  const args = broadcastArguments(options);
  if (urls.length === 1) return new Program('ffmpeg', [...args, ...FLV, urls[0]]);
  const outputs = urls.map((url) => `[f=flv:flvflags=no_duration_filesize]${url}`).join('|');
  return new Program('ffmpeg', [...args, '-flags', '+global_header', '-map', '0:v', '-map', '1:a', '-f', 'tee', outputs]);
}

/** An orderly stop, as by the button. */
export const stop = (program) => program.end('SIGINT');

/** Feeds a clip and, as encoders do, dials again a second after the connection broke. */
export class Redialling {
  constructor(file, url) {
    this.file = file;
    this.url = url;
    this.wanted = true;
    this.done = this.#keep();
  }

  async #keep() {
    while (this.wanted) {
      this.program = feed(this.file, this.url);
      this.dialledAt = Date.now();
      await this.program.ended;
      if (this.wanted) await new Promise((resolve) => { setTimeout(resolve, 1000); });
    }
  }

  /** The encoder stops in order and does not dial again. */
  async leave() {
    this.wanted = false;
    await this.program.end('SIGINT');
    await this.done;
  }

  /** The encoder is gone for good, without a word. */
  async crash() {
    this.wanted = false;
    await this.program.end('SIGKILL');
    await this.done;
  }
}
