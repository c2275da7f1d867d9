import { useCallback, useState } from 'react';
import type { ChannelFactsFragment } from '../../api/generated';
import { RotateStreamKeyDocument, StreamKeyDocument } from '../../api/generated';
import { useAction, useApi, useMay } from '../../api/react';
import { remember, remembered } from '../../app/memory';
import { sentenceOf } from '../../messages/faults';
import { useSpeech } from '../../messages/react';
import { Button, IconButton } from '../../ui/button';
import { CopyButton, Copyable } from '../../ui/copy';
import { FormDialog } from '../../ui/dialog';
import { Radios, Segments } from '../../ui/fields';
import { Card } from '../../ui/page';
import { useToast } from '../../ui/toast';
import { ENCODERS, ENCODER_NAMES, ffmpegCommand, gstreamerCommand, keyFrameSeconds, type Encoder } from './commands';

const MASK = '••••••••••••••••••••••••';
const OVERLAPS = [0, 3_600, 86_400, 604_800] as const;

/** What an encoder needs. The key is fetched only when it is asked for, and is forgotten with the page. */
export function PushPanel({ channel }: { channel: ChannelFactsFragment }) {
  const { m } = useSpeech();
  const [encoder, setEncoder] = useState<Encoder>(() => ENCODERS.find((one) => one === remembered('sigma.push-with')) ?? 'obs');
  const key = useStreamKey(channel.id);
  const choose = (chosen: Encoder) => {
    setEncoder(chosen);
    remember('sigma.push-with', chosen);
  };
  return (
    <Card title={m.push.title} className="push" actions={
      <Segments label={m.push.with} value={encoder} onChange={choose} choices={ENCODERS.map((value) => ({ value, label: ENCODER_NAMES[value] }))} />
    }>
      {encoder === 'obs' ? <ObsSteps channel={channel} streamKey={key} /> : <Command channel={channel} encoder={encoder} streamKey={key} />}
    </Card>
  );
}

interface StreamKey {
  /** Shown now. */
  readonly shown: string | null;
  readonly busy: boolean;
  /** Fetches the key, which the platform notes in its log; null when it is refused, and that has been said. */
  readonly fetch: () => Promise<string | null>;
  readonly show: () => Promise<void>;
  readonly hide: () => void;
  readonly put: (key: string) => void;
}

function useStreamKey(channelId: string): StreamKey {
  const { m } = useSpeech();
  const api = useApi();
  const toast = useToast();
  const [shown, setShown] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const fetch = useCallback(async () => {
    setBusy(true);
    const { data, fault } = await api.ask(StreamKeyDocument, { id: channelId });
    setBusy(false);
    if (data?.channel != null) return data.channel.ingest.streamKey;
    toast.warn(fault === null ? m.channel.notFoundTitle : sentenceOf(fault, m));
    return null;
  }, [api, channelId, m, toast]);
  const show = useCallback(async () => {
    const key = await fetch();
    if (key === null) return;
    setShown(key);
    toast.say(m.push.shownNoted);
  }, [fetch, m, toast]);
  return { shown, busy, fetch, show, hide: () => setShown(null), put: setShown };
}

interface WithKey {
  readonly channel: ChannelFactsFragment;
  readonly streamKey: StreamKey;
}

/** Encoders go the encrypted way where there is one. */
const serverOf = ({ ingest }: ChannelFactsFragment): string => ingest.rtmpsUrl ?? ingest.rtmpUrl;

/** The server's address, and where that is an encrypted one, the other for encoders that cannot use it. */
function Server({ channel }: { channel: ChannelFactsFragment }) {
  const { m } = useSpeech();
  const { rtmpUrl, rtmpsUrl } = channel.ingest;
  if (rtmpsUrl === null) return (
    <>
      <span className="label">{m.push.server}</span>
      <Copyable text={rtmpUrl} what={m.push.server} />
    </>
  );
  return (
    <>
      <span className="label">{m.push.server}</span>
      <div>
        <Copyable text={rtmpsUrl} what={m.push.server} />
        <p className="help">{m.push.secure}</p>
      </div>
      <span className="label">{m.push.serverClear}</span>
      <Copyable text={rtmpUrl} what={m.push.serverClear} />
    </>
  );
}

