// What is kept of a session, as its owner finds it, and all its media as a client of its playlist fetches it.
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { decoded, packets } from './packets.mjs';
import { parse } from './playlist.mjs';
import { eventually, temporaryFolder } from './process.mjs';

const FIELDS = 'id kind state failure durationSeconds gapsSeconds files bytes readyAt playbackUrl sourceUrls';

/** The assets of a session, by their kind; of clips there may be several. */
export async function assetsOf(platform, session) {
  const { assets } = await platform.graphql(`query($id: ID!) { assets(sessionId: $id, first: 100) { nodes { ${FIELDS} } } }`, { id: session.id });
  return assets.nodes;
}

/** Waits until source record and catchup of a session are ready; answers both. */
export function whenKept(platform, session, withinMs = 30_000) {
  return eventually('source record and catchup are ready', withinMs, async () => {
    const assets = await assetsOf(platform, session);
    const [source, catchup] = ['SOURCE', 'CATCHUP'].map((kind) => assets.find((asset) => asset.kind === kind && asset.state === 'READY'));
    return source && catchup ? { source, catchup } : undefined;
  }, 50);
}

/** Cuts a clip; `what` names `sessionId` or `assetId`, `from`, `to`. */
export async function clipOf(platform, what) {
  const began = Date.now();
  const { createClip } = await platform.graphql(`mutation($input: CreateClipInput!) { createClip(input: $input) { asset { ${FIELDS} } } }`, { input: what });
  return { ...createClip.asset, ms: Date.now() - began };
}

/** An address that only an owner may read. */
export const owned = (platform, url) => `${url}${url.includes('?') ? '&' : '?'}token=${platform.token}`;

/** Below the platform's own address, whatever it calls itself. */
export const here = (platform, url) => platform.url(new URL(url, 'http://here').pathname);

/**
 * All that a recording's playlist lists, fetched: a file for each format, its init section and its segments one after the other.
 * Answers the files in order and what could not be had.
 */
export async function fetched(url) {
  const [folder, files, wrong] = [temporaryFolder('fetched'), [], []];
  const get = async (address) => {
    const answer = await fetch(address);
    const bytes = Buffer.from(await answer.arrayBuffer());
    if (!answer.ok) wrong.push(`${new URL(address).pathname} answers ${answer.status}`);
    return answer.ok ? bytes : Buffer.alloc(0);
  };
  const master = (await get(url)).toString();
  const media = new URL(master.split('\n').find((line) => line !== '' && !line.startsWith('#')) ?? '', url);
  const playlist = parse((await get(media)).toString());
  let stream;
  for (const segment of playlist.segments.filter(({ gap }) => !gap)) {
    if (stream?.map !== segment.map) {
      if (stream) await stream.end();
      const path = join(folder, `${files.length}.mp4`);
      const file = createWriteStream(path);
      stream = { map: segment.map, write: (bytes) => file.write(bytes), end: () => new Promise((resolve) => { file.end(resolve); }) };
      files.push(path);
      stream.write(await get(new URL(segment.map, media)));
    }
    stream.write(await get(new URL(segment.uri, media)));
  }
  if (stream) await stream.end();
  return { files, wrong, playlist };
}

/** The access units of files one after the other, by track; and what ffmpeg says against them. */
export async function contents(files) {
  const found = { v: [], a: [], complaints: [], seconds: 0 };
  for (const file of files) {
    for (const track of ['v', 'a']) found[track].push(...await packets(file, track).catch((error) => { found.complaints.push(error.message); return []; }));
    const { complaint, seconds } = await decoded(file);
    if (complaint !== '') found.complaints.push(complaint);
    found.seconds += seconds;
  }
  return found;
}
