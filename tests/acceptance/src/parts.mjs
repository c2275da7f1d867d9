// A viewer who keeps every part that was listed to him, to hold what is recorded against it.
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from './process.mjs';
import { watch } from './viewer.mjs';

/** Follows the channel. `end` waits for the end of the playlist and answers the files, one for each init section, in order. */
export async function keepParts(channel) {
  const folder = temporaryFolder('parts');
  const viewer = await watch(channel);
  const streams = new Map();
  viewer.onInit = (map, bytes) => {
    const file = join(folder, `${streams.size}.mp4`);
    const stream = createWriteStream(file);
    streams.set(map, { file, stream });
    stream.write(bytes);
  };
  viewer.onPart = (bytes, map) => streams.get(map).stream.write(bytes);
  const end = async () => {
    await viewer.following;
    await Promise.all([...streams.values()].map(({ stream }) => new Promise((resolve) => { stream.end(resolve); })));
    return [...streams.values()].map(({ file }) => file);
  };
  return { viewer, end };
}
