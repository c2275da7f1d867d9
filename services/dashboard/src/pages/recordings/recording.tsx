import { useRef, useState } from 'react';
import { useQuery } from 'urql';
import { Link } from 'wouter';
import { AssetChangesDocument, AssetDetailsDocument, SetPosterDocument, type AssetWholeFragment } from '../../api/generated';
import { faultIn, useAction, useLastKnown, useLive, useMay } from '../../api/react';
import { useSpeech } from '../../messages/react';
import { Player, type Viewing } from '../../player/react';
import { AssetBadge } from '../../ui/badge';
import { Button } from '../../ui/button';
import { Copyable } from '../../ui/copy';
import { Icon } from '../../ui/icon';
import { Card, Facts, Page } from '../../ui/page';
import { EmptyState, FaultNotice, Loading, Notice } from '../../ui/states';
import { Moment } from '../../ui/time';
import { useToast } from '../../ui/toast';
import { CutForm } from './cut-form';
import { DeleteAsset } from './delete';
import { Download } from './download';
import { nameOf, placeText } from './figures';
import { pathIn } from './picture';
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

function RecordingView({ asset }: { asset: AssetWholeFragment }) {
  const { m } = useSpeech();
  const t = m.recordings;
  const mayWrite = useMay('assets:write');
  const viewing = useRef<Viewing>(null);
  const [leaving, setLeaving] = useState(false);
  const name = nameOf(asset, m);
  const isThere = asset.state !== 'DELETED' && asset.state !== 'EXPIRED';
  const version = `${asset.trimmed} ${asset.durationSeconds}`;
  const isPlayable = asset.playbackUrl !== null;
  return (
    <Page
      title={name} scope="assets:read" className="recording-page"
      above={<Link href="/recordings" className="back-link"><Icon name="arrowLeft" />{t.title}</Link>}
      heading={<span className="recording-heading">{name}<AssetBadge state={asset.state} /></span>}
      actions={<>
        {isPlayable && <a className="button plain" href={`/replay/${encodeURIComponent(asset.id)}`} target="_blank" rel="noopener"><Icon name="external" /><span>{m.channel.watchPage}</span><span className="off-screen">{m.common.opensNewTab}</span></a>}
        {mayWrite && isThere && <Button look="danger" icon="trash" onPress={() => setLeaving(true)}>{t.remove}</Button>}
      </>}
    >
      {asset.state === 'STARTED' && <Notice>{t.stillRecording}</Notice>}
      {asset.state === 'FAILED' && <Notice warned icon="warning">{asset.failure === null ? t.failed : t.failures[asset.failure]}</Notice>}
      {!isThere && <Notice>{t.goneText[asset.state as 'DELETED' | 'EXPIRED']}</Notice>}
      <div className="recording-columns">
        <div className="recording-main">
          {isPlayable && <div className="frame"><Player key={version} source={{ kind: 'recording', assetId: asset.id }} viewing={viewing} /></div>}
          {isPlayable && mayWrite && <CutForm key={version} asset={asset} viewing={viewing} />}
        </div>
        <div className="recording-side">
          <AssetFactsCard asset={asset} />
          {isPlayable && <Files asset={asset} />}
          {isPlayable && (asset.chapters?.length ?? 0) > 1 && <ChapterList asset={asset} goTo={(at) => viewing.current?.seekTo(at)} />}
          {isPlayable && <PosterCard asset={asset} at={mayWrite ? () => viewing.current?.frameTime ?? null : null} />}
        </div>
      </div>
      {leaving && <DeleteAsset asset={asset} onClose={() => setLeaving(false)} />}
    </Page>
  );
}

function AssetFactsCard({ asset }: { asset: AssetWholeFragment }) {
  const { m, f } = useSpeech();
  const t = m.recordings;
  const { channel, session, parent, durationSeconds, wholeDurationSeconds, gapsSeconds, bytes, expiresAt, playbackUrl } = asset;
  return (
    <Card title={t.facts}>
      <Facts facts={[
        [t.kind, t.kinds[asset.kind]],
        asset.exact ? [t.cut, t.exact] : null,
        channel == null ? null : [t.channel, <Link href={`/channels/${encodeURIComponent(channel.id)}`}>{channel.name}</Link>],
        session == null ? null : [t.session, <Link href={`/sessions/${encodeURIComponent(session.id)}`}><Moment at={session.startedAt} /></Link>],
        parent === null ? null : [t.cutFrom, <Link href={`/recordings/${encodeURIComponent(parent.id)}`}>{parent.title ?? t.aRecording}</Link>],
        durationSeconds === null ? null : [t.length, <span className="figures">{placeText(durationSeconds)}{asset.trimmed && wholeDurationSeconds !== null ? ` ${t.ofWhole(placeText(wholeDurationSeconds))}` : ''}</span>],
        gapsSeconds === null || gapsSeconds === 0 ? null : [t.gaps, t.gapsText(placeText(gapsSeconds))],
        bytes === null ? null : [t.size, f.size(bytes)],
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

/** As a file: made for it, and, of a source record, as it was sent. */
function Files({ asset }: { asset: AssetWholeFragment }) {
  const { m } = useSpeech();
  const t = m.recordings;
  const { sourceUrls } = asset;
  return (
    <Card title={t.files}>
      <p className="help">{t.downloadHelp}</p>
      <Download asset={asset} />
      {sourceUrls.length > 0 && (
        <div className="download-parts">
          <p className="label">{t.asSent}</p>
          {sourceUrls.map((url, place) => (
            <a key={url} className="button plain small" href={pathIn(url)} download={`${asset.id}-${place + 1}.mp4`}>
              <Icon name="download" /><span>{sourceUrls.length === 1 ? t.downloadSent : t.downloadPart(place + 1)}</span>
            </a>
          ))}
        </div>
      )}
    </Card>
  );
}

function ChapterList({ asset, goTo }: { asset: AssetWholeFragment; goTo: (at: number) => void }) {
  const { m, f } = useSpeech();
  return (
    <Card title={m.recordings.chapters}>
      <ol className="chapter-list">
        {(asset.chapters ?? []).map(({ at, title }) => (
          <li key={at}><button type="button" className="chapter" onClick={() => goTo(at)}><span className="figures">{f.clock(at)}</span><span>{title}</span></button></li>
        ))}
      </ol>
    </Card>
  );
}

/** What stands for it where it is not played; `at`: where the picture stands, for who may choose. */
function PosterCard({ asset, at }: { asset: AssetWholeFragment; at: (() => number | null) | null }) {
  const { m } = useSpeech();
  const t = m.recordings;
  const toast = useToast();
  const { run, busy, fault } = useAction(SetPosterDocument);
  const choose = async () => {
    const wanted = at?.() ?? null;
    if (wanted !== null && (await run({ id: asset.id, at: wanted })) !== null) toast.say(t.posterSet);
  };
  return (
    <Card title={t.poster}>
      {asset.thumbnailUrl !== null && <img className="poster" src={`${pathIn(asset.thumbnailUrl)}?width=640${asset.posterAt === null ? '' : `&at=${asset.posterAt}`}`} alt={t.posterAlt} />}
      <p className="help">{asset.posterAt === null ? t.posterOurs : t.posterAt(placeText(asset.posterAt))}</p>
      {at !== null && <Button small icon="image" isPending={busy} onPress={() => void choose()}>{t.setPoster}</Button>}
      {fault !== null && <FaultNotice fault={fault} />}
    </Card>
  );
}
