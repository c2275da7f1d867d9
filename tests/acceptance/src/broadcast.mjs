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
export function clip(seconds = 420) {
  return made(`360p30-g30-${seconds}s.flv`, {
    picture: `testsrc2=size=640x360:rate=30:duration=${seconds}`, sound: `sine=frequency=440:sample_rate=48000:duration=${seconds}`, kilobits: 600,
  });
}

/** The same with no two access units alike, so that each is told by its hash: the picture counts, the tone rises. */
export function distinctClip(seconds, { size = '640x360', kilobits = 600, begins = 0 } = {}) {
  return made(`distinct-${size}-${kilobits}k-${begins}-${seconds}s.flv`, {
    picture: `testsrc2=size=${size}:rate=30:duration=${seconds}`,
    sound: `aevalsrc=0.4*sin(2*PI*(200+${begins}+t)*t)+0.02*random(0):sample_rate=48000:duration=${seconds}`, kilobits,
  });
}

async function made(name, { picture, sound, kilobits }) {
  const folder = join(tmpdir(), 'sigma-acceptance-media');
  const file = join(folder, name);
  if (existsSync(file)) return file;
  mkdirSync(folder, { recursive: true });
  const draft = join(folder, `draft-${process.pid}.flv`);
  await run('ffmpeg', [
    ...QUIET, '-y', '-f', 'lavfi', '-i', picture, '-f', 'lavfi', '-i', sound,
    '-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-pix_fmt', 'yuv420p', '-g', '30', '-keyint_min', '30', '-sc_threshold', '0',
    '-b:v', `${kilobits}k`, '-maxrate', `${kilobits}k`, '-bufsize', `${kilobits}k`, '-c:a', 'aac', '-b:a', '96k', '-ac', '2', draft,
  ]);
  renameSync(draft, file);
  return file;
}

/** Feeds a clip in real time: over and over, or once. */
export function feed(file, url, { once = false } = {}) {
  const repeated = once ? [] : ['-stream_loop', '-1'];
  return new Program('nice', ['-n', process.env.SIGMA_FEEDER_NICE ?? '0', 'ffmpeg', ...QUIET, '-re', ...repeated, '-i', file, '-c', 'copy', ...FLV, url]);
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
