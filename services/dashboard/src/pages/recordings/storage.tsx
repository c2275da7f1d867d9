import { useEffect, useRef, useState } from 'react';
import { useQuery } from 'urql';
import { Link } from 'wouter';
import { AnyAssetChangesDocument, StorageUsedDocument, type AssetKind, type StorageUsedQuery } from '../../api/generated';
import { useLive, useMay } from '../../api/react';
import { useSpeech } from '../../messages/react';
import { Button } from '../../ui/button';
import { Card } from '../../ui/page';

/** Changes that come together are read together. */
const GATHER_MS = 1_000;

type Used = StorageUsedQuery['storage'];

/** What recordings take, by kind, and for who asks by channel; nothing while there is nothing. */
export function StorageCard() {
  const { m, f } = useSpeech();
  const t = m.recordings;
  const channels = useMay('channels:read');
  const [byChannel, setByChannel] = useState(false);
  const used = useStorage(channels);
  if (used === null || used.assets === 0) return null;
  return (
    <Card title={t.storage} className="storage" actions={used.byChannel.length > 0 && <Button small look="quiet" aria-expanded={byChannel} onPress={() => setByChannel(!byChannel)}>{byChannel ? t.storageLess : t.storageByChannel}</Button>}>
      <p className="storage-sum"><strong>{f.size(used.bytes)}</strong> {t.storageIn(t.recordingsMany(used.assets))}</p>
      <div className="storage-bar" aria-hidden="true">{used.byKind.map(({ kind, bytes }) => <span key={kind} className={`storage-share ${kind}`} style={{ width: `${share(bytes, used.bytes)}%` }} />)}</div>
      <ul className="storage-kinds">{used.byKind.map((one) => <KindLine key={one.kind} {...one} />)}</ul>
      {byChannel && <ChannelLines used={used} />}
    </Card>
  );
}

function KindLine({ kind, assets, bytes }: { kind: AssetKind; assets: number; bytes: number }) {
  const { m, f } = useSpeech();
  const { recordings: t } = m;
  return <li><span className={`storage-mark ${kind}`} aria-hidden="true" />{t.kindsMany[kind]}: <span className="figures">{f.size(bytes)}</span> <span className="help">({f.number(assets)})</span></li>;
}

function ChannelLines({ used }: { used: Used }) {
  const { m, f } = useSpeech();
  const { recordings: t } = m;
  const most = Math.max(...used.byChannel.map(({ bytes }) => bytes), 1);
  return (
    <ul className="storage-channels" aria-label={t.storageByChannel}>
      {used.byChannel.map(({ channelId, channel, assets, bytes }) => (
        <li key={channelId}>
          <span className="storage-channel">{channel == null ? t.ofDeletedChannel : <Link href={`/channels/${encodeURIComponent(channel.id)}`}>{channel.name}</Link>}</span>
          <span className="storage-bar" aria-hidden="true"><span className="storage-share" style={{ width: `${share(bytes, most)}%` }} /></span>
          <span className="figures">{f.size(bytes)} <span className="help">({f.number(assets)})</span></span>
        </li>
      ))}
    </ul>
  );
}

const share = (part: number, whole: number) => (whole > 0 ? (100 * part) / whole : 0);

function useStorage(channels: boolean): Used | null {
  const [{ data }, ask] = useQuery({ query: StorageUsedDocument, variables: { channels } });
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  useLive(AnyAssetChangesDocument, { channelId: null }, {
    onData: () => {
      clearTimeout(timer.current);
      timer.current = setTimeout(() => ask({ requestPolicy: 'network-only' }), GATHER_MS);
    },
  });
  return data?.storage ?? null;
}
