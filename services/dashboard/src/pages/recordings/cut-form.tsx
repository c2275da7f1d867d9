import { useState, type FormEvent } from 'react';
import { useLocation } from 'wouter';
import { CutClipDocument, TrimAssetDocument, UntrimAssetDocument, type AssetFactsFragment } from '../../api/generated';
import { useAction } from '../../api/react';
import { useSpeech } from '../../messages/react';
import { Button, IconButton } from '../../ui/button';
import { TextField } from '../../ui/fields';
import { Card } from '../../ui/page';
import { FaultNotice, Notice } from '../../ui/states';
import { useToast } from '../../ui/toast';
import { clockOf, rangeProblems, secondsOf } from './figures';

/** A step of the picture: most broadcasts have 25 frames a second or more. */
const FRAME = 1 / 25;

/** Marks a beginning and an end where the picture stands, and makes a clip of what is between, or shows that alone. */
export function CutForm({ asset, video }: { asset: AssetFactsFragment; video: () => HTMLVideoElement | null }) {
  const { m } = useSpeech();
  const t = m.recordings;
  const toast = useToast();
  const [, navigate] = useLocation();
  const length = asset.durationSeconds ?? 0;
  const [from, setFrom] = useState('0:00');
  const [to, setTo] = useState(clockOf(length));
  const [title, setTitle] = useState('');
  const [tried, setTried] = useState(false);
  const clip = useAction(CutClipDocument);
  const trim = useAction(TrimAssetDocument);
  const untrim = useAction(UntrimAssetDocument);
  const busy = clip.busy || trim.busy || untrim.busy;
  const fault = clip.fault ?? trim.fault ?? untrim.fault;
  const [begin, end] = [secondsOf(from), secondsOf(to)];
  const problems = rangeProblems(begin, end, length, m);
  const isRight = Object.keys(problems).length === 0 && begin !== null && end !== null;
  const told = (field: 'from' | 'to') => (tried ? problems[field] : undefined) ?? fault?.fields.get(field);

  const at = () => video()?.currentTime ?? 0;
  const mark = (set: (text: string) => void) => set(clockOf(at()));
  const step = (seconds: number) => {
    const picture = video();
    if (picture === null) return;
    picture.pause();
    picture.currentTime = Math.max(0, at() + seconds);
  };
  const resetFaults = () => { clip.reset(); trim.reset(); untrim.reset(); };

  async function cut(event: FormEvent) {
    event.preventDefault();
    setTried(true);
    resetFaults();
    if (busy || !isRight) return;
    const made = await clip.run({ input: { assetId: asset.id, from: begin, to: Math.min(end, length), ...(title.trim() === '' ? {} : { title: title.trim() }) } });
    if (made === null) return;
    toast.say(t.clipReady);
    navigate(`/recordings/${encodeURIComponent(made.createClip.asset.id)}`);
  }

  async function showOnly() {
    setTried(true);
    resetFaults();
    if (busy || !isRight) return;
    if ((await trim.run({ id: asset.id, from: begin, to: Math.min(end, length) })) === null) return;
    // What is shown is another thing now: the form begins anew with it.
    toast.say(t.trimmedNow);
  }

  async function showAll() {
    resetFaults();
    if ((await untrim.run({ id: asset.id })) === null) return;
    toast.say(t.untrimmedNow);
  }

  return (
    <Card title={t.cut} className="cut">
      <form onSubmit={(event) => void cut(event)} noValidate>
        <div className="cut-steps" role="group" aria-label={t.steps}>
          <IconButton icon="stepBack" label={t.frameBack} onPress={() => step(-FRAME)} />
          <IconButton icon="stepOn" label={t.frameOn} onPress={() => step(FRAME)} />
          <Button small onPress={() => mark(setFrom)}>{t.markFrom}</Button>
          <Button small onPress={() => mark(setTo)}>{t.markTo}</Button>
        </div>
        <div className="cut-points">
          <TextField label={t.from} autoComplete="off" inputMode="decimal" value={from} onChange={setFrom} error={told('from')} />
          <TextField label={t.to} autoComplete="off" inputMode="decimal" value={to} onChange={setTo} error={told('to')} />
        </div>
        <p className="help">{t.cutHelp}</p>
        <TextField label={t.clipTitle} help={t.clipTitleHelp} autoComplete="off" value={title} onChange={setTitle} maxLength={200} error={fault?.fields.get('title')} />
        {fault !== null && <FaultNotice fault={fault} shownFields={['from', 'to', 'title']} />}
        <div className="cut-foot">
          <Button type="submit" look="primary" icon="scissors" isPending={clip.busy} pendingLabel={t.cutting}>{t.makeClip}</Button>
          {!asset.trimmed && <Button isPending={trim.busy} onPress={() => void showOnly()}>{t.trim}</Button>}
          {asset.trimmed && <Button isPending={untrim.busy} onPress={() => void showAll()}>{t.untrim}</Button>}
        </div>
        {asset.trimmed && <Notice>{t.trimmedHelp}</Notice>}
      </form>
    </Card>
  );
}
