/** Recordings that go, or stay, together. */
export interface Lot {
  readonly count: number;
  readonly bytes: number;
}

export interface Going {
  /** By the day on which they go, soonest first; the moment is that of the first of the day. */
  readonly days: readonly (Lot & { readonly at: string })[];
  /** Those that nothing deletes by itself. */
  readonly stay: Lot;
}

interface Kept {
  readonly bytes: number | null;
  readonly expiresAt: string | null;
}

/** What goes when; `dayOf` tells days apart as the reader's calendar has them. */
export function goingOf(assets: readonly Kept[], dayOf: (at: string) => string): Going {
  const days = new Map<string, Lot & { at: string }>();
  let stay: Lot = { count: 0, bytes: 0 };
  for (const { bytes, expiresAt } of assets.toSorted((one, other) => (one.expiresAt ?? '').localeCompare(other.expiresAt ?? ''))) {
    if (expiresAt === null) {
      stay = { count: stay.count + 1, bytes: stay.bytes + (bytes ?? 0) };
      continue;
    }
    const day = days.get(dayOf(expiresAt)) ?? { count: 0, bytes: 0, at: expiresAt };
    days.set(dayOf(expiresAt), { ...day, count: day.count + 1, bytes: day.bytes + (bytes ?? 0) });
  }
  return { days: [...days.values()], stay };
}
