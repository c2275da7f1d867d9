import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import type { AnyVariables } from '@urql/core';
import { useCallback, useEffect, useRef, useState } from 'react';
import type { Fault } from './faults';
import { useApi, useLive, useRefresh } from './react';

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
  const [rows, setRows] = useState<readonly Row[] | null>(null);
  const [next, setNext] = useState<string | null>(null);
  const [loading, setLoading] = useState(false);
  const [fault, setFault] = useState<Fault | null>(null);
  const round = useRef(0);
  const shown = useRef(0);
  const latest = useRef(wanted);
  useEffect(() => { latest.current = wanted; });
  useEffect(() => { shown.current = rows?.length ?? 0; }, [rows]);

  const read = useCallback(async (first: number, after: string | null) => {
    const mine = (round.current += 1);
    const { list, variables, rowsIn } = latest.current;
    setLoading(true);
    const answer = await api.ask(list, variables({ first, after }));
    // An answer to an older question is dropped.
    if (mine !== round.current) return;
    setLoading(false);
    setFault(answer.fault);
    const listed = answer.data === null ? undefined : rowsIn(answer.data);
    if (listed === undefined) return;
    const { nodes, pageInfo } = listed;
    setRows((before) => (after === null || before === null ? nodes : [...before, ...nodes]));
    setNext(pageInfo.hasNextPage ? pageInfo.endCursor : null);
  }, [api]);

  const again = useCallback(() => void read(Math.min(MOST, Math.max(page, shown.current)), null), [read, page]);
  useEffect(again, [again, wanted.key]);
  useRefresh(again);
  return { rows, loading, fault, again, more: next === null ? null : () => void read(page, next) };
}
