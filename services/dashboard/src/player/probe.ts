/** Asks the origin what is at a playlist's address, before and between broadcasts. */
export type Answer =
  | { kind: 'on-air'; session: string; hasRewind: boolean }
  | { kind: 'not-on-air' }
  | { kind: 'unknown' }
  | { kind: 'denied' }
  | { kind: 'unreachable'; retryAfterMs: number };

/** A server that does not answer within this is treated as away. */
const ANSWER_WITHIN_MS = 10_000;
/** A wait asked for by the server (Retry-After) is honoured up to this. */
const RETRY_AFTER_MOST_S = 60;
/** A channel that lets its viewers rewind names this media playlist; another names its live one. */
export const REWIND = 'dvr.m3u8';
/** HTTP dates have whole seconds: a smaller difference is not a wrong clock. */
const CLOCK_OFF_FROM_MS = 2_500;

/** How far this device's clock is behind the server's, in milliseconds; 0 when they agree as far as HTTP can tell. */
let clockOffset = 0;

export function clockOffsetMs(): number {
  return clockOffset;
}

/** Now, in milliseconds since the epoch, by the server's clock. */
export function serverNow(): number {
  return Date.now() + clockOffset;
}

/** What a multivariant playlist tells: the part of the media playlist's address that belongs to one session (all before its last segment), and what follows it. */
export function mediaPlaylistOf(multivariant: string, base: string): { session: string; name: string } | null {
  const uri = multivariant.split(/\r?\n/).find((line) => line !== '' && !line.startsWith('#'));
  if (uri === undefined) return null;
  const { pathname } = new URL(uri, base);
  const end = pathname.lastIndexOf('/') + 1;
  return { session: pathname.slice(0, end), name: pathname.slice(end) };
}

export async function probe(playlist: string, signal?: AbortSignal): Promise<Answer> {
  const away = (retryAfterMs = 0): Answer => ({ kind: 'unreachable', retryAfterMs });
  const timeout = AbortSignal.timeout(ANSWER_WITHIN_MS);
  const sent = Date.now();
  try {
    const response = await fetch(playlist, {
      cache: 'no-store',
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    });
    noteClock(response.headers.get('date'), sent, Date.now());
    if (response.ok) {
      const media = mediaPlaylistOf(await response.text(), response.url);
      return media === null ? away() : { kind: 'on-air', session: media.session, hasRewind: media.name === REWIND };
    }
    if (response.status === 401 || response.status === 403) return { kind: 'denied' };
    if (response.status === 404) {
      return (await errorCode(response)) === 'NOT_ON_AIR' ? { kind: 'not-on-air' } : { kind: 'unknown' };
    }
    const seconds = Number(response.headers.get('retry-after') ?? 0);
    return away(Number.isFinite(seconds) ? Math.min(seconds, RETRY_AFTER_MOST_S) * 1000 : 0);
  } catch {
    return away();
  }
}

async function errorCode(response: Response): Promise<string | undefined> {
  try {
    const body = (await response.json()) as { error?: { code?: string } };
    return body.error?.code;
  } catch {
    return undefined;
  }
}

/** The Date header is cut to the second: on average the server's clock was half a second on. */
function noteClock(date: string | null, sent: number, received: number): void {
  const at = date === null ? NaN : Date.parse(date);
  if (Number.isNaN(at)) return;
  const offset = at + 500 - (sent + received) / 2;
  clockOffset = Math.abs(offset) < CLOCK_OFF_FROM_MS ? 0 : offset;
}
