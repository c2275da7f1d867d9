import { useState } from 'react';
import { Disclosure, DisclosurePanel } from 'react-aria-components/Disclosure';
import { Button as AriaButton } from 'react-aria-components/Button';
import { Heading } from 'react-aria-components/Heading';
import { useLocation } from 'wouter';
import { CreateChannelDocument } from '../../api/generated';
import { useAction, useMay } from '../../api/react';
import { useSpeech } from '../../messages/react';
import { FormDialog } from '../../ui/dialog';
import { TextField } from '../../ui/fields';
import { Icon } from '../../ui/icon';
import { useToast } from '../../ui/toast';
import { DEFAULTS, faultOfField, inputOf, problemsOf, SettingFields, type Draft } from '../channel/settings';

/** One step: the name is enough. */
export function CreateChannel({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  // A fresh form each time that it is opened.
  return isOpen ? <Form onClose={onClose} /> : null;
}

function Form({ onClose }: { onClose: () => void }) {
  const { m } = useSpeech();
  const toast = useToast();
  const sessions = useMay('sessions:read');
  const [, navigate] = useLocation();
  const { run, busy, fault } = useAction(CreateChannelDocument);
  const [draft, setDraft] = useState<Draft>(DEFAULTS);
  const [tried, setTried] = useState(false);
  const problems = problemsOf(draft, m);
  const error = (field: keyof Draft) => (tried ? problems[field] : undefined) ?? faultOfField(fault, field);

  async function submit() {
    setTried(true);
    if (Object.keys(problems).length > 0) return;
    const name = draft.name.trim();
    const made = await run({ input: { ...inputOf(DEFAULTS, draft), name }, sessions });
    if (made === null) return;
    onClose();
    navigate(`/channels/${encodeURIComponent(made.createChannel.channel.id)}`);
    toast.say(m.createChannel.done(name));
  }

  return (
    <FormDialog isOpen onClose={onClose} title={m.createChannel.title} submit={m.createChannel.submit} busyLabel={m.createChannel.busy} busy={busy}
      fault={fault} shownFields={Object.keys(DEFAULTS)} onSubmit={() => void submit()} wide>
      <TextField label={m.createChannel.name} help={m.createChannel.nameHelp} placeholder={m.createChannel.namePlaceholder} autoFocus autoComplete="off" name="name"
        value={draft.name} onChange={(name) => setDraft({ ...draft, name })} error={error('name')} maxLength={200} />
      <Disclosure className="more">
        <Heading level={3}><AriaButton slot="trigger" className="more-trigger"><Icon name="chevronRight" />{m.createChannel.more}</AriaButton></Heading>
        <DisclosurePanel className="more-panel">
          <p className="help">{m.createChannel.defaults}</p>
          <SettingFields draft={draft} onChange={setDraft} error={error} />
        </DisclosurePanel>
      </Disclosure>
    </FormDialog>
  );
}
