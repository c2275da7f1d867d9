import { useState } from 'react';
import { Link } from 'wouter';
import { useQuery } from 'urql';
import { ChannelChangedDocument, ChannelDocument, type ChannelFactsFragment, type SessionFactsFragment } from '../../api/generated';
import { faultIn, useLive, useMay } from '../../api/react';
import { useSpeech } from '../../messages/react';
import { Badge } from '../../ui/badge';
import { ButtonLink } from '../../ui/button';
import { Copyable } from '../../ui/copy';
import { Icon } from '../../ui/icon';
import { Card, Facts, Page } from '../../ui/page';
import { EmptyState, FaultNotice, Skeleton } from '../../ui/states';
import { Tabs } from '../../ui/tabs';
import { Clock, Moment } from '../../ui/time';
import { AssetWall } from '../recordings/wall';
import { ChannelActions } from './actions';
import { PushPanel } from './push';
import { SessionHistory } from './sessions';
import { SettingsForm } from './settings-form';
import { Stage } from './stage';
import './channel.css';

export default function Channel({ id }: { id: string }) {
  const { m } = useSpeech();
  const { channel, session, fault, fetching } = useChannel(id);
  const above = <Link href="/channels" className="back-link"><Icon name="arrowLeft" />{m.channel.back}</Link>;
  if (channel === null) {
    return (
      <Page title={m.channels.title} heading={fetching ? <Skeleton className="title" /> : m.channel.notFoundTitle} above={above} scope="channels:read">
        {fault !== null && fault.code !== 'NOT_FOUND' ? <FaultNotice fault={fault} title={m.faults.loadTitle} /> : fetching ? <Waiting /> : <EmptyState icon="search" action={<ButtonLink href="/channels" icon="channels">{m.channel.back}</ButtonLink>}>{m.channel.notFound}</EmptyState>}
      </Page>
    );
  }
  return (
    <Page title={channel.name} above={above} scope="channels:read" className="channel-page" actions={
      <>
        <a className="button plain" href={new URL(channel.watchUrl, location.href).pathname} target="_blank" rel="noopener">
          <Icon name="external" /><span>{m.channel.watchPage}</span><span className="off-screen">{m.common.opensNewTab}</span>
        </a>
        <ChannelActions channel={channel} session={session} />
      </>
    }>
      <Whole channel={channel} session={session} />
    </Page>
  );
}

function Whole({ channel, session }: { channel: ChannelFactsFragment; session: SessionFactsFragment | null }) {
  const { m } = useSpeech();
  const maySessions = useMay('sessions:read');
  const mayAssets = useMay('assets:read');
  const onAir = channel.state === 'ACTIVE';
  // A channel with nothing on air wants an encoder; one on air wants to be looked at.
  const [tab, setTab] = useState<'push' | 'settings' | 'sessions' | 'recordings'>('push');
  const version = `${session?.id ?? ''} ${session?.state ?? ''}`;
  return (
    <>
      <div className="channel-top">
        <Stage channel={channel} session={session} />
        <div className="beside-stage">
          {onAir && session !== null && session.state !== 'ENDED' && <CurrentSession session={session} />}
          <ForViewers channel={channel} />
        </div>
      </div>
      <Tabs label={channel.name} selected={tab} onSelect={setTab} tabs={[
        { id: 'push', label: m.channel.tabs.push, content: <PushPanel channel={channel} /> },
        { id: 'settings', label: m.channel.tabs.settings, content: <SettingsForm channel={channel} /> },
        ...(maySessions ? [{ id: 'sessions' as const, label: m.channel.tabs.sessions, content: <SessionHistory channelId={channel.id} version={version} /> }] : []),
        ...(mayAssets ? [{ id: 'recordings' as const, label: m.channel.tabs.recordings, content: <Card title={m.recordings.title}><AssetWall wanted={{ channelId: channel.id }} of="session" empty={m.recordings.emptyChannel} /></Card> }] : []),
      ]} />
    </>
  );
}

function CurrentSession({ session }: { session: SessionFactsFragment }) {
  const { m, f } = useSpeech();
  const { input } = session;
  const picture = input?.width == null ? null : `${input.width}×${input.height}${input.frameRate === null ? '' : `, ${m.session.frameRate(f.number(input.frameRate, Number.isInteger(input.frameRate) ? 0 : 2))}`}`;
  const codecs = input === null ? [] : [input.videoCodec, input.audioCodec].filter((codec) => codec !== null);
  return (
    <Card title={m.session.current} actions={<ButtonLink href={`/sessions/${encodeURIComponent(session.id)}`} small icon="chevronRight">{m.session.open}</ButtonLink>}>
      <Facts facts={[
        [m.session.duration, <Clock since={session.startedAt} />],
        [m.session.startedAt, <Moment at={session.startedAt} />],
        [m.session.picture, picture ?? <span className="help">{m.session.noInput}</span>],
        [m.session.input, codecs.length === 0 ? '–' : <span className="codecs">{codecs.map((codec) => <Badge key={codec}>{codec}</Badge>)}{input?.bitrate == null ? '' : f.bitrate(input.bitrate)}</span>],
        [m.session.encoder, input?.encoder ?? '–'],
      ]} />
    </Card>
  );
}

function ForViewers({ channel }: { channel: ChannelFactsFragment }) {
  const { m } = useSpeech();
  return (
    <Card title={m.channel.links} className="for-viewers">
      <div className="links">
        <span className="label">{m.channel.watchPage}</span>
        <Copyable text={channel.watchUrl} what={m.channel.watchPage} />
        <span className="label">{m.channel.playbackUrl}</span>
        <Copyable text={channel.playbackUrl} what={m.channel.playbackUrl} />
        <span className="label">{m.channel.id}</span>
        <Copyable text={channel.id} what={m.channel.id} />
      </div>
    </Card>
  );
}

function Waiting() {
  return (
    <div className="channel-top" aria-hidden="true">
      <div className="on-stage"><div className="frame" /></div>
      <div className="beside-stage"><Card><Skeleton lines={5} /></Card></div>
    </div>
  );
}

/** The channel with what is on air there, kept right by what the platform tells. */
function useChannel(id: string) {
  const sessions = useMay('sessions:read');
  const mayChannels = useMay('channels:read');
  const variables = { id, sessions };
  const [{ data, error, fetching }, ask] = useQuery({ query: ChannelDocument, variables, pause: !mayChannels });
  // It tells of the channel's sessions too, and ends when the channel is deleted.
  useLive(ChannelChangedDocument, variables, { when: mayChannels, onEnd: () => ask({ requestPolicy: 'network-only' }) });
  const channel: ChannelFactsFragment | null = data?.channel ?? null;
  const session: SessionFactsFragment | null = data?.channel?.currentSession ?? null;
  return { channel, session, fault: faultIn(error), fetching };
}
