import { useCallback, useEffect, useRef, useState } from 'react';
import { AnyAssetChangesDocument, AssetListDocument, type AssetKind, type AssetListQuery, type AssetState } from '../../api/generated';
import type { Fault } from '../../api/faults';
import { useApi, useLive, useMay, useRefresh } from '../../api/react';

export type AssetRow = AssetListQuery['assets']['nodes'][number];

const PAGE = 30;
const MOST = 100;
/** Changes that come together are read together. */
const GATHER_MS = 400;
/** What is gone is not listed. */
const THERE: readonly AssetState[] = ['STARTED', 'READY', 'FAILED'];

export interface AssetsWanted {
  readonly channelId?: string;
  readonly sessionId?: string;
  readonly kind?: AssetKind;
}

/** Recordings, newest first, page by page, kept right by what the platform tells. */
export function useAssets({ channelId, sessionId, kind }: AssetsWanted) {
  const api = useApi();
  const [channels, sessions] = [useMay('channels:read'), useMay('sessions:read')];
  const [rows, setRows] = useState<readonly AssetRow[] | null>(null);
  const [next, setNext] = useState<string | null>(null);
  const [loading, setLoading] = useState(false);
  const [fault, setFault] = useState<Fault | null>(null);
  const round = useRef(0);
  const shown = useRef(0);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => { shown.current = rows?.length ?? 0; }, [rows]);
  useEffect(() => () => clearTimeout(timer.current), []);

  const read = useCallback(async (first: number, after: string | null) => {
    const mine = (round.current += 1);
    setLoading(true);
    const answer = await api.ask(AssetListDocument, { channelId: channelId ?? null, sessionId: sessionId ?? null, kind: kind ?? null, states: THERE, first, after, channels, sessions });
    // An answer to an older question is dropped.
    if (mine !== round.current) return;
    setLoading(false);
    setFault(answer.fault);
    if (answer.data === null) return;
    const { nodes, pageInfo } = answer.data.assets;
    setRows((before) => (after === null || before === null ? nodes : [...before, ...nodes]));
    setNext(pageInfo.hasNextPage ? pageInfo.endCursor : null);
  }, [api, channelId, sessionId, kind, channels, sessions]);

  const again = useCallback(() => void read(Math.min(MOST, Math.max(PAGE, shown.current)), null), [read]);
  useEffect(again, [again]);
  useRefresh(again);
  useLive(AnyAssetChangesDocument, { channelId: channelId ?? null }, {
    onData: () => {
      clearTimeout(timer.current);
      timer.current = setTimeout(again, GATHER_MS);
    },
  });
  return { rows, loading, fault, again, more: next === null ? null : () => void read(PAGE, next) };
}
