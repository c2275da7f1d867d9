// Decode times and durations out of fragmented MP4, to see whether a track goes on where it stopped.

function* boxes(bytes, from = 0, to = bytes.length) {
  for (let at = from; at + 8 <= to;) {
    let size = bytes.readUInt32BE(at);
    let head = 8;
    if (size === 1) { size = Number(bytes.readBigUInt64BE(at + 8)); head = 16; }
    if (size < head || at + size > to) throw new Error(`a box of ${size} bytes at ${at} of ${to}`);
    yield { type: bytes.toString('latin1', at + 4, at + 8), from: at + head, to: at + size };
    at += size;
  }
}

function* within(bytes, path, from, to) {
  const [type, ...rest] = path;
  for (const box of boxes(bytes, from, to)) {
    if (box.type !== type) continue;
    if (rest.length === 0) yield box;
    else yield* within(bytes, rest, box.from, box.to);
  }
}

/** Ticks a second of each track of an init section. */
export function timescales(init) {
  const found = new Map();
  for (const trak of within(init, ['moov', 'trak'])) {
    const [tkhd] = within(init, ['tkhd'], trak.from, trak.to);
    const [mdhd] = within(init, ['mdia', 'mdhd'], trak.from, trak.to);
    const track = init.readUInt32BE(tkhd.from + (init[tkhd.from] === 1 ? 20 : 12));
    found.set(track, init.readUInt32BE(mdhd.from + (init[mdhd.from] === 1 ? 20 : 12)));
  }
  return found;
}

/** For each fragment and track: first decode time, duration and count of its samples. */
export function fragments(bytes) {
  const found = [];
  for (const traf of within(bytes, ['moof', 'traf'])) {
    const [tfhd] = within(bytes, ['tfhd'], traf.from, traf.to);
    const [tfdt] = within(bytes, ['tfdt'], traf.from, traf.to);
    const flags = bytes.readUInt32BE(tfhd.from) & 0xffffff;
    const skipped = (flags & 1 ? 8 : 0) + (flags & 2 ? 4 : 0);
    const standard = flags & 8 ? bytes.readUInt32BE(tfhd.from + 8 + skipped) : 0;
    const start = bytes[tfdt.from] === 1 ? Number(bytes.readBigUInt64BE(tfdt.from + 4)) : bytes.readUInt32BE(tfdt.from + 4);
    let [duration, samples] = [0, 0];
    for (const trun of within(bytes, ['trun'], traf.from, traf.to)) {
      const has = bytes.readUInt32BE(trun.from) & 0xffffff;
      const count = bytes.readUInt32BE(trun.from + 4);
      const first = trun.from + 8 + (has & 1 ? 4 : 0) + (has & 4 ? 4 : 0);
      const width = [0x100, 0x200, 0x400, 0x800].filter((bit) => has & bit).length * 4;
      for (let sample = 0; sample < count; sample += 1) duration += has & 0x100 ? bytes.readUInt32BE(first + sample * width) : standard;
      samples += count;
    }
    found.push({ track: bytes.readUInt32BE(tfhd.from + 4), start, duration, samples });
  }
  return found;
}
