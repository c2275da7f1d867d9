// How far behind viewers are in LOW and NORMAL, and whether old players play all three modes.
import { clip, clockBroadcast, feed } from '../broadcast.mjs';
import { barePlayer, told } from '../measure.mjs';
import { Platform } from '../platform.mjs';
import { outcome, sleep } from '../process.mjs';

export const title = 'LOW and NORMAL: distance in hls.js (median over 60 s, joined 60 s after the start); ffprobe and GStreamer in all three modes';
const MODES = ['ULTRA_LOW', 'LOW', 'NORMAL'];
const BEHIND = { LOW: [8, 10], NORMAL: [20, 30] };
const GSTREAMER_SECONDS = 20;

async function ffprobe(piece, channel) {
  const { code, stdout, stderr } = await outcome('ffprobe', ['-v', 'error', '-show_entries', 'stream=codec_name,width,height', '-of', 'csv=p=0', channel.playlist], { withinMs: 60_000 });
  piece.rule(`${channel.name}: ffprobe reads it`, code === 0 && stdout.includes('h264,640,360') && stdout.includes('aac') && stderr.trim() === '', `${stdout.trim().replaceAll('\n', ' ')} ${stderr.trim().slice(0, 300)}`);
  // And plays: ten seconds of both tracks are decoded without a word of complaint.
  const played = await outcome('ffmpeg', ['-v', 'warning', '-nostdin', '-i', channel.playlist, '-t', '10', '-f', 'null', '-'], { withinMs: 90_000 });
  piece.rule(`${channel.name}: ffmpeg decodes 10 s`, played.code === 0, `${played.ms} ms; ${played.stderr.trim().slice(0, 300) || 'no warning'}`);
}

async function gstreamer(piece, channel) {
  const { code, stdout, stderr } = await outcome('timeout', ['--signal=INT', '--kill-after=5', String(GSTREAMER_SECONDS), 'gst-launch-1.0', '-v', '-e', 'playbin3', `uri=${channel.playlist}`,
    'video-sink=fakesink name=v sync=true silent=true', 'audio-sink=fakesink name=a sync=true silent=true'], { withinMs: (GSTREAMER_SECONDS + 20) * 1000 });
  const caps = (kind) => new RegExp(`caps = ${kind}/x-raw`).test(stdout);
  const faults = `${stdout}\n${stderr}`.split('\n').filter((line) => /ERROR/.test(line)).slice(0, 3);
  const playing = /PLAYING/.test(stdout);
  piece.rule(`${channel.name}: playbin3 decodes both tracks for ${GSTREAMER_SECONDS} s`, playing && caps('video') && caps('audio') && faults.length === 0, `exit ${code}, video ${caps('video')}, audio ${caps('audio')} ${faults.join(' ')}`);
}

export async function run(piece) {
  const platform = await Platform.start();
  const channels = await Promise.all(MODES.map((latencyMode) => platform.channel(latencyMode, { latencyMode })));
  const [ultra, ...slow] = channels;
  const encoder = clockBroadcast(slow.map(({ push }) => push), { width: 640, height: 360, rate: 30, gopSeconds: 1, bitrate: '700k' });
  const other = feed(await clip(), ultra.push);
  await Promise.all(channels.map((channel) => platform.whenPlayable(channel)));
  const began = Date.now();
  for (const channel of channels) await ffprobe(piece, channel);
  await sleep(Math.max(0, 60_000 - (Date.now() - began)));
  const seen = await Promise.all(slow.map((channel) => barePlayer(channel.playlist, 'hls', { seconds: 62, warmup: 2 })));
  for (const [index, channel] of slow.entries()) {
    const [least, most] = BEHIND[channel.name];
    const median = (seen[index].glassToGlass?.p50Ms ?? NaN) / 1000;
    piece.rule(`${channel.name}: hls.js plays`, seen[index].firstPictureMs !== null, told(seen[index]));
    piece.rule(`${channel.name}: ${least}–${most} s behind`, median >= least && median <= most, `median ${median.toFixed(1)} s from glass to glass; by the playlist's dates ${((seen[index].latency?.p50Ms ?? NaN) / 1000).toFixed(1)} s`);
    piece.aim(`${channel.name}: no stall`, seen[index].stalls === 0, `${seen[index].stalls} stalls`);
  }
  for (const channel of channels) await gstreamer(piece, channel);
  piece.rule('the encoders ran through', encoder.isRunning && other.isRunning, `${encoder.words}${other.words}`.slice(-300));
}
