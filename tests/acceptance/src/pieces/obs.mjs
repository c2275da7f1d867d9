// Real OBS Studio, under Xvfb.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { barePlayer, told } from '../measure.mjs';
import { Platform } from '../platform.mjs';
import { Program } from '../process.mjs';
import { watch } from '../viewer.mjs';

export const title = 'real OBS broadcasts for 60 s';
const SCRIPT = process.env.SIGMA_TEST_OBS ?? fileURLToPath(new URL('../../../../../shared/tools/obs-broadcast.sh', import.meta.url));
const SECONDS = 75;

async function broadcast(piece, platform, what, options) {
  const channel = await platform.channel(what, { latencyMode: 'ULTRA_LOW', reconnectWindow: 10 });
  const [, address] = /^(rtmp:\/\/[^/]+\/live)\/(.+)$/.exec(channel.push) ?? [];
  const obs = new Program('bash', [SCRIPT, address, channel.key, String(SECONDS)], { env: { ...process.env, OBS_X264: options } });
  const session = await platform.whenState(channel, 'LIVE', 60_000);
  await platform.whenPlayable(channel);
  const viewer = await watch(channel);
  const seen = await barePlayer(channel.playlist, 'hls', { seconds: 40 });
  piece.rule(`${what}: the session is LIVE`, true, `${session.input.videoCodec} ${session.input.width}x${session.input.height} at ${session.input.frameRate}, ${session.input.audioCodec}; LIVE ${Date.parse(session.liveAt) - Date.parse(session.startedAt)} ms after the feed`);
  piece.rule(`${what}: it plays in hls.js`, seen.firstPictureMs !== null && seen.totalFrames > 500, told(seen));
  piece.aim(`${what}: no stall`, seen.stalls === 0, `${seen.stalls} stalls; by the playlist's dates ${seen.latency?.p50Ms} ms behind (median)`);
  // The script ends OBS by SIGTERM: its connection breaks, and gaps follow until the window is over.
  const gaps = viewer.gapSeconds + viewer.gapParts + viewer.discontinuities;
  await obs.ended;
  const ended = await platform.whenState(channel, 'ENDED', 90_000);
  piece.rule(`${what}: the playlist was without a fault`, viewer.faults.length === 0 && gaps === 0, viewer.faults.join('; ') || `${viewer.segments.size} segments; target duration ${viewer.playlist.targetDuration} s`);
  piece.figure(`${what}: its end`, ended.endReason);
  viewer.stop();
}

export async function run(piece) {
  if (!existsSync(SCRIPT) || !existsSync('/usr/bin/obs')) {
    piece.skip('OBS', 'apt-get install obs-studio obs-plugins xvfb xauth libgl1-mesa-dri dbus-x11, and SIGMA_TEST_OBS names obs-broadcast.sh');
    return;
  }
  const platform = await Platform.start();
  await broadcast(piece, platform, 'a key frame every 2 s', 'keyint=60');
  await broadcast(piece, platform, 'as it comes (250 frames)', '');
}
