import { useState } from 'react';
import { GoLiveDocument, type ChannelFactsFragment, type SessionFactsFragment } from '../../api/generated';
import { useAction, useMay } from '../../api/react';
import { useNow } from '../../api/time';
import { useSpeech } from '../../messages/react';
import { Player } from '../../player/react';
import { Badge, ChannelBadge } from '../../ui/badge';
import { Button } from '../../ui/button';
import { Icon } from '../../ui/icon';
import { FaultNotice } from '../../ui/states';
import { Clock, Moment } from '../../ui/time';
import { useToast } from '../../ui/toast';

interface StageProps {
  readonly channel: ChannelFactsFragment;
  /** The attached session, where the token may see it. */
  readonly session: SessionFactsFragment | null;
}

/** The picture, or in its place what is the matter; below it what can be done with it. Its size never changes. */
export function Stage({ channel, session }: StageProps) {
  const { m } = useSpeech();
  const maySessions = useMay('sessions:read');
  const [behind, setBehind] = useState('');
  const onAir = session !== null && session.state !== 'ENDED';
  const picture = onAir && session.state !== 'INIT';
  return (
    <div className="on-stage">
      <div className="frame" role="group" aria-label={m.channel.player}>
        {picture ? <Player key={session.id} source={{ kind: 'preview', url: session.previewUrl }} onBehind={setBehind} />
          : channel.state === 'ACTIVE' && !maySessions ? <Player source={{ kind: 'live', playbackId: channel.playbackId }} onBehind={setBehind} />
          : <Nothing channel={channel} connecting={onAir || channel.state === 'ACTIVE'} />}
      </div>
      <div className="under-stage">
        <ChannelBadge state={channel.state} session={session?.state} />
        {onAir && session.liveAt !== null && <span className="with-icon help"><Icon name="clock" /><Clock since={session.liveAt} /></span>}
        {session?.state === 'ERROR' && session.reconnectUntil !== null && <span className="help">{m.session.backUntilWords} <Moment at={session.reconnectUntil} seconds /></span>}
        {picture && behind !== '' && <span className="help figures" title={m.player.controls.behindHelp}>{behind}</span>}
        <Badge title={m.latencyModeHelp[channel.latencyMode]}>{m.latencyModeLong[session?.latencyMode ?? channel.latencyMode]}</Badge>
      </div>
      {session?.state === 'PROCESSING' && <GoLive session={session} byItself={channel.autoGoLive} />}
    </div>
  );
}

function Nothing({ channel, connecting }: { channel: ChannelFactsFragment; connecting: boolean }) {
  const { m } = useSpeech();
  const [title, text] = channel.state === 'STOP' ? [m.channel.stoppedTitle, m.channel.stoppedText]
    : connecting ? [m.channel.connectingTitle, m.channel.connectingText]
    : [m.channel.idleTitle, m.channel.idleText];
  return (
    <div className="nothing" role="status">
      {connecting ? <span className="spinner large" aria-hidden="true" /> : <Icon name={channel.state === 'STOP' ? 'stop' : 'live'} />}
      <p className="nothing-title">{title}</p>
      <p>{text}</p>
    </div>
  );
}

/** A session that goes live by itself does so within this; only then is it worth a button. */
const BY_ITSELF_WITHIN_MS = 12_000;

function GoLive({ session, byItself }: { session: SessionFactsFragment; byItself: boolean }) {
  const now = useNow();
  const { m } = useSpeech();
  const toast = useToast();
  const mayWrite = useMay('sessions:write');
  const { run, busy, fault } = useAction(GoLiveDocument);
  async function go() {
    if ((await run({ sessionId: session.id })) !== null) toast.say(m.channel.wentLive);
  }
  if (byItself && now - Date.parse(session.startedAt) < BY_ITSELF_WITHIN_MS) return null;
  return (
    <div className="go-live">
      <div>
        <p className="go-live-title">{m.channel.previewLabel}</p>
        <p className="help">{m.channel.previewExplain}</p>
      </div>
      {mayWrite && <Button look="live" icon="live" isPending={busy} pendingLabel={m.channel.goingLive} onPress={() => void go()}>{m.channel.goLive}</Button>}
      {fault !== null && <FaultNotice fault={fault} />}
    </div>
  );
}
