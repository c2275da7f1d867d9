import { useCallback, useEffect, useEffectEvent, useRef, useState } from 'react';
import type { Fault } from '../../api/faults';
import { ChannelsChangedDocument, ChannelsDocument } from '../../api/generated';
import { useApi, useLive, useMay, useRefresh } from '../../api/react';
import { withChange, withPage, type Row, type Rows, type Wish } from './list';

/** The first page is small, so that it is there at once; the next ones are as large as the platform gives. */
const FIRST = 40;
const MOST = 100;

export interface Channels {
  /** Null before the first answer. */
  readonly list: Rows | null;
  /** The list is the answer to this wish; else to the one before, shown until the answer is there. */
  readonly current: boolean;
  readonly loading: boolean;
  readonly fault: Fault | null;
  readonly more: () => void;
  readonly again: () => void;
}

/** Nobody tells of a channel that was deleted elsewhere: a list that is not too long is read again from time to time, and when the page comes into view. */
const LOOK_AGAIN_MS = 60_000;
const LOOK_AGAIN_MOST = 200;

function useLookAgain(look: () => void): void {
  const latest = useEffectEvent(look);
  useEffect(() => {
    const lookIfSeen = () => { if (document.visibilityState === 'visible') latest(); };
    const timer = setInterval(lookIfSeen, LOOK_AGAIN_MS);
    document.addEventListener('visibilitychange', lookIfSeen);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', lookIfSeen);
    };
  }, []);
}

/** The channels that a wish asks for, page by page, kept right by what the platform tells. `onChange` hears of each change of a row. */
export function useChannels(wish: Wish, onChange: (row: Row) => void): Channels {
  const api = useApi();
  const sessions = useMay('sessions:read');
  const [list, setList] = useState<Rows | null>(null);
  const [loading, setLoading] = useState(true);
  const [fault, setFault] = useState<Fault | null>(null);
  const { search, state, order } = wish;
  const key = `${order} ${state ?? ''} ${search}`;
  const [answered, setAnswered] = useState<string | null>(null);
  /** Answers to an older wish are dropped. */
  const round = useRef(0);
  const shown = useRef(0);
  useEffect(() => { shown.current = list?.rows.length ?? 0; }, [list]);

  const page = useCallback(
    (first: number, after: string | null) => api.ask(ChannelsDocument, { first, after, state, search: search === '' ? null : search, orderBy: order, sessions }),
    [api, search, state, order, sessions],
  );

  /** Reads from the beginning, at least as many rows as are shown, and shows them all at once. */
  const read = useCallback(async (atLeast: number) => {
    const mine = (round.current += 1);
    setLoading(true);
    let found: Rows = { rows: [], next: null };
    for (let after: string | null = null, first = atLeast > FIRST ? MOST : FIRST; ; first = MOST) {
      const { data, fault } = await page(first, after);
      if (mine !== round.current) return;
      if (fault !== null) {
        setFault(fault);
        break;
      }
      setFault(null);
      found = withPage(found, data.channels);
      after = found.next;
      if (after === null || found.rows.length >= atLeast) {
        setList(found);
        setAnswered(key);
        break;
      }
    }
    setLoading(false);
  }, [page, key]);

  useEffect(() => { void read(FIRST); }, [read]);
  useRefresh(() => void read(shown.current));
  useLookAgain(() => { if (shown.current <= LOOK_AGAIN_MOST) void read(shown.current); });
  useLive(ChannelsChangedDocument, { sessions }, {
    onData: ({ channelUpdated: row }) => {
      setList((before) => before && withChange(before, row, wish));
      onChange(row);
    },
  });

  const next = list?.next ?? null;
  const more = useCallback(() => {
    if (loading || next === null) return;
    const mine = round.current;
    setLoading(true);
    void page(MOST, next).then(({ data, fault }) => {
      if (mine !== round.current) return;
      setFault(fault);
      if (data !== null) setList((before) => before && withPage(before, data.channels));
      setLoading(false);
    });
  }, [loading, next, page]);
  const again = useCallback(() => void read(shown.current), [read]);
  return { list, current: answered === key, loading, fault, more, again };
}
