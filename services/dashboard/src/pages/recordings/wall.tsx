import { useState } from 'react';
import { Link } from 'wouter';
import { useMay } from '../../api/react';
import { useSpeech } from '../../messages/react';
import { Badge } from '../../ui/badge';
import { Button, IconButton } from '../../ui/button';
import { EmptyState, FaultNotice, Loading } from '../../ui/states';
import { Clock, Moment } from '../../ui/time';
import { DeleteAsset } from './delete';
import { nameOf } from './figures';
import { AssetPicture } from './picture';
import { useAssets, type AssetRow, type AssetsWanted } from './use-assets';
import './wall.css';

type Of = 'channel' | 'session' | 'nothing';

/** Recordings as a wall of pictures. `of`: what is said of each beside what it is. */
export function AssetWall({ wanted, of, empty }: { wanted: AssetsWanted; of: Of; empty: string }) {
  const { m } = useSpeech();
  const t = m.recordings;
  const mayWrite = useMay('assets:write');
  const { rows, more, loading, fault, again } = useAssets(wanted);
  const [leaving, setLeaving] = useState<AssetRow | null>(null);
  if (rows === null) return fault === null ? <Loading /> : <FaultNotice fault={fault} title={m.faults.loadTitle} retry={again} />;
  return (
    <>
      {fault !== null && <FaultNotice fault={fault} title={m.faults.loadTitle} retry={again} />}
      {rows.length === 0 ? <EmptyState level={3} icon="recordings" title={empty}>{t.emptyHelp}</EmptyState> : (
        <ul className="wall">{rows.map((row) => <AssetCard key={row.id} row={row} of={of} remove={mayWrite ? () => setLeaving(row) : null} />)}</ul>
      )}
      {more !== null && <div className="table-foot"><Button isPending={loading} onPress={more}>{m.common.more}</Button></div>}
      {leaving !== null && <DeleteAsset asset={leaving} onClose={() => setLeaving(null)} onDone={again} />}
    </>
  );
}

function AssetCard({ row, of, remove }: { row: AssetRow; of: Of; remove: (() => void) | null }) {
  const { m, f } = useSpeech();
  const t = m.recordings;
  const name = nameOf(row, m);
  const began = row.session?.startedAt ?? row.createdAt;
  const [looked, setLooked] = useState(false);
  return (
    <li
      className="asset-card"
      onPointerEnter={(event) => { if (event.pointerType === 'mouse') setLooked(true); }}
      onPointerLeave={(event) => { if (event.pointerType === 'mouse') setLooked(false); }}
      // A finger that rests on it looks, as long as it rests.
      onPointerDown={(event) => { if (event.pointerType !== 'mouse') setLooked(true); }}
      onPointerUp={() => setLooked(false)}
      onPointerCancel={() => setLooked(false)}
      onFocus={() => setLooked(true)}
      onBlur={() => setLooked(false)}
    >
      <Link href={`/recordings/${encodeURIComponent(row.id)}`} className="asset-link">
        <span className="asset-frame">
          <AssetPicture asset={row} moves={looked} />
          {row.state === 'STARTED' && <span className="asset-state"><Badge tone="live" dot pulse>{t.states.STARTED}</Badge></span>}
          {row.state === 'FAILED' && <span className="asset-state"><Badge tone="bad">{t.states.FAILED}</Badge></span>}
          {row.state === 'STARTED' ? <span className="asset-length"><Clock since={began} /></span>
            : row.durationSeconds !== null && <span className="asset-length figures">{f.clock(row.durationSeconds)}</span>}
        </span>
        <span className="asset-name">{name}</span>
        <span className="asset-line help">{[row.title === null ? null : t.kinds[row.kind], of === 'channel' ? row.channel?.name ?? null : null].filter((word) => word !== null).join(' · ')}</span>
        <span className="asset-line help"><Moment at={row.kind === 'CLIP' ? row.createdAt : began} />{row.bytes !== null && ` · ${f.size(row.bytes)}`}</span>
        {row.expiresAt !== null && <span className="asset-line help">{t.keptUntil(f.date(row.expiresAt))}</span>}
      </Link>
      {remove !== null && <span className="asset-remove"><IconButton icon="trash" look="plain" small label={t.removeNamed(name)} onPress={remove} /></span>}
    </li>
  );
}
