import type { FormEvent, ReactNode } from 'react';
import { Dialog as AriaDialog } from 'react-aria-components/Dialog';
import { Heading } from 'react-aria-components/Heading';
import { Modal, ModalOverlay } from 'react-aria-components/Modal';
import type { Fault } from '../api/faults';
import { useSpeech } from '../messages/react';
import { Button, IconButton, type Look } from './button';
import { FaultNotice } from './states';

interface DialogProps {
  readonly isOpen: boolean;
  readonly onClose: () => void;
  readonly title: string;
  readonly children: ReactNode;
  /** Wider, for forms with much in them. */
  readonly wide?: boolean;
  /** For questions that must be answered: `alertdialog`. */
  readonly role?: 'dialog' | 'alertdialog';
}

/** A dialog over the page: the focus stays in it, Escape closes it, and the focus goes back to where it was. */
export function Dialog({ isOpen, onClose, title, children, wide = false, role = 'dialog' }: DialogProps) {
  const { m } = useSpeech();
  return (
    <ModalOverlay className="overlay" isOpen={isOpen} onOpenChange={(open) => { if (!open) onClose(); }} isDismissable={role === 'dialog'}>
      <Modal className={wide ? 'modal wide' : 'modal'}>
        <AriaDialog className="dialog" role={role}>
          <header className="dialog-head">
            <Heading slot="title">{title}</Heading>
            <IconButton icon="close" label={m.common.close} onPress={onClose} />
          </header>
          {children}
        </AriaDialog>
      </Modal>
    </ModalOverlay>
  );
}

interface FormDialogProps extends DialogProps {
  readonly submit: string;
  readonly submitLook?: Look;
  readonly busy: boolean;
  readonly busyLabel?: string;
  /** What came back; fields that the form shows itself are named in `shownFields`. */
  readonly fault?: Fault | null;
  readonly shownFields?: readonly string[];
  readonly isDisabled?: boolean;
  readonly onSubmit: () => void;
}

/** A dialog that asks for something and does it: Enter does it too. */
export function FormDialog({ submit, submitLook = 'primary', busy, busyLabel, fault = null, shownFields = [], isDisabled = false, onSubmit, children, ...dialog }: FormDialogProps) {
  const { m } = useSpeech();
  const send = (event: FormEvent) => {
    event.preventDefault();
    if (!busy && !isDisabled) onSubmit();
  };
  return (
    <Dialog {...dialog}>
      <form className="dialog-form" onSubmit={send} noValidate>
        <div className="dialog-body">
          {children}
          {fault !== null && <FaultNotice fault={fault} shownFields={shownFields} />}
        </div>
        <footer className="dialog-foot">
          <Button onPress={dialog.onClose}>{m.common.cancel}</Button>
          <Button type="submit" look={submitLook} isPending={busy} isDisabled={isDisabled} {...(busyLabel === undefined ? {} : { pendingLabel: busyLabel })}>{submit}</Button>
        </footer>
      </form>
    </Dialog>
  );
}
