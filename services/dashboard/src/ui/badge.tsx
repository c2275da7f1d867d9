import type { ReactNode } from 'react';
import type { AssetState, ChannelState, SessionState } from '../api/generated';
import { useSpeech } from '../messages/react';

export type Tone = 'quiet' | 'live' | 'good' | 'warn' | 'bad' | 'accent';

export function Badge({ tone = 'quiet', dot = false, pulse = false, title, children }: { tone?: Tone; dot?: boolean; pulse?: boolean; title?: string; children: ReactNode }) {
  return (
    <span className={`badge ${tone}`} title={title}>
      {dot && <span className={pulse ? 'badge-dot pulsing' : 'badge-dot'} aria-hidden="true" />}
      {children}
    </span>
  );
}

const SESSION_TONES: Record<SessionState, Tone> = { INIT: 'accent', PROCESSING: 'accent', LIVE: 'live', ERROR: 'warn', ENDED: 'quiet' };

export function SessionBadge({ state }: { state: SessionState }) {
  const { m } = useSpeech();
  return <Badge tone={SESSION_TONES[state]} dot={state !== 'ENDED'} pulse={state === 'LIVE'} title={m.sessionStateHelp[state]}>{m.sessionState[state]}</Badge>;
}

/** A channel's state; on air it is the session's that tells more. */
export function ChannelBadge({ state, session }: { state: ChannelState; session?: SessionState | null | undefined }) {
  const { m } = useSpeech();
  if (state === 'ACTIVE' && session != null && session !== 'ENDED') return <SessionBadge state={session} />;
  const tone: Tone = state === 'ACTIVE' ? 'live' : state === 'STOP' ? 'warn' : 'quiet';
  return <Badge tone={tone} dot={state === 'ACTIVE'} title={m.channelStateHelp[state]}>{m.channelState[state]}</Badge>;
}

const ASSET_TONES: Record<AssetState, Tone> = { STARTED: 'live', READY: 'good', FAILED: 'bad', DELETED: 'quiet', EXPIRED: 'quiet' };

export function AssetBadge({ state }: { state: AssetState }) {
  const { m } = useSpeech();
  return <Badge tone={ASSET_TONES[state]} dot={state === 'STARTED'} pulse={state === 'STARTED'} title={m.recordings.statesHelp[state]}>{m.recordings.states[state]}</Badge>;
}
