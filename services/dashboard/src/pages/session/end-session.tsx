import { EndBroadcastDocument } from '../../api/generated';
import { useAction } from '../../api/react';
import { useSpeech } from '../../messages/react';
import { FormDialog } from '../../ui/dialog';
import { useToast } from '../../ui/toast';

/** Says what ending will do, and does it. */
export function EndSession({ id, isOpen, onClose }: { id: string; isOpen: boolean; onClose: () => void }) {
  const { m } = useSpeech();
  const t = m.sessionPage;
  const toast = useToast();
  const { run, busy, fault, reset } = useAction(EndBroadcastDocument);
  const close = () => { reset(); onClose(); };
  const submit = async () => {
    if ((await run({ id })) === null) return;
    toast.say(t.endedNow);
    close();
  };
  return (
    <FormDialog role="alertdialog" isOpen={isOpen} onClose={close} title={t.endTitle} submit={t.endConfirm} submitLook="danger" busy={busy} busyLabel={t.endBusy} fault={fault} onSubmit={() => void submit()}>
      <ul className="will">
        <li>{t.endWill.viewers}</li>
        <li>{t.endWill.cut}</li>
        <li>{t.endWill.forEver}</li>
      </ul>
      <p className="help">{t.endStop}</p>
    </FormDialog>
  );
}
