import { useState } from 'react';
import { useLocation } from 'wouter';
import { CutClipDocument } from '../../api/generated';
import { useAction } from '../../api/react';
import { useSpeech } from '../../messages/react';
import { FormDialog } from '../../ui/dialog';
import { Radios, TextField } from '../../ui/fields';
import { useToast } from '../../ui/toast';

const LENGTHS = ['15', '30', '60', '120', '300'] as const;

/** A clip of what has just been seen, cut while the session is on air. */
export function ClipNow({ sessionId, onClose }: { sessionId: string; onClose: () => void }) {
  const { m, f } = useSpeech();
  const t = m.recordings;
  const toast = useToast();
  const [, navigate] = useLocation();
  const [length, setLength] = useState<(typeof LENGTHS)[number]>('30');
  const [title, setTitle] = useState('');
  const { run, busy, fault } = useAction(CutClipDocument);
  const submit = async () => {
    const made = await run({ input: { sessionId, from: -Number(length), to: 0, ...(title.trim() === '' ? {} : { title: title.trim() }) } });
    if (made === null) return;
    toast.say(t.clipReady);
    onClose();
    navigate(`/recordings/${encodeURIComponent(made.createClip.asset.id)}`);
  };
  return (
    <FormDialog isOpen onClose={onClose} title={t.clipNow} submit={t.makeClip} busy={busy} busyLabel={t.cutting} fault={fault} shownFields={['title']} onSubmit={() => void submit()}>
      <Radios label={t.clipLast} value={length} onChange={setLength} choices={LENGTHS.map((value) => ({ value, label: f.span(Number(value)) }))} />
      <TextField label={t.clipTitle} help={t.clipTitleHelp} autoComplete="off" value={title} onChange={setTitle} maxLength={200} error={fault?.fields.get('title')} />
    </FormDialog>
  );
}
