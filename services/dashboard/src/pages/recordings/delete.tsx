import { DeleteAssetDocument, type AssetFactsFragment } from '../../api/generated';
import { useAction } from '../../api/react';
import { useSpeech } from '../../messages/react';
import { FormDialog } from '../../ui/dialog';
import { useToast } from '../../ui/toast';
import { nameOf } from './figures';

/** Says what deleting will do, and does it. */
export function DeleteAsset({ asset, onClose, onDone }: { asset: Pick<AssetFactsFragment, 'id' | 'kind' | 'title' | 'state'>; onClose: () => void; onDone?: () => void }) {
  const { m } = useSpeech();
  const t = m.recordings;
  const toast = useToast();
  const { run, busy, fault } = useAction(DeleteAssetDocument);
  const name = nameOf(asset, m);
  const submit = async () => {
    if ((await run({ id: asset.id })) === null) return;
    toast.say(t.removed(name));
    onDone?.();
    onClose();
  };
  return (
    <FormDialog role="alertdialog" isOpen onClose={onClose} title={t.removeTitle(name)} submit={t.remove} submitLook="danger" busy={busy} busyLabel={t.removing} fault={fault} onSubmit={() => void submit()}>
      <ul className="will">
        {asset.state === 'STARTED' && <li>{t.removeWill.recording}</li>}
        <li>{t.removeWill.viewers}</li>
        <li>{t.removeWill.clips}</li>
        <li>{t.removeWill.forEver}</li>
      </ul>
    </FormDialog>
  );
}
