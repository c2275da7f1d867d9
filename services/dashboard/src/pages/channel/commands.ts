import type { LatencyMode } from '../../api/generated';

export type Encoder = 'obs' | 'ffmpeg' | 'gstreamer';
export const ENCODERS: readonly Encoder[] = ['obs', 'ffmpeg', 'gstreamer'];
export const ENCODER_NAMES: Record<Encoder, string> = { obs: 'OBS', ffmpeg: 'ffmpeg', gstreamer: 'GStreamer' };

/** How a command has the key: from the variable SIGMA_KEY, or in it. */
export type Key = { readonly variable: true } | { readonly text: string };

/** Key frames this far apart, in seconds: viewers join at them, and the low modes cut at them. */
export const keyFrameSeconds = (mode: LatencyMode): number => (mode === 'ULTRA_LOW' ? 1 : 2);
const RATE = 30;

/** A word that the shell takes as it is: in double quotes where the variable has to be seen. */
function quoted(server: string, key: Key): string {
  return 'text' in key ? `'${`${server}/${key.text}`.replaceAll("'", `'\\''`)}'` : `"${server}/$SIGMA_KEY"`;
}

/** A file sent as if it were live, again and again. */
export function ffmpegCommand(server: string, key: Key, mode: LatencyMode): string {
  const frames = keyFrameSeconds(mode) * RATE;
  return [
    'ffmpeg -re -stream_loop -1 -i input.mp4 \\',
    `  -c:v libx264 -preset veryfast -tune zerolatency -pix_fmt yuv420p -r ${RATE} -g ${frames} \\`,
    '  -b:v 4500k -maxrate 4500k -bufsize 4500k \\',
    '  -c:a aac -b:a 160k -ar 48000 \\',
    `  -f flv ${quoted(server, key)}`,
  ].join('\n');
}

/** A test picture with a tone. */
export function gstreamerCommand(server: string, key: Key, mode: LatencyMode): string {
  const frames = keyFrameSeconds(mode) * RATE;
  return [
    'gst-launch-1.0 -e \\',
    `  videotestsrc is-live=true ! video/x-raw,width=1280,height=720,framerate=${RATE}/1 \\`,
    `    ! x264enc bitrate=4500 tune=zerolatency speed-preset=veryfast key-int-max=${frames} ! h264parse ! mux. \\`,
    '  audiotestsrc is-live=true ! audio/x-raw,rate=48000,channels=2 \\',
    '    ! audioconvert ! avenc_aac bitrate=160000 ! aacparse ! mux. \\',
    `  flvmux name=mux streamable=true ! rtmp2sink location=${quoted(server, key)}`,
  ].join('\n');
}
