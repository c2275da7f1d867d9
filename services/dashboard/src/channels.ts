/** The public list of what is on air: `GET /public/live`. */
export interface LiveChannel {
  name: string;
  watchUrl: string;
  liveAt: string | null;
}

export interface PublicLive {
  channels: LiveChannel[];
  /** Where encoders push to, when the server says so; else it is the page's host at the usual port. */
  rtmpUrl?: string;
  /** Where the admin token is kept, for a browser on the server's own machine; never the token. */
  adminToken?: string | null;
}

/** Null when the server does not answer. */
export async function publicLive(playbackId?: string): Promise<PublicLive | null> {
  try {
    const query = playbackId === undefined ? '' : `?playbackId=${encodeURIComponent(playbackId)}`;
    const response = await fetch(`/public/live${query}`, { signal: AbortSignal.timeout(10_000) });
    if (!response.ok) return null;
    return (await response.json()) as PublicLive;
  } catch {
    return null;
  }
}

/** The path of a watch address; the page stays on the host that it was opened on. */
export function pathOf(watchUrl: string): string {
  return new URL(watchUrl, location.href).pathname;
}

export function minutesSince(liveAt: string | null, now: number): number | null {
  const at = liveAt === null ? NaN : Date.parse(liveAt);
  return Number.isNaN(at) ? null : Math.max(0, Math.floor((now - at) / 60_000));
}

/** `/watch/ID` and `/embed/ID`: the id is what follows. */
export function playbackIdOf(pathname: string): string {
  const id = pathname.split('/')[2] ?? '';
  try {
    return decodeURIComponent(id);
  } catch {
    return id;
  }
}
