// Access units as ffprobe finds them, each with its times and a hash of its bytes; and whether ffmpeg decodes all of them.
import { outcome } from './process.mjs';

/** The packets of a track (`v` or `a`) in order: times in milliseconds and a hash of the bytes. Throws where ffprobe complains. */
export async function packets(url, track) {
  const { code, stdout, stderr } = await outcome('ffprobe', ['-v', 'error', '-select_streams', track, '-show_packets', '-show_data_hash', 'MD5', '-show_entries', 'packet=pts_time,dts_time,data_hash', '-of', 'csv=p=0', url]);
  if (code !== 0 || stderr !== '') throw new Error(`ffprobe ${told(url)}: ${stderr.slice(0, 500)}`);
  // The side data of a packet stands between its times and its hash, on a line of its own.
  return [...stdout.matchAll(/^([\d.-]+),([\d.-]+),(?:[^M\n][^\n]*\n,)?(MD5:[0-9a-f]+)/gm)].map(([, pts, dts, hash]) => ({ pts: Number(pts) * 1000, dts: Number(dts) * 1000, hash }));
}

/** Decodes all of it; answers ffmpeg's complaints (none where all is well) and how many seconds came out. */
export async function decoded(url) {
  const { code, stdout, stderr } = await outcome('ffmpeg', ['-v', 'error', '-xerror', '-nostdin', '-progress', 'pipe:1', '-i', url, '-f', 'null', '-']);
  const last = stdout.split('\n').reverse().find((line) => line.startsWith('out_time_us='));
  const complaint = code === 0 && stderr === '' ? '' : `${told(url)}: exit ${code} ${stderr.replaceAll(url, told(url)).slice(0, 400)}`;
  return { complaint, seconds: Number(last?.slice('out_time_us='.length) ?? 0) / 1e6 };
}

/** An address without its token. */
function told(url) { return url.replace(/^https?:\/\/[^/]+/, '').replace(/\?.*$/, ''); }
