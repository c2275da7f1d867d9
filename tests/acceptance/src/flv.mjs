// FLV files, as the tags that they are: cut at a key frame, and joined where the format changes.
import { readFileSync, writeFileSync } from 'node:fs';

const HEAD = 11;
const [SOUND, PICTURE, SCRIPT] = [8, 9, 18];

/** The tags of a file: kind, time in milliseconds, and where each stands with what surrounds it. */
function* tags(bytes) {
  for (let at = 13; at + HEAD <= bytes.length;) {
    const size = bytes.readUIntBE(at + 1, 3);
    const to = at + HEAD + size + 4;
    if (to > bytes.length) return;
    const [first, second] = [bytes[at + HEAD], bytes[at + HEAD + 1]];
    const kind = bytes[at];
    yield {
      kind,
      time: bytes.readUIntBE(at + 4, 3) + bytes[at + 7] * 0x100_0000,
      /** Says how what follows is to be decoded: AVC's and AAC's sequence headers. */
      isSetup: kind === PICTURE ? (first & 0x0f) === 7 && second === 0 : kind === SOUND && first >> 4 === 10 && second === 0,
      isKey: kind === PICTURE && first >> 4 === 1 && second === 1,
      /** AVC's end of sequence. */
      isEnd: kind === PICTURE && (first & 0x0f) === 7 && second === 2,
      from: at,
      to,
    };
    at = to;
  }
}

/** A tag at another time. */
function retimed(bytes, tag, time) {
  const copy = Buffer.from(bytes.subarray(tag.from, tag.to));
  copy.writeUIntBE(time & 0xff_ffff, 4, 3);
  copy[7] = Math.floor(time / 0x100_0000);
  return copy;
}

/** Writes what `files` have, one after the other, into one file that changes its format in the midst. */
export function join(files, into) {
  const pieces = [];
  // A format that is said twice would be taken for a new one.
  const said = new Map();
  let ends = 0;
  for (const [index, file] of files.entries()) {
    const bytes = readFileSync(file);
    if (index === 0) pieces.push(bytes.subarray(0, 13));
    const begins = ends;
    for (const tag of tags(bytes)) {
      if (tag.isEnd || (tag.kind === SCRIPT && index > 0)) continue;
      if (tag.isSetup) {
        const setup = bytes.toString('hex', tag.from + HEAD, tag.to - 4);
        if (said.get(tag.kind) === setup) continue;
        said.set(tag.kind, setup);
      }
      // A frame's length between what was and what comes.
      const time = index === 0 ? tag.time : begins + 33 + tag.time;
      pieces.push(retimed(bytes, tag, time));
      ends = Math.max(ends, time);
    }
  }
  writeFileSync(into, Buffer.concat(pieces));
}

/** Writes what a file has from its first key frame at or after `seconds` on, with what it takes to decode it. */
export function cut(file, seconds, into) {
  const bytes = readFileSync(file);
  const setup = new Map();
  const pieces = [];
  for (const tag of tags(bytes)) {
    if (pieces.length === 0) {
      if (tag.kind === SCRIPT) continue;
      if (tag.isSetup) setup.set(tag.kind, tag);
      if (!tag.isKey || tag.time < seconds * 1000) continue;
      for (const earlier of setup.values()) pieces.push(retimed(bytes, earlier, tag.time));
    }
    pieces.push(bytes.subarray(tag.from, tag.to));
  }
  if (pieces.length === 0) throw new Error(`${file} has no key frame after ${seconds} s`);
  writeFileSync(into, Buffer.concat([bytes.subarray(0, 13), ...pieces]));
}

/** What a file has, over and over, with times that go on: pieces of a file without an end, each with the seconds that it reaches to. */
export function* endless(file) {
  const bytes = readFileSync(file);
  const all = [...tags(bytes)].filter(({ kind, isEnd, isSetup }) => kind !== SCRIPT && !isEnd && !isSetup);
  const setup = [...tags(bytes)].filter(({ kind, isSetup }) => kind === SCRIPT || isSetup);
  const length = all.reduce((last, { time }) => Math.max(last, time), 0) + 33;
  yield { bytes: Buffer.concat([bytes.subarray(0, 13), ...setup.map((tag) => retimed(bytes, tag, 0))]), seconds: 0 };
  for (let begins = 0; ; begins += length) {
    // A second at a time.
    for (let from = 0; from < all.length;) {
      let to = from;
      while (to < all.length && all[to].time - all[from].time < 1000) to += 1;
      yield { bytes: Buffer.concat(all.slice(from, to).map((tag) => retimed(bytes, tag, begins + tag.time))), seconds: (begins + all[to - 1].time) / 1000 };
      from = to;
    }
  }
}
