import { useState } from 'react';
import { useLocation } from 'wouter';
import { DeleteChannelDocument, EndSessionDocument, StartChannelDocument, StopChannelDocument, type ChannelFactsFragment, type SessionFactsFragment } from '../../api/generated';
import { useAction, useMay } from '../../api/react';
import { sentenceOf } from '../../messages/faults';
import { useSpeech } from '../../messages/react';
import { Button } from '../../ui/button';
import { FormDialog } from '../../ui/dialog';
import { Checkbox, TextField } from '../../ui/fields';
import { ActionMenu, type MenuAction } from '../../ui/menu';
import { Notice } from '../../ui/states';
import { useToast } from '../../ui/toast';
import { useApi } from '../../api/react';

type Asked = 'stop' | 'remove' | 'end' | null;

/** Start, stop, end, delete: what each will do is said before it is done. */
export function ChannelActions({ channel, session }: { channel: ChannelFactsFragment; session: SessionFactsFragment | null }) {
  const { m } = useSpeech();
  const toast = useToast();
  const api = useApi();
  const mayWrite = useMay('channels:write');
  const mayEnd = useMay('sessions:write');
  const [asked, setAsked] = useState<Asked>(null);
  const [starting, setStarting] = useState(false);

  async function start() {
    setStarting(true);
    const { fault } = await api.command(StartChannelDocument, { id: channel.id });
    setStarting(false);
    if (fault === null) toast.say(m.channel.started(channel.name));
    else toast.warn(sentenceOf(fault, m));
  }

  const actions: MenuAction[] = [
    ...(mayEnd && session !== null && session.state !== 'ENDED' ? [{ id: 'end', label: m.channel.endSession, icon: 'close' as const, act: () => setAsked('end') }] : []),
    ...(mayWrite && channel.state !== 'STOP' ? [{ id: 'stop', label: m.channel.stop, icon: 'stop' as const, act: () => setAsked('stop') }] : []),
    ...(mayWrite ? [{ id: 'remove', label: m.channel.remove, icon: 'trash' as const, danger: true, act: () => setAsked('remove') }] : []),
  ];
  const close = () => setAsked(null);
  return (
    <>
      {mayWrite && channel.state === 'STOP' && <Button look="primary" icon="play" isPending={starting} onPress={() => void start()}>{m.channel.start}</Button>}
      {actions.length > 0 && <ActionMenu label={m.channel.more} actions={actions} />}
      {asked === 'stop' && <Stop channel={channel} onClose={close} />}
      {asked === 'end' && session !== null && <End session={session} onClose={close} />}
      {asked === 'remove' && <Remove channel={channel} onClose={close} />}
    </>
  );
}

function Stop({ channel, onClose }: { channel: ChannelFactsFragment; onClose: () => void }) {
  const { m } = useSpeech();
  const toast = useToast();
  const { run, busy, fault } = useAction(StopChannelDocument);
  async function stop() {
    if ((await run({ id: channel.id })) === null) return;
    onClose();
    toast.say(m.channel.stopped(channel.name));
  }
  return (
    <FormDialog isOpen role="alertdialog" onClose={onClose} title={m.channel.stopTitle(channel.name)} submit={m.channel.stop} submitLook="danger" busy={busy} fault={fault} onSubmit={() => void stop()}>
      <p>{channel.state === 'ACTIVE' ? m.channel.stopOnAir : m.channel.stopIdle}</p>
    </FormDialog>
  );
}

function End({ session, onClose }: { session: SessionFactsFragment; onClose: () => void }) {
  const { m } = useSpeech();
  const toast = useToast();
  const { run, busy, fault } = useAction(EndSessionDocument);
  async function end() {
    if ((await run({ sessionId: session.id })) === null) return;
    onClose();
    toast.say(m.channel.ended);
  }
  return (
    <FormDialog isOpen role="alertdialog" onClose={onClose} title={m.channel.endTitle} submit={m.channel.endSession} submitLook="danger" busy={busy} fault={fault} onSubmit={() => void end()}>
      <p>{m.channel.endText}</p>
    </FormDialog>
  );
}

function Remove({ channel, onClose }: { channel: ChannelFactsFragment; onClose: () => void }) {
  const { m } = useSpeech();
  const toast = useToast();
  const [, navigate] = useLocation();
  const { run, busy, fault } = useAction(DeleteChannelDocument);
  const [typed, setTyped] = useState('');
  const [erase, setErase] = useState(false);
  const onAir = channel.state === 'ACTIVE';
  const matches = typed.trim() === channel.name;
  async function remove() {
    if ((await run({ id: channel.id, erase })) === null) return;
    onClose();
    navigate('/channels');
    // What is erased is not named once more.
    toast.say(erase ? m.channel.erased : m.channel.removed(channel.name));
  }
  return (
    <FormDialog isOpen role="alertdialog" onClose={onClose} title={m.channel.removeTitle(channel.name)} submit={m.channel.remove} submitLook="danger" busy={busy} fault={fault} isDisabled={!matches || onAir} onSubmit={() => void remove()}>
      {onAir ? <Notice warned icon="warning">{m.channel.removeOnAir}</Notice> : (
        <>
          <p>{m.channel.removeText}</p>
          <p className="help">{m.channel.removeHistory}</p>
          <Checkbox label={m.channel.erase} help={m.channel.eraseHelp} value={erase} onChange={setErase} />
          <TextField label={m.channel.removeType(channel.name)} autoFocus autoComplete="off" value={typed} onChange={setTyped} />
        </>
      )}
    </FormDialog>
  );
}
