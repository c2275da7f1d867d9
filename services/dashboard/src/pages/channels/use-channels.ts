import { useCallback, useEffect, useEffectEvent, useRef, useState } from 'react';
import type { Fault } from '../../api/faults';
import { ChannelsChangedDocument, ChannelsDocument } from '../../api/generated';
import { useApi, useLive, useMay, useRefresh } from '../../api/react';
import { Turns } from '../../api/turns';
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
  /** Known at once: the next turn comes before the rows are drawn. */
  const shown = useRef<Rows | null>(null);
  const turns = useRef(new Turns());
  /** Rows that were told since the last question was asked: its answer may be older than they are. */
  const told = useRef(new Map<string, Row>());

  const page = useCallback(
    (first: number, after: string | null) => api.ask(ChannelsDocument, { first, after, state, search: search === '' ? null : search, orderBy: order, sessions }),
    [api, search, state, order, sessions],
  );

  const show = (rows: Rows | null) => {
    shown.current = rows;
    setList(rows);
  };
  const withTold = (rows: Rows) => [...told.current.values()].reduce((before, row) => withChange(before, row, wish), rows);

  /** Reads from the beginning, at least as many rows as are shown, and shows them all at once. */
  const read = useCallback(async (atLeast: number) => {
    const mine = turns.current;
    told.current.clear();
    setLoading(true);
    let found: Rows = { rows: [], next: null };
    for (let after: string | null = null, first = atLeast > FIRST ? MOST : FIRST; ; first = MOST) {
      const { data, fault } = await page(first, after);
      // An answer to another wish is dropped.
      if (mine !== turns.current) return;
      if (fault !== null) {
        setFault(fault);
        break;
      }
      setFault(null);
      found = withPage(found, data.channels);
      after = found.next;
      if (after === null || found.rows.length >= atLeast) {
        show(withTold(found));
        setAnswered(key);
        break;
      }
    }
    setLoading(false);
  }, [page, key]);

  const readAnew = useCallback(() => read(shown.current?.rows.length ?? 0), [read]);
  const readOn = useCallback(async () => {
    const mine = turns.current;
    const before = shown.current?.next ?? null;
    if (before === null) return;
    told.current.clear();
    setLoading(true);
    const { data, fault } = await page(MOST, before);
    if (mine !== turns.current) return;
    setFault(fault);
    if (data !== null && shown.current !== null) show(withTold(withPage(shown.current, data.channels)));
    setLoading(false);
  }, [page]);

  useEffect(() => {
    const mine = turns.current = new Turns();
    mine.want(() => read(FIRST));
    return () => mine.close();
  }, [read]);
  const again = useCallback(() => turns.current.want(readAnew), [readAnew]);
  const more = useCallback(() => turns.current.want(readOn), [readOn]);
  useRefresh(again);
  useLookAgain(() => { if ((shown.current?.rows.length ?? 0) <= LOOK_AGAIN_MOST) again(); });
  useLive(ChannelsChangedDocument, { sessions }, {
    onData: ({ channelUpdated: row }) => {
      told.current.set(row.id, row);
      show(shown.current && withChange(shown.current, row, wish));
      onChange(row);
    },
  });
  return { list, current: answered === key, loading, fault, more, again };
}
