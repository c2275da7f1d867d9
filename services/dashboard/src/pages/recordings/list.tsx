import { useState } from 'react';
import { Link } from 'wouter';
import { useMay } from '../../api/react';
import { useSpeech } from '../../messages/react';
import { AssetBadge } from '../../ui/badge';
import { Button, IconButton } from '../../ui/button';
import { EmptyState, FaultNotice, Loading } from '../../ui/states';
import { Moment } from '../../ui/time';
import { DeleteAsset } from './delete';
import { clockOf, nameOf, sizeOf } from './figures';
import { useAssets, type AssetRow, type AssetsWanted } from './use-assets';
import '../../ui/table.css';
import './recordings.css';

/** Recordings as a table; on a phone each is a card. `of`: what is said of each beside its name. */
export function AssetTable({ wanted, of, empty }: { wanted: AssetsWanted; of: 'channel' | 'session' | 'nothing'; empty: string }) {
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
        <div className="table-scroll">
          <table className="table as-cards assets">
            <thead>
              <tr>
                <th scope="col">{t.what}</th><th scope="col">{t.state}</th><th scope="col" className="number">{t.length}</th><th scope="col" className="number">{t.size}</th><th scope="col">{t.created}</th><th scope="col">{t.expires}</th>
                {mayWrite && <th scope="col"><span className="off-screen">{t.remove}</span></th>}
              </tr>
            </thead>
            <tbody>{rows.map((row) => <AssetLine key={row.id} row={row} of={of} remove={mayWrite ? () => setLeaving(row) : null} />)}</tbody>
          </table>
        </div>
      )}
      {more !== null && <div className="table-foot"><Button isPending={loading} onPress={more}>{m.common.more}</Button></div>}
      {leaving !== null && <DeleteAsset asset={leaving} onClose={() => setLeaving(null)} onDone={again} />}
    </>
  );
}

function AssetLine({ row, of, remove }: { row: AssetRow; of: 'channel' | 'session' | 'nothing'; remove: (() => void) | null }) {
  const { m, f } = useSpeech();
  const t = m.recordings;
  const name = nameOf(row, m);
  return (
    <tr>
      <th scope="row">
        <Link href={`/recordings/${encodeURIComponent(row.id)}`}>{name}</Link>
        <span className="help asset-of">
          {[row.title === null ? null : t.kinds[row.kind], of === 'channel' ? row.channel?.name ?? null : null, of !== 'nothing' && row.session != null ? f.dateTime(row.session.startedAt) : null].filter((word) => word !== null).join(' · ')}
        </span>
      </th>
      <td data-label={t.state}><AssetBadge state={row.state} /></td>
      <td data-label={t.length} className="number"><span>{row.durationSeconds === null ? '–' : clockOf(Math.round(row.durationSeconds))}</span></td>
      <td data-label={t.size} className="number"><span>{row.bytes === null ? '–' : sizeOf(row.bytes, (value, digits) => f.number(value, digits))}</span></td>
      <td data-label={t.created}><Moment at={row.createdAt} /></td>
      <td data-label={t.expires}>{row.expiresAt === null ? <span className="help">{t.keptLong}</span> : <Moment at={row.expiresAt} />}</td>
      {remove !== null && <td className="table-act"><IconButton icon="trash" small label={t.removeNamed(name)} onPress={remove} /></td>}
    </tr>
  );
}
