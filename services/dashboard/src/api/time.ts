import { useSyncExternalStore } from 'react';
import { clockOffsetMs } from '../player/probe';

/** One clock for the page: everything that counts seconds counts them together, and stands still in a hidden page. */
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;
let now = Date.now();

function follow(listener: () => void): () => void {
  listeners.add(listener);
  if (timer === undefined) {
    now = Date.now();
    timer = setInterval(() => {
      if (document.visibilityState === 'hidden') return;
      now = Date.now();
      for (const one of listeners) one();
    }, 1_000);
  }
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

/** Now, by the server's clock where a player has learnt it, in milliseconds; renewed each `step`. */
export function useNow(stepMs = 1_000): number {
  return useSyncExternalStore(follow, () => Math.floor((now + clockOffsetMs()) / stepMs) * stepMs);
}
