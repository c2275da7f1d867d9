// Every access unit that a real encoder sent comes out once, in order, and sound stays with the picture.
import { createWriteStream, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packets } from '../packets.mjs';
import { Platform } from '../platform.mjs';
import { eventually, Program, sleep, temporaryFolder } from '../process.mjs';
import { watch } from '../viewer.mjs';

const MINUTES = Number(process.env.SIGMA_MINUTES ?? 30);
export const title = `${MINUTES} minutes of a real encoder (x264 with B-frames, AAC): every access unit comes out once, sound stays with the picture`;

/** One encoder, two outputs: a file, and the RTMP door. */
function encoder(file, url) {
  return new Program('ffmpeg', [
    '-hide_banner', '-loglevel', 'warning', '-nostdin',
    '-re', '-f', 'lavfi', '-i', 'testsrc2=size=640x360:rate=30', '-re', '-f', 'lavfi', '-i', 'sine=frequency=440:sample_rate=48000:beep_factor=4',
    '-t', String(MINUTES * 60), '-map', '0:v', '-map', '1:a', '-pix_fmt', 'yuv420p', '-c:v', 'libx264', '-preset', 'superfast', '-bf', '2', '-g', '60', '-threads', '1',
    '-b:v', '700k', '-maxrate', '700k', '-bufsize', '1400k', '-c:a', 'aac', '-b:a', '96k', '-ac', '2', '-flags', '+global_header',
    '-f', 'tee', `[f=flv]${file}|[f=flv:flvflags=no_duration_filesize]${url}`,
  ]);
}

function compare(piece, what, sent, received) {
  let first = 0;
  while (first < sent.length && sent[first].hash !== received[0]?.hash) first += 1;
  const wrong = received.findIndex(({ hash }, index) => sent[first + index]?.hash !== hash);
  const whole = first === 0 && wrong === -1 && sent.length === received.length;
  piece.rule(`every ${what} access unit came out once, in order, byte for byte`, whole,
    `${sent.length} sent, ${received.length} came out${whole ? '' : `; the first that came out is number ${first}; ${wrong === -1 ? 'no difference' : `they differ from number ${first + wrong} on`}; ${sent.length - first - received.length} missing at the end`}`);
  return received.map(({ pts }, index) => pts - (sent[first + index]?.pts ?? NaN)).filter((shift) => !Number.isNaN(shift));
}

export async function run(piece) {
  const platform = await Platform.start();
  const channel = await platform.channel('thirty-minutes', { latencyMode: 'ULTRA_LOW' });
  const folder = temporaryFolder('broadcast');
  const [sentFile, receivedFile] = [join(folder, 'sent.flv'), join(folder, 'received.mp4')];
  const program = encoder(sentFile, channel.push);
  await platform.whenPlayable(channel);
  const viewer = await watch(channel);
  const received = createWriteStream(receivedFile);
  const maps = new Set();
  // The first segments were listed before the viewer joined: all of them are still in the window.
  const waiting = [];
  viewer.onSegment = (msn, bytes, map) => { maps.add(map); if (waiting.length === 0) waiting.push(msn); received.write(bytes); };
  viewer.onInit = (map, bytes) => { if (!maps.has(map)) received.write(bytes); maps.add(map); };
  const early = platform.usage();
  for (let minute = 0; program.isRunning; minute += 1) {
    if (minute % 5 === 0) piece.say(`${minute} minutes, ${viewer.segments.size} segments, ${viewer.faults.length} faults, ${platform.usage().megabytes} MB`);
    await Promise.race([sleep(60_000), program.ended]);
  }
  const code = await program.ended;
  const session = await platform.whenState(channel, 'ENDED', 20_000);
  await eventually('ENDLIST', 10_000, () => viewer.ended);
  await viewer.following;
  await new Promise((resolve) => { received.end(resolve); });
  const late = platform.usage();

  piece.rule('the encoder ran through', code === 0, `exit ${code} ${program.words.slice(-300)}`);
  piece.rule('one session, ended by its broadcaster', session.endReason === 'BROADCASTER_LEFT' && (await platform.sessions(channel)).length === 1, session.endReason);
  piece.rule('the playlist was without a fault, a gap or a discontinuity', viewer.faults.length === 0 && viewer.gapSeconds + viewer.gapParts + viewer.discontinuities === 0 && maps.size === 1,
    viewer.faults.join('; ') || `${viewer.segments.size} segments from number ${waiting[0]} on, worst seam ${viewer.seamsMs.toFixed(2)} ms, longest wait for a reload ${viewer.longestWaitMs} ms`);
  const video = compare(piece, 'video', await packets(sentFile, 'v'), await packets(receivedFile, 'v'));
  const audio = compare(piece, 'audio', await packets(sentFile, 'a'), await packets(receivedFile, 'a'));
  const [least, most] = [(list) => list.reduce((a, b) => Math.min(a, b), Infinity), (list) => list.reduce((a, b) => Math.max(a, b), -Infinity)];
  // How far the picture, and how far the sound, was moved in time: the offset between them is the difference.
  const offsets = [least(audio) - most(video), most(audio) - least(video)];
  piece.rule('A/V offset constant within 20 ms', offsets.every((offset) => Math.abs(offset) <= 20), `sound against picture moved by ${offsets[0].toFixed(1)} to ${offsets[1].toFixed(1)} ms`);
  piece.figure('cost', `${((late.seconds - early.seconds) / (MINUTES * 60) * 100).toFixed(1)} % of a core, ${early.megabytes} MB at first, ${late.megabytes} MB at the end`);
  if (process.env.SIGMA_KEEP) writeFileSync(join(folder, 'playlist.m3u8'), viewer.playlist.text);
}
