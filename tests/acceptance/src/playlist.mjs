// A media playlist, as far as a light client reads it.

const attribute = (list, name) => new RegExp(`(?:^|,)${name}=(?:"([^"]*)"|([^,]*))`).exec(list)?.slice(1).find((found) => found !== undefined);

/** Reads a full media playlist. */
export function parse(text) {
  if (!text.startsWith('#EXTM3U')) throw new Error(`no playlist: ${text.slice(0, 200)}`);
  const playlist = { text, mediaSequence: 0, discontinuitySequence: 0, targetDuration: 0, segments: [], parts: [], ended: false, hint: undefined, hasParts: false };
  let next = { gap: false, discontinuity: false, parts: [], date: undefined };
  let map = '';
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    const [tag, value] = colon === -1 ? [line, ''] : [line.slice(0, colon), line.slice(colon + 1)];
    if (tag === '#EXT-X-MEDIA-SEQUENCE') playlist.mediaSequence = Number(value);
    else if (tag === '#EXT-X-DISCONTINUITY-SEQUENCE') playlist.discontinuitySequence = Number(value);
    else if (tag === '#EXT-X-TARGETDURATION') playlist.targetDuration = Number(value);
    else if (tag === '#EXT-X-PART-INF') playlist.hasParts = true;
    else if (tag === '#EXTINF') next.duration = Number(value.split(',')[0]);
    else if (tag === '#EXT-X-GAP') next.gap = true;
    else if (tag === '#EXT-X-DISCONTINUITY') next.discontinuity = true;
    else if (tag === '#EXT-X-PROGRAM-DATE-TIME') next.date = Date.parse(value);
    else if (tag === '#EXT-X-MAP') map = attribute(value, 'URI');
    else if (tag === '#EXT-X-PART') next.parts.push({ uri: attribute(value, 'URI'), duration: Number(attribute(value, 'DURATION')), gap: attribute(value, 'GAP') === 'YES' });
    else if (tag === '#EXT-X-PRELOAD-HINT') playlist.hint = attribute(value, 'URI');
    else if (tag === '#EXT-X-ENDLIST') playlist.ended = true;
    else if (line !== '' && !line.startsWith('#')) {
      playlist.segments.push({ msn: playlist.mediaSequence + playlist.segments.length, uri: line, map, ...next });
      next = { gap: false, discontinuity: false, parts: [], date: undefined };
    }
  }
  // Parts of the segment under way.
  playlist.open = { msn: playlist.mediaSequence + playlist.segments.length, uri: undefined, map, ...next };
  return playlist;
}
