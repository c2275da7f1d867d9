import { useState } from 'react';
import { useQuery } from 'urql';
import { ChannelNamesDocument, type AssetKind } from '../../api/generated';
import { useMay } from '../../api/react';
import { useSpeech } from '../../messages/react';
import { Segments, Select } from '../../ui/fields';
import { Page } from '../../ui/page';
import { StorageCard } from './storage';
import { AssetWall } from './wall';
import './recordings.css';

const KINDS = ['CATCHUP', 'SOURCE', 'CLIP'] as const satisfies readonly AssetKind[];
type Wanted = (typeof KINDS)[number] | 'ALL';
const ALL = 'ALL';
/** So many channels are offered to choose from. */
const CHANNELS = 100;

/** What is kept of all channels' sessions, newest first. */
export default function Recordings() {
  const { m } = useSpeech();
  const t = m.recordings;
  const may = useMay('assets:read');
  const [kind, setKind] = useState<Wanted>(ALL);
  const [channelId, setChannelId] = useState<string>(ALL);
  const wanted = { ...(kind === ALL ? {} : { kind }), ...(channelId === ALL ? {} : { channelId }) };
  return (
    <Page title={t.title} scope="assets:read" className="recordings-page">
      <div className="recordings-tools">
        <Segments label={t.kind} value={kind} onChange={setKind} choices={[{ value: ALL, label: t.anyKind }, ...KINDS.map((value) => ({ value, label: t.kindsMany[value] }))]} />
        <ChannelFilter value={channelId} onChange={setChannelId} />
      </div>
      {may && <StorageCard />}
      {may && <AssetWall key={`${kind} ${channelId}`} wanted={wanted} of="channel" empty={kind === ALL && channelId === ALL ? t.empty : t.emptyFiltered} />}
    </Page>
  );
}

/** Nothing where there is nothing to choose. */
function ChannelFilter({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const { m } = useSpeech();
  const may = useMay('channels:read');
  const [{ data }] = useQuery({ query: ChannelNamesDocument, variables: { first: CHANNELS }, pause: !may });
  const channels = data?.channels.nodes ?? [];
  if (channels.length < 2) return null;
  const { recordings: t } = m;
  return <Select hideLabel label={t.channel} value={value} onChange={onChange} choices={[{ value: ALL, label: t.anyChannel }, ...channels.map(({ id, name }) => ({ value: id, label: name }))]} />;
}
