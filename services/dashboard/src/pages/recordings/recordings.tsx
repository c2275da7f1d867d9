import { useState } from 'react';
import type { AssetKind } from '../../api/generated';
import { useMay } from '../../api/react';
import { useSpeech } from '../../messages/react';
import { Segments } from '../../ui/fields';
import { Card, Page } from '../../ui/page';
import { AssetTable } from './list';

const KINDS = ['CATCHUP', 'SOURCE', 'CLIP'] as const satisfies readonly AssetKind[];
type Wanted = (typeof KINDS)[number] | 'ALL';

/** What is kept of all channels' sessions, newest first. */
export default function Recordings() {
  const { m } = useSpeech();
  const t = m.recordings;
  const may = useMay('assets:read');
  const [kind, setKind] = useState<Wanted>('ALL');
  return (
    <Page title={t.title} scope="assets:read">
      <div className="state-filter"><Segments label={t.kind} value={kind} onChange={setKind} choices={[{ value: 'ALL', label: t.anyKind }, ...KINDS.map((value) => ({ value, label: t.kindsMany[value] }))]} /></div>
      {may && <Card><AssetTable key={kind} wanted={kind === 'ALL' ? {} : { kind }} of="channel" empty={t.empty} /></Card>}
    </Page>
  );
}
