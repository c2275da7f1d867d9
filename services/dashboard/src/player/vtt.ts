/** WebVTT as storyboards and chapters have it (W3C WebVTT §4): cues with a time and a text; all else is passed over. */
export interface Cue {
  /** In seconds. */
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** Longer texts than a day of pictures makes are not read. */
const MOST_BYTES = 2_000_000;
const MOST_CUES = 20_000;
const WITHIN_MS = 10_000;

const TIMING = /^((?:\d+:)?[0-5]\d:[0-5]\d\.\d{3})[ \t]+-->[ \t]+((?:\d+:)?[0-5]\d:[0-5]\d\.\d{3})(?:[ \t]|$)/;
const NOTED_DATE = /^NOTE\b.*?(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)/m;

export function cuesOf(vtt: string): Cue[] {
  const cues: Cue[] = [];
  for (const block of vtt.replaceAll(/\r\n?/g, '\n').split(/\n{2,}/)) {
    const lines = block.split('\n');
    // The first line may be the cue's name.
    const at = lines.slice(0, 2).findIndex((line) => TIMING.test(line));
    const [, start, end] = TIMING.exec(lines[at] ?? '') ?? [];
    if (start === undefined || end === undefined) continue;
    cues.push({ start: secondsOf(start), end: secondsOf(end), text: lines.slice(at + 1).join('\n').trim() });
    if (cues.length === MOST_CUES) break;
  }
  return cues.sort((one, other) => one.start - other.start);
}

/** The date that the cues of something on air count from, in milliseconds since the epoch; null where none is noted. */
export function datedFrom(vtt: string): number | null {
  const noted = NOTED_DATE.exec(vtt)?.[1];
  return noted === undefined ? null : Date.parse(noted);
}

/** The cue of a time; where cues overlap, the later one. */
export function cueAt(cues: readonly Cue[], time: number): Cue | null {
  return cues.findLast(({ start, end }) => start <= time && time < end) ?? null;
}

/** Null where there is none. */
export async function readVtt(url: string): Promise<string | null> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(WITHIN_MS) });
    if (!response.ok) return null;
    const text = await response.text();
    return text.startsWith('WEBVTT') && text.length <= MOST_BYTES ? text : null;
  } catch {
    return null;
  }
}

function secondsOf(time: string): number {
  return time.split(':').reduce((sum, part) => sum * 60 + Number(part), 0);
}
