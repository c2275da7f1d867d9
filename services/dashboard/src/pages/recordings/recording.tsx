import { useRef, useState } from 'react';
import { useQuery } from 'urql';
import { Link } from 'wouter';
import { AssetChangesDocument, AssetDetailsDocument, type AssetOnPageFragment } from '../../api/generated';
import { faultIn, useLastKnown, useLive, useMay } from '../../api/react';
import { useSpeech } from '../../messages/react';
import { Player } from '../../player/react';
import { AssetBadge } from '../../ui/badge';
import { Button } from '../../ui/button';
import { Copyable } from '../../ui/copy';
import { Icon } from '../../ui/icon';
import { Card, Facts, Page } from '../../ui/page';
import { EmptyState, FaultNotice, Loading, Notice } from '../../ui/states';
import { Moment } from '../../ui/time';
import { CutForm } from './cut-form';
import { DeleteAsset } from './delete';
import { clockOf, nameOf, sizeOf } from './figures';
import './recordings.css';

/** One recording: what it shows, what it is, what can be cut from it. */
export default function Recording({ id }: { id: string }) {
  const { m } = useSpeech();
  const [channels, sessions] = [useMay('channels:read'), useMay('sessions:read')];
  const [{ data, error, fetching }, read] = useQuery({ query: AssetDetailsDocument, variables: { id, channels, sessions } });
  const asset = useLastKnown(data?.asset);
  useLive(AssetChangesDocument, { id }, { when: asset != null && asset.state !== 'DELETED' && asset.state !== 'EXPIRED' });
  if (asset != null) return <RecordingView asset={asset} />;
  const fault = faultIn(error);
  return (
    <Page title={m.recordings.title} scope="assets:read">
      {fault !== null && fault.code !== 'NOT_FOUND' ? <FaultNotice fault={fault} title={m.faults.loadTitle} retry={() => read({ requestPolicy: 'network-only' })} />
        : fetching || (asset === undefined && fault === null) ? <Loading />
        : <EmptyState icon="recordings" title={m.recordings.notFoundTitle}>{m.recordings.notFound}</EmptyState>}
    </Page>
  );
}

function RecordingView({ asset }: { asset: AssetOnPageFragment }) {
  const { m } = useSpeech();
  const t = m.recordings;
  const mayWrite = useMay('assets:write');
  const picture = useRef<HTMLDivElement>(null);
  const [leaving, setLeaving] = useState(false);
  const name = nameOf(asset, m);
  const isThere = asset.state !== 'DELETED' && asset.state !== 'EXPIRED';
  const version = `${asset.trimmed} ${asset.durationSeconds}`;
  return (
    <Page
      title={name} scope="assets:read" className="recording-page"
      above={<Link href="/recordings" className="back-link"><Icon name="arrowLeft" />{t.title}</Link>}
      heading={<span className="recording-heading">{name}<AssetBadge state={asset.state} /></span>}
      actions={<>
        {asset.sourceUrls.map((url, place) => (
          <a key={url} className="button plain" href={new URL(url, location.href).pathname} download={`${asset.id}-${place + 1}.mp4`}>
            <Icon name="download" /><span>{asset.sourceUrls.length === 1 ? t.download : t.downloadPart(place + 1)}</span>
          </a>
        ))}
        {mayWrite && isThere && <Button look="danger" icon="trash" onPress={() => setLeaving(true)}>{t.remove}</Button>}
      </>}
    >
      {asset.state === 'STARTED' && <Notice>{t.stillRecording}</Notice>}
      {asset.state === 'FAILED' && <Notice warned icon="warning">{asset.failure === null ? t.failed : t.failures[asset.failure]}</Notice>}
      {!isThere && <Notice>{t.goneText[asset.state as 'DELETED' | 'EXPIRED']}</Notice>}
      <div className="recording-columns">
        <div className="recording-main">
          {asset.playbackUrl !== null && <div className="frame" ref={picture}><Player key={version} source={{ kind: 'recording', assetId: asset.id }} /></div>}
          {asset.playbackUrl !== null && mayWrite && <CutForm key={version} asset={asset} video={() => picture.current?.querySelector('video') ?? null} />}
        </div>
        <AssetFactsCard asset={asset} />
      </div>
      {leaving && <DeleteAsset asset={asset} onClose={() => setLeaving(false)} />}
    </Page>
  );
}

function AssetFactsCard({ asset }: { asset: AssetOnPageFragment }) {
  const { m, f } = useSpeech();
  const t = m.recordings;
  const { channel, session, parent, durationSeconds, wholeDurationSeconds, gapsSeconds, bytes, expiresAt, playbackUrl } = asset;
  return (
    <Card title={t.facts}>
      <Facts facts={[
        [t.kind, t.kinds[asset.kind]],
        channel == null ? null : [t.channel, <Link href={`/channels/${encodeURIComponent(channel.id)}`}>{channel.name}</Link>],
        session == null ? null : [t.session, <Link href={`/sessions/${encodeURIComponent(session.id)}`}><Moment at={session.startedAt} /></Link>],
        parent === null ? null : [t.cutFrom, <Link href={`/recordings/${encodeURIComponent(parent.id)}`}>{parent.title ?? t.aRecording}</Link>],
        durationSeconds === null ? null : [t.length, <span className="figures">{clockOf(durationSeconds)}{asset.trimmed && wholeDurationSeconds !== null ? ` ${t.ofWhole(clockOf(wholeDurationSeconds))}` : ''}</span>],
        gapsSeconds === null || gapsSeconds === 0 ? null : [t.gaps, t.gapsText(clockOf(gapsSeconds))],
        bytes === null ? null : [t.size, sizeOf(bytes, (value, digits) => f.number(value, digits))],
        [t.created, <Moment at={asset.createdAt} />],
        [t.expires, expiresAt === null ? t.keptLong : <Moment at={expiresAt} />],
      ]} />
      {playbackUrl !== null && (
        <div className="recording-playlist">
          <p className="label">{t.playlist}</p>
          <Copyable text={playbackUrl} what={t.playlist} />
        </div>
      )}
    </Card>
  );
}
