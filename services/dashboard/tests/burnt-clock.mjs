#!/usr/bin/env node
// A clock burnt into the picture, to measure from glass to glass.
//
// Along the top stands a strip of 32 columns and two rows of blocks. The upper row is the time of drawing in milliseconds since
// the Unix epoch, modulo 2^32, most significant bit on the left, white for one; the lower row is its negative. A column whose
// two blocks do not differ clearly makes the reading void, so that a torn, faded or foreign picture is never taken for a time.
//
// The time is the wall clock at the moment a frame passes the filter (setpts RTCTIME), not the frame's timestamp: an encoder
// that starts late or bursts ahead cannot flatter the figure.
//
//   node burnt-clock.mjs --width 1280 --rate 30          prints the text for ffmpeg's -vf
//   node burnt-clock.mjs --args --seconds 60 …           prints, one a line, ffmpeg's arguments up to the output

/** Columns of the strip: bits of the time. */
export const BITS = 32;
/** Upper and lower row must differ by this much of 255. */
export const CLEAR = 90;
const WRAP = 2 ** BITS;

/**
 * Height of the whole strip for a picture's width: blocks as wide as the picture allows, not much higher than needed.
 * @param {number} width
 */
export function stripHeight(width) {
  return Math.max(8, Math.round(width / BITS / 4) * 8);
}

/**
 * Text for `-vf`. The frames come out numbered at `rate`, from 0.
 * @param {{width: number, rate: number | string}} picture `rate` in frames a second, also as a fraction ("30000/1001")
 */
export function clockFilter({ width, rate }) {
  const [numerator = '30', denominator = '1'] = String(rate).split('/');
  const bit = `mod(floor(mod(floor(T*1000+0.5),${WRAP})/pow(2,${BITS - 1}-X))+Y,2)`;
  return [
    `settb=1/1000,setpts=RTCTIME/1000,split[sigma_picture][sigma_strip]`,
    // Only 64 points are computed for a frame; the scaler makes blocks of them.
    `[sigma_strip]crop=${BITS}:2:0:0,geq=lum='16+219*${bit}':cb=128:cr=128,scale=${width}:${stripHeight(width)}:flags=neighbor[sigma_clock]`,
    `[sigma_picture][sigma_clock]overlay=0:0,settb=${denominator}/${numerator},setpts=N`,
  ].join(';');
}

/**
 * ffmpeg's arguments for a test broadcast with the clock and a tone, encoded for low delay: all but the output.
 * @param {{width?: number, height?: number, rate?: number, gopSeconds?: number, seconds?: number, bitrate?: string}} [options]
 * @returns {string[]}
 */
export function broadcastArguments({ width = 1280, height = 720, rate = 30, gopSeconds = 1, seconds, bitrate = '2500k' } = {}) {
  return [
    '-hide_banner', '-loglevel', 'warning', '-nostdin',
    '-re', '-f', 'lavfi', '-i', `testsrc2=size=${width}x${height}:rate=${rate}`,
    '-re', '-f', 'lavfi', '-i', 'sine=frequency=330:sample_rate=48000',
    ...(seconds === undefined ? [] : ['-t', String(seconds)]),
    '-vf', `${clockFilter({ width, rate })},format=yuv420p`,
    '-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-threads', '1', '-b:v', bitrate, '-maxrate', bitrate, '-bufsize', bitrate,
    '-g', String(Math.round(rate * gopSeconds)), '-keyint_min', String(Math.round(rate * gopSeconds)), '-sc_threshold', '0', '-bf', '0',
    '-c:a', 'aac', '-b:a', '96k',
  ];
}

/**
 * Reads the strip: the brightness of the two rows, a value for each column.
 * @param {ArrayLike<number>} upper
 * @param {ArrayLike<number>} lower
 * @returns {number | null} milliseconds since the epoch modulo 2^32
 */
export function decodeRows(upper, lower) {
  let value = 0;
  for (let column = 0; column < BITS; column += 1) {
    const difference = upper[column] - lower[column];
    if (Math.abs(difference) < CLEAR) return null;
    value = value * 2 + (difference > 0 ? 1 : 0);
  }
  return value;
}

/**
 * The full time nearest to `now` whose low 32 bits are these.
 * @param {number} low
 * @param {number} now milliseconds since the epoch
 */
export function nearest(low, now) {
  const base = Math.floor(now / WRAP) * WRAP + low;
  return [base - WRAP, base, base + WRAP].reduce((best, at) => (Math.abs(at - now) < Math.abs(best - now) ? at : best));
}

/**
 * Reads the clock out of RGBA pixels of the strip alone (the picture's top `stripHeight` rows, at any scale).
 * @param {{data: ArrayLike<number>, width: number, height: number}} strip
 * @param {number} now
 * @returns {number | null} milliseconds since the epoch
 */
export function readStrip({ data, width, height }, now) {
  const brightness = (x, y) => {
    const at = (Math.floor(y) * width + Math.floor(x)) * 4;
    return 0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2];
  };
  const columns = Array.from({ length: BITS }, (_, column) => ((column + 0.5) * width) / BITS);
  const low = decodeRows(columns.map((x) => brightness(x, height * 0.25)), columns.map((x) => brightness(x, height * 0.75)));
  return low === null ? null : nearest(low, now);
}

if (process.argv[1] !== undefined && import.meta.url === new URL(process.argv[1], 'file:').href) {
  const option = (name, otherwise) => {
    const at = process.argv.indexOf(`--${name}`);
    return at === -1 ? otherwise : process.argv[at + 1];
  };
  const width = Number(option('width', 1280));
  const rate = option('rate', '30');
  if (process.argv.includes('--args')) {
    const seconds = option('seconds', undefined);
    const list = broadcastArguments({
      width, rate: Number(rate), height: Number(option('height', 720)), gopSeconds: Number(option('gop', 1)), bitrate: option('bitrate', '2500k'),
      ...(seconds === undefined ? {} : { seconds: Number(seconds) }),
    });
    console.log(list.join('\n'));
  } else {
    console.log(clockFilter({ width, rate }));
  }
}
