import { h } from './player/dom';
import { length } from './player/lengths';

/** A broadcast of the past that may be seen again. */
export interface Replay {
  readonly id: string;
  readonly startedAt: string;
  readonly durationSeconds: number;
  readonly thumbnailUrl: string | null;
}

/** No more are offered. */
const MOST = 12;

/** A channel's replays, newest first; none where the server does not tell of any. */
export async function replaysOf(playbackId: string): Promise<readonly Replay[]> {
  try {
    const response = await fetch(`/live/${encodeURIComponent(playbackId)}/replays.json`, { signal: AbortSignal.timeout(10_000) });
    const told: unknown = response.ok ? await response.json() : [];
    return Array.isArray(told) ? told.filter(isReplay).slice(0, MOST) : [];
  } catch {
    return [];
  }
}

function isReplay(one: unknown): one is Replay {
  const { id, startedAt, durationSeconds } = (one ?? {}) as Partial<Record<keyof Replay, unknown>>;
  return typeof id === 'string' && typeof startedAt === 'string' && !Number.isNaN(Date.parse(startedAt)) && typeof durationSeconds === 'number';
}

export function replayPath({ id }: Replay): string {
  return `/replay/${encodeURIComponent(id)}`;
}

/** A picture, when it was and how long: the way to the replay. */
export function replayCard(replay: Replay): HTMLElement {
  const { startedAt, durationSeconds, thumbnailUrl } = replay;
  const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' }).format(Date.parse(startedAt));
  const picture = h('span', { class: 'replay-picture' }, h('span', { class: 'replay-length' }, length(durationSeconds)));
  if (thumbnailUrl !== null && thumbnailUrl !== undefined) {
    // Our own host: the page stays on the one that it was opened on.
    const { pathname } = new URL(thumbnailUrl, location.href);
    const image: HTMLImageElement = h('img', { src: `${pathname}?width=320`, alt: '', loading: 'lazy', decoding: 'async', onerror: () => image.remove() });
    picture.prepend(image);
  }
  return h('li', {}, h('a', { class: 'replay-card', href: replayPath(replay) }, picture, h('span', { class: 'replay-day' }, day)));
}
