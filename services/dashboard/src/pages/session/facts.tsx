import type { SessionDetailFragment } from '../../api/generated';
import { useNow } from '../../api/time';
import { useSpeech } from '../../messages/react';
import { Copyable } from '../../ui/copy';
import { Icon } from '../../ui/icon';
import { Card, Facts } from '../../ui/page';
import { Notice } from '../../ui/states';
import { Ago, Clock, Moment } from '../../ui/time';
import { useLatest, useWarnings, type Feed } from './feed';
import { warningWords } from './warnings';

type Session = SessionDetailFragment;

/** When it began, how long it has lasted, how it ended, where viewers find it. */
export function SessionFacts({ session }: { session: Session }) {
  const { m } = useSpeech();
  const t = m.sessionPage;
  const { startedAt, liveAt, endedAt, endReason, latencyMode, playbackUrl, state } = session;
  return (
    <Card title={t.facts}>
      <Facts facts={[
        [endedAt === null ? t.runningFor : t.lasted, <Clock since={startedAt} until={endedAt} />],
        liveAt === null ? null : [t.liveFor, <Clock since={liveAt} until={endedAt} />],
        [t.began, <Moment at={startedAt} />],
        liveAt === null ? null : [t.wentLive, <Moment at={liveAt} />],
        endedAt === null ? null : [t.ended, <Moment at={endedAt} />],
        endReason === null ? null : [m.session.reason, m.endReason[endReason]],
        [t.latencyMode, m.latencyMode[latencyMode]],
      ]} />
      {state !== 'ENDED' && (
        <div className="playlist">
          <p className="label">{t.playlist}</p>
          <Copyable text={playbackUrl} what={t.playlist} />
          <p className="help">{t.playlistHelp}</p>
        </div>
      )}
      {state === 'ENDED' && <div className="kept"><Notice icon="info"><p className="notice-box-title">{t.kept}</p><p>{t.keptText}</p></Notice></div>}
    </Card>
  );
}

/** What the encoder sends, as it was understood, with the newest measurements. */
export function InputFacts({ session, feed }: { session: Session; feed: Feed }) {
  const { m, f } = useSpeech();
  const t = m.sessionPage;
  const { input, state } = session;
  const newest = useLatest(feed);
  const latest = state === 'ENDED' ? null : newest;
  if (input === null) return <Card title={t.input}><p className="help">{state === 'ENDED' ? t.inputNever : t.inputNone}</p></Card>;
  const keyFrames = latest?.keyFrameInterval ?? null;
  const bitrate = latest === null ? input.bitrate : latest.videoBitrate + latest.audioBitrate;
  return (
    <Card title={t.input}>
      <Facts facts={[
        [t.video, input.videoCodec ?? t.noVideo],
        input.width === null || input.height === null ? null : [t.size, `${input.width} × ${input.height}`],
        input.frameRate === null ? null : [t.rate, t.framesPerSecond(f.number(input.frameRate, Number.isInteger(input.frameRate) ? 0 : 2))],
        keyFrames === null ? null : [t.keyFrames, t.everySeconds(f.number(keyFrames, 1))],
        [t.audio, input.audioCodec ?? t.noAudio],
        bitrate === null ? null : [t.bitrate, <span className="figures">{f.bitrate(bitrate)}</span>],
        [t.protocol, input.protocol],
        input.encoder === null ? null : [t.encoder, input.encoder],
      ]} />
    </Card>
  );
}

/** What is wrong with the feed now, and how to mend it. */
export function Warnings({ feed }: { feed: Feed }) {
  const { m, f } = useSpeech();
  const warnings = useWarnings(feed);
  const words = warnings.map((warning) => ({ warning, ...warningWords(warning, m, f) }));
  return (
    <Card title={m.sessionPage.warnings} className="warnings-card">
      <span className="off-screen" role="status">{words.map(({ title }) => m.sessionPage.warningRaised(title)).join('. ')}</span>
      {words.length === 0 ? <p className="help fine"><Icon name="check" /> {m.sessionPage.noWarnings}</p> : (
        <ul className="warnings">
          {words.map(({ warning, title, text }) => (
            <li key={warning.name} className="warning">
              <Icon name="warning" />
              <div>
                <p className="warning-title">{title}</p>
                <p>{text}</p>
                <p className="help">{m.sessionPage.warningSince} <Ago at={warning.since} /></p>
              </div>
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}

/** The feed is lost: how long the session still waits. */
export function LostNotice({ until }: { until: string | null }) {
  const { m, f } = useSpeech();
  const now = useNow();
  return (
    <Notice warned icon="cloudOff">
      <p>{until === null ? m.sessionPage.backSoon : m.sessionPage.backUntil(f.clock(Math.max(0, (Date.parse(until) - now) / 1_000)))}</p>
    </Notice>
  );
}