function ObsSteps({ channel, streamKey }: WithKey) {
  const { m } = useSpeech();
  return (
    <ol className="steps">
      <li>{m.push.obs.step1}</li>
      <li>
        <p>{m.push.obs.step2}</p>
        <div className="push-fields">
          <Server channel={channel} />
          <span className="label">{m.push.key}</span>
          <KeyField channel={channel} streamKey={streamKey} />
        </div>
      </li>
      <li>{m.push.obs.step3(keyFrameSeconds(channel.latencyMode))} <span className="help">{m.push.obs.step3Why}</span></li>
      <li>{m.push.obs.step4}</li>
    </ol>
  );
}

function Command({ channel, encoder, streamKey }: WithKey & { encoder: Exclude<Encoder, 'obs'> }) {
  const { m } = useSpeech();
  const maySecrets = useMay('channels:secrets');
  const command = encoder === 'ffmpeg' ? ffmpegCommand : gstreamerCommand;
  const withVariable = command(serverOf(channel), { variable: true }, channel.latencyMode);
  const withKey = async () => {
    const key = streamKey.shown ?? (await streamKey.fetch());
    return key === null ? null : command(serverOf(channel), { text: key }, channel.latencyMode);
  };
  return (
    <div className="push-command">
      <p className="help">{encoder === 'ffmpeg' ? m.push.file : m.push.testPicture}</p>
      <div className="code-block">
        <pre tabIndex={0} aria-label={m.push.command}><code>{withVariable}</code></pre>
      </div>
      <div className="push-actions">
        <CopyButton text={withVariable} what={m.push.command} />
        {maySecrets && <CopyButton text={withKey} what={m.push.command} label={m.push.copyCommand} done={m.push.copiedNoted} />}
      </div>
      <p className="help">{m.push.commandKey}</p>
      <div className="push-fields">
        <Server channel={channel} />
        <span className="label">{m.push.key}</span>
        <KeyField channel={channel} streamKey={streamKey} />
      </div>
    </div>
  );
}

function KeyField({ channel, streamKey }: WithKey) {
  const { m } = useSpeech();
  const maySecrets = useMay('channels:secrets');
  const mayWrite = useMay('channels:write');
  const [rotating, setRotating] = useState(false);
  const { shown, busy, fetch, show, hide, put } = streamKey;
  if (!maySecrets) return <p className="help">{m.push.noSecrets}</p>;
  return (
    <div className="key">
      <div className="key-row">
        <span className="copyable key-box" data-testid="stream-key">
          {shown === null ? <code><span aria-hidden="true">{MASK}</span><span className="off-screen">{m.push.keyMasked}</span></code> : <code tabIndex={0}>{shown}</code>}
          <IconButton icon={shown === null ? 'eye' : 'eyeOff'} small label={shown === null ? m.push.showKey : m.push.hideKey} isPending={busy} onPress={() => (shown === null ? void show() : hide())} />
          <CopyButton text={shown ?? fetch} what={m.push.key} iconOnly look="quiet" {...(shown === null ? { done: m.push.copiedNoted } : {})} />
        </span>
        {mayWrite && <Button small icon="rotate" onPress={() => setRotating(true)}>{m.push.rotate}</Button>}
      </div>
      <p className="help">{m.push.keyHelp} {m.push.logged}</p>
      {rotating && <Rotate channelId={channel.id} onClose={() => setRotating(false)} onKey={put} />}
    </div>
  );
}

function Rotate({ channelId, onClose, onKey }: { channelId: string; onClose: () => void; onKey: (key: string) => void }) {
  const { m, f } = useSpeech();
  const toast = useToast();
  const { run, busy, fault } = useAction(RotateStreamKeyDocument);
  const [overlap, setOverlap] = useState<`${(typeof OVERLAPS)[number]}`>('3600');
  async function rotate() {
    const seconds = Number(overlap);
    const done = await run({ channelId, overlapSeconds: seconds });
    if (done === null) return;
    if (done.rotateStreamKey.streamKey !== null) onKey(done.rotateStreamKey.streamKey);
    onClose();
    toast.say(seconds === 0 ? m.push.rotated : m.push.rotatedOverlap(f.span(seconds)));
  }
  return (
    <FormDialog isOpen onClose={onClose} title={m.push.rotateTitle} submit={m.push.rotateSubmit} busy={busy} fault={fault} onSubmit={() => void rotate()}>
      <p>{m.push.rotateText}</p>
      <Radios label={m.push.overlap} value={overlap} onChange={setOverlap} choices={OVERLAPS.map((seconds) => ({ value: `${seconds}` as const, label: m.push.overlaps[seconds] }))} />
    </FormDialog>
  );
}
