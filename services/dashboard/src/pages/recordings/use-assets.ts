import { AnyAssetChangesDocument, AssetListDocument, type AssetKind, type AssetListQuery, type AssetState } from '../../api/generated';
import { useMay } from '../../api/react';
import { useRows, type Rows } from '../../api/use-rows';

export type AssetRow = AssetListQuery['assets']['nodes'][number];

/** What is gone is not listed. */
const THERE: readonly AssetState[] = ['STARTED', 'READY', 'FAILED'];

export interface AssetsWanted {
  readonly channelId?: string;
  readonly sessionId?: string;
  readonly kind?: AssetKind;
}

/** Recordings that are there, or come to be. */
export function useAssets({ channelId, sessionId, kind }: AssetsWanted): Rows<AssetRow> {
  const [channels, sessions] = [useMay('channels:read'), useMay('sessions:read')];
  return useRows({
    list: AssetListDocument,
    variables: (paging) => ({ channelId: channelId ?? null, sessionId: sessionId ?? null, kind: kind ?? null, states: THERE, channels, sessions, ...paging }),
    key: [channelId, sessionId, kind].join(' '),
    rowsIn: ({ assets }) => assets,
    changes: AnyAssetChangesDocument,
    changesOf: { channelId: channelId ?? null },
  });
}
