/** How far back a broadcast can be rewound, read from the beginning of its rewind playlist: the rest of it is not waited for. */
export interface Reach {
  /** Date of the oldest that is listed, in milliseconds since the epoch. */
  readonly oldest: number;
  /** What is oldest leaves the list as new media comes. */
  readonly slides: boolean;
}

/** What is wanted stands within so many characters. */
const HEAD = 16_384;
const WITHIN_MS = 10_000;

/** Null where it is not told. */
export async function reachOf(playlist: string): Promise<Reach | null> {
  const asking = new AbortController();
  const late = setTimeout(() => asking.abort(), WITHIN_MS);
  try {
    const response = await fetch(playlist, { signal: asking.signal });
    if (!response.ok || response.body === null) return null;
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let head = ''; head.length < HEAD;) {
      const { value, done } = await reader.read();
      head += value ?? '';
      const reach = reachIn(head);
      if (reach !== null || done) return reach;
    }
    return null;
  } catch {
    return null;
  } finally {
    clearTimeout(late);
    asking.abort();
  }
}

/** The same of a playlist's beginning; null where it is not whole yet. */
export function reachIn(head: string): Reach | null {
  const date = /^#EXT-X-PROGRAM-DATE-TIME:(\S+)\r?\n/m.exec(head)?.[1];
  const oldest = date === undefined ? NaN : Date.parse(date);
  const first = Number(/^#EXT-X-MEDIA-SEQUENCE:(\d+)/m.exec(head)?.[1] ?? 0);
  return Number.isNaN(oldest) ? null : { oldest, slides: first > 0 };
}
