import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import type { AnyVariables } from '@urql/core';
import { useCallback, useEffect, useRef, useState } from 'react';
import type { Fault } from './faults';
import { useApi, useLive, useRefresh } from './react';
import { Turns } from './turns';

const PAGE = 30;
const MOST = 100;
/** Changes that come together are read together. */
const GATHER_MS = 400;

/** A page of a list as the platform answers it. */
interface Listed<Row> {
  readonly nodes: readonly Row[];
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
}

interface Paging {
  readonly first: number;
  readonly after: string | null;
}

interface Wanted<Data, Row, Variables> {
  /** Reads a page. */
  readonly list: TypedDocumentNode<Data, Variables>;
  /** What is listed, and which page of it. */
  readonly variables: (paging: Paging) => Variables;
  /** Rows a page; 30 unless told. */
  readonly page?: number;
  /** Another list has another one. */
  readonly key: string;
  /** Undefined where there is no such list. */
  readonly rowsIn: (data: Data) => Listed<Row> | undefined;
}

interface Followed<Data, Row, Variables, Changes, ChangeVariables> extends Wanted<Data, Row, Variables> {
  /** Tells that something changed. */
  readonly changes: TypedDocumentNode<Changes, ChangeVariables>;
  readonly changesOf: ChangeVariables;
}

export interface Rows<Row> {
  /** Null until something was read. */
  readonly rows: readonly Row[] | null;
  readonly loading: boolean;
  readonly fault: Fault | null;
  /** Reads anew what is shown. */
  readonly again: () => void;
  /** Reads the next page; null where there is none. */
  readonly more: (() => void) | null;
}

interface Shown<Row> {
  readonly rows: readonly Row[] | null;
  readonly next: string | null;
}

const NOTHING: Shown<never> = { rows: null, next: null };

/** A list, newest first, page by page, read anew when the platform tells of a change or something may have been missed. */
export function useRows<Data, Row, Variables extends AnyVariables, Changes, ChangeVariables extends AnyVariables>(wanted: Followed<Data, Row, Variables, Changes, ChangeVariables>): Rows<Row> {
  const rows = usePages(wanted);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  useLive(wanted.changes, wanted.changesOf, {
    onData: () => {
      clearTimeout(timer.current);
      timer.current = setTimeout(rows.again, GATHER_MS);
    },
  });
  return rows;
}

/** A list, newest first, page by page, read anew when its key is another one or something may have been missed. */
export function usePages<Data, Row, Variables extends AnyVariables>(wanted: Wanted<Data, Row, Variables>): Rows<Row> {
  const { page = PAGE } = wanted;
  const api = useApi();
  const [{ rows, next }, setShown] = useState<Shown<Row>>(NOTHING);
  const [loading, setLoading] = useState(false);
  const [fault, setFault] = useState<Fault | null>(null);
  /** Known at once: the next turn comes before the rows are drawn. */
  const shown = useRef<Shown<Row>>(NOTHING);
  const turns = useRef(new Turns());
  const latest = useRef(wanted);
  useEffect(() => { latest.current = wanted; });

  const read = useCallback(async (first: number, after: string | null) => {
    const mine = turns.current;
    const { list, variables, rowsIn } = latest.current;
    setLoading(true);
    const answer = await api.ask(list, variables({ first, after }));
    // An answer about another list is dropped.
    if (mine !== turns.current) return;
    setLoading(false);
    setFault(answer.fault);
    const listed = answer.data === null ? undefined : rowsIn(answer.data);
    if (listed === undefined) return;
    const { nodes, pageInfo } = listed;
    shown.current = { rows: after === null ? nodes : [...shown.current.rows ?? [], ...nodes], next: pageInfo.hasNextPage ? pageInfo.endCursor : null };
    setShown(shown.current);
  }, [api]);

  const readAnew = useCallback(() => read(Math.min(MOST, Math.max(page, shown.current.rows?.length ?? 0)), null), [read, page]);
  const readOn = useCallback(async () => { if (shown.current.next !== null) await read(page, shown.current.next); }, [read, page]);
  const again = useCallback(() => turns.current.want(readAnew), [readAnew]);
  const more = useCallback(() => turns.current.want(readOn), [readOn]);
  useEffect(() => {
    const mine = turns.current = new Turns();
    again();
    return () => mine.close();
  }, [again, wanted.key]);
  useRefresh(again);
  return { rows, loading, fault, again, more: next === null ? null : more };
}
