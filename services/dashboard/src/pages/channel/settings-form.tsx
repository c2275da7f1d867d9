import { useEffect, useState, type FormEvent } from 'react';
import { UpdateChannelDocument, type ChannelFactsFragment } from '../../api/generated';
import { useAction, useMay } from '../../api/react';
import { useSpeech } from '../../messages/react';
import { Button } from '../../ui/button';
import { TextField } from '../../ui/fields';
import { Card } from '../../ui/page';
import { FaultNotice, Notice } from '../../ui/states';
import { useToast } from '../../ui/toast';
import { changesOf, draftOf, faultOfField, inputOf, problemsOf, SettingFields, type Draft } from './settings';

/** The settings of a channel: what is not allowed on air is said, and only what differs is sent. */
export function SettingsForm({ channel }: { channel: ChannelFactsFragment }) {
  const { m } = useSpeech();
  const toast = useToast();
  const mayWrite = useMay('channels:write');
  const { run, busy, fault, reset } = useAction(UpdateChannelDocument);
  const kept = draftOf(channel);
  const [base, setBase] = useState(kept);
  const [draft, setDraft] = useState(kept);
  const [tried, setTried] = useState(false);
  const onAir = channel.state === 'ACTIVE';

  // Changed elsewhere: what was not touched here follows.
  const keptKey = JSON.stringify(kept);
  useEffect(() => {
    const fresh = JSON.parse(keptKey) as Draft;
    setDraft((before) => ({ ...fresh, ...Object.fromEntries(changesOf(base, before).map((field) => [field, before[field]])) }));
    setBase(fresh);
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [keptKey]);

  const changes = changesOf(base, draft);
  const problems = problemsOf(draft, m, base);
  const error = (field: keyof Draft) => (tried || changes.includes(field) ? problems[field] : undefined) ?? faultOfField(fault, field);

  async function save(event: FormEvent) {
    event.preventDefault();
    setTried(true);
    if (busy || changes.length === 0 || Object.keys(problems).length > 0) return;
    const saved = await run({ id: channel.id, input: inputOf(base, draft) });
    if (saved === null) return;
    setTried(false);
    const fresh = draftOf(saved.updateChannel.channel);
    setBase(fresh);
    setDraft(fresh);
    toast.say(m.settings.savedNamed(fresh.name));
  }

  function discard() {
    setDraft(base);
    setTried(false);
    reset();
  }

  return (
    <Card title={m.settings.title} className="settings">
      <form onSubmit={(event) => void save(event)} noValidate>
        {!mayWrite && <Notice>{m.settings.readOnly}</Notice>}
        {mayWrite && onAir && <Notice>{m.settings.nextSession}</Notice>}
        <TextField label={m.settings.name} help={m.settings.nameHelp} autoComplete="off" isDisabled={!mayWrite} value={draft.name} onChange={(name) => setDraft({ ...draft, name })} error={error('name')} maxLength={200} />
        <SettingFields draft={draft} onChange={setDraft} error={error} isDisabled={!mayWrite} onAir={onAir} channelId={channel.id} />
        {fault !== null && <FaultNotice fault={fault} shownFields={Object.keys(draft)} />}
        {mayWrite && (
          <div className="settings-foot">
            <Button type="submit" look="primary" isPending={busy} pendingLabel={m.common.saving} isDisabled={changes.length === 0}>{m.common.save}</Button>
            {changes.length > 0 && <Button look="quiet" onPress={discard}>{m.common.discard}</Button>}
            <span className="help" role="status">{changes.length > 0 ? m.settings.changed(changes.length) : ''}</span>
          </div>
        )}
      </form>
    </Card>
  );
}
