import { useState } from 'react';
import { useQuery } from 'urql';
import { Link } from 'wouter';
import { SessionChangesDocument, SessionDetailsDocument, TakeLiveDocument, type SessionDetailFragment } from '../../api/generated';
import { faultIn, useAction, useLastKnown, useLive, useMay } from '../../api/react';
import { useSpeech } from '../../messages/react';
import { Player } from '../../player/react';
import { SessionBadge } from '../../ui/badge';
import { Button } from '../../ui/button';
import { Icon } from '../../ui/icon';
import { Card, Page } from '../../ui/page';
import { EmptyState, FaultNotice, Loading, Notice } from '../../ui/states';
import { useToast } from '../../ui/toast';
import { ClipNow } from '../recordings/clip-now';
import { AssetWall } from '../recordings/wall';
import { EndSession } from './end-session';
import { InputFacts, LostNotice, SessionFacts, Warnings } from './facts';
import { useFeed, useWarnings } from './feed';
import { FeedCharts } from './feed-charts';
import { Timeline } from './timeline';
import './session.css';

/** One broadcast: what is seen, what is sent, what is wrong, what happened. */
export default function Session({ id }: { id: string }) {
  const { m } = useSpeech();
  const [{ data, error, fetching }, read] = useQuery({ query: SessionDetailsDocument, variables: { id } });
  const session = useLastKnown(data?.session);
  useLive(SessionChangesDocument, { id }, { when: session != null && session.state !== 'ENDED' });
  if (session != null) return <SessionView session={session} />;
  const fault = faultIn(error);
  return (
    <Page title={m.sessionPage.title} scope="sessions:read">
      {fault !== null && fault.code !== 'NOT_FOUND' ? <FaultNotice fault={fault} title={m.faults.loadTitle} retry={() => read({ requestPolicy: 'network-only' })} />
        : fetching || (session === undefined && fault === null) ? <Loading />
        : <EmptyState icon="channels" title={m.sessionPage.notFoundTitle}>{m.sessionPage.notFound}</EmptyState>}
    </Page>
  );
}

function SessionView({ session }: { session: SessionDetailFragment }) {
  const { m } = useSpeech();
  const t = m.sessionPage;
  const [ending, setEnding] = useState(false);
  const mayWrite = useMay('sessions:write');
  const [mayAssets, mayCut] = [useMay('assets:read'), useMay('assets:write')];
  const [cutting, setCutting] = useState(false);
  const maySeeHealth = useMay('health:read');
  const { id, channel, state, reconnectUntil } = session;
  const onAir = state !== 'ENDED';
  const feed = useFeed(id, onAir && maySeeHealth);
  const warnings = useWarnings(feed);
  const title = channel === null ? t.ofDeleted : t.of(channel.name);
  const change = `${state} ${session.input?.videoCodec ?? ''} ${session.input?.width ?? ''} ${warnings.map(({ name, since }) => name + since).join()}`;
  return (
    <Page
      title={title} scope="sessions:read" className="session-page"
      above={channel === null ? undefined : <Link href={`/channels/${channel.id}`} className="back-link"><Icon name="arrowLeft" />{channel.name}</Link>}
      heading={<span className="session-heading">{title}<SessionBadge state={state} /></span>}
      actions={<>
        {channel !== null && onAir && <a className="button plain" href={channel.watchUrl} target="_blank" rel="noreferrer"><Icon name="external" /><span>{t.watch}</span><span className="off-screen"> {m.common.opensNewTab}</span></a>}
        {mayCut && state === 'LIVE' && <Button icon="scissors" onPress={() => setCutting(true)}>{m.recordings.clipNowShort}</Button>}
        {mayWrite && onAir && <Button look="danger" icon="stop" onPress={() => setEnding(true)}>{t.end}</Button>}
      </>}
    >
      {state === 'ERROR' && <LostNotice until={reconnectUntil} />}
      <div className="session-columns">
        <div className="session-main">
          {onAir && <Preview session={session} />}
          {onAir && maySeeHealth && <Warnings feed={feed} />}
        </div>
        <div className="session-side">
          <SessionFacts session={session} />
          <InputFacts session={session} feed={feed} />
        </div>
      </div>
      {onAir && (maySeeHealth ? <FeedCharts feed={feed} session={id} /> : <Notice>{t.chartsNeed}</Notice>)}
      {mayAssets && <Card title={m.recordings.title}><AssetWall wanted={channel === null ? { sessionId: id } : { sessionId: id, channelId: channel.id }} of="nothing" empty={m.recordings.emptySession} /></Card>}
      <Timeline id={id} change={change} />
      {mayWrite && <EndSession id={id} isOpen={ending && onAir} onClose={() => setEnding(false)} />}
      {cutting && <ClipNow sessionId={id} onClose={() => setCutting(false)} />}
    </Page>
  );
}

/** The picture as the encoder sends it, and the step to the public. */
function Preview({ session }: { session: SessionDetailFragment }) {
  const { m } = useSpeech();
  const t = m.sessionPage;
  const toast = useToast();
  const mayWrite = useMay('sessions:write');
  const { run, busy, fault } = useAction(TakeLiveDocument);
  const isPreview = session.state === 'PROCESSING';
  const goLive = async () => {
    if ((await run({ id: session.id })) !== null) toast.say(t.wentLiveNow);
  };
  return (
    <Card className="preview-card">
      <Player source={{ kind: 'preview', url: session.previewUrl }} />
      {isPreview && (
        <div className="preview-foot">
          <p>{t.previewHelp}</p>
          {mayWrite && <Button look="live" icon="live" isPending={busy} pendingLabel={t.goLiveBusy} onPress={() => void goLive()}>{t.goLive}</Button>}
        </div>
      )}
      {fault !== null && <FaultNotice fault={fault} />}
    </Card>
  );
}
