import { Backoff } from '../../player/backoff';

/** How far a file to download is. */
export type Making =
  | { readonly step: 'making'; readonly percent: number }
  | { readonly step: 'ready'; readonly urls: readonly string[]; readonly missingSeconds: number }
  /** `why`: as the platform says it. */
  | { readonly step: 'failed'; readonly why: string | null };

/** Questions that are not answered in a row before it is given up. */
const UNANSWERED = 5;
const ANSWER_WITHIN_MS = 15_000;

/** Has the platform make a recording's files, and tells how far that is until they are there, or cannot be; the signal ends the asking. */
export async function make(assetId: string, tell: (making: Making) => void, signal: AbortSignal): Promise<void> {
  const waits = new Backoff({ first: 400, most: 2_000, growth: 1.3 });
  let unanswered = 0;
  tell({ step: 'making', percent: 0 });
  while (!signal.aborted) {
    const making = await ask(assetId, signal);
    if (signal.aborted) return;
    unanswered = making === null ? unanswered + 1 : 0;
    if (making !== null) tell(making);
    else if (unanswered === UNANSWERED) return tell({ step: 'failed', why: null });
    if (making !== null && making.step !== 'making') return;
    await pause(waits.next(), signal);
  }
}

/** Null where there is no answer for the time being. */
async function ask(assetId: string, signal: AbortSignal): Promise<Making | null> {
  try {
    const response = await fetch(`/vod/${encodeURIComponent(assetId)}/download.json`, { cache: 'no-store', signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_WITHIN_MS)]) });
    if (response.status >= 500) return null;
    const told = (await response.json()) as { state?: string; percent?: number; urls?: readonly string[]; missing?: readonly { seconds?: number }[]; why?: string; error?: { message?: string } };
    switch (told.state) {
      case 'MAKING': return { step: 'making', percent: Math.max(0, Math.min(100, Number(told.percent ?? 0))) };
      case 'READY': return { step: 'ready', urls: told.urls ?? [], missingSeconds: (told.missing ?? []).reduce((sum, { seconds = 0 }) => sum + seconds, 0) };
      default: return { step: 'failed', why: told.why ?? told.error?.message ?? null };
    }
  } catch {
    return null;
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => { clearTimeout(timer); resolve(); }, { once: true });
  });
}
