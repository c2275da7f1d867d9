import { useEffect, useRef, useState } from 'react';
import { useSpeech } from '../messages/react';
import { Button, IconButton, type Look } from './button';
import { useToast } from './toast';

/** Without HTTPS and off the loopback browsers have no clipboard API; the old way still works there. */
export async function copyText(text: string): Promise<boolean> {
  try {
    if (navigator.clipboard !== undefined) {
      await navigator.clipboard.writeText(text);
      return true;
    }
  } catch {
    // Not allowed: the old way may be.
  }
  const area = document.createElement('textarea');
  area.value = text;
  area.className = 'off-screen';
  area.setAttribute('readonly', '');
  const focused = document.activeElement;
  // Inside a dialog the focus may not leave it.
  (focused?.closest('[role="dialog"], [role="alertdialog"]') ?? document.body).append(area);
  area.select();
  const done = document.execCommand('copy');
  area.remove();
  if (focused instanceof HTMLElement) focused.focus({ preventScroll: true });
  return done;
}

interface CopyProps {
  /** The text, or how to get it; null: it could not be had, and why has been said. */
  readonly text: string | (() => Promise<string | null>);
  /** What is copied, for screen readers: "Copy server". */
  readonly what: string;
  /** Shown instead of "Copy". */
  readonly label?: string;
  readonly iconOnly?: boolean;
  readonly look?: Look;
  readonly small?: boolean;
  /** Said when it is done, instead of showing "Copied" in the button alone. */
  readonly done?: string;
}

const SHOWN_MS = 1_800;

export function CopyButton({ text, what, label, iconOnly = false, look = 'plain', small = true, done }: CopyProps) {
  const { m } = useSpeech();
  const toast = useToast();
  const [copied, setCopied] = useState(false);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);

  async function copy() {
    const found = typeof text === 'string' ? text : await text();
    if (found === null) return;
    if (!(await copyText(found))) return toast.warn(m.common.copyFailed);
    setCopied(true);
    if (done !== undefined) toast.say(done);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setCopied(false), SHOWN_MS);
  }

  const name = m.common.copyNamed(what);
  if (iconOnly) return <IconButton icon={copied ? 'check' : 'copy'} label={copied ? m.common.copied : name} look={look} small={small} onPress={() => void copy()} />;
  return (
    <Button look={look} small={small} icon={copied ? 'check' : 'copy'} className="copy-button" {...(label === undefined ? { 'aria-label': copied ? `${m.common.copied}: ${what}` : name } : {})} onPress={() => void copy()}>
      {copied ? m.common.copied : (label ?? m.common.copy)}
    </Button>
  );
}

/** A value in a box of its own, with its copy button. */
export function Copyable({ text, what, wrap = false }: { text: string; what: string; wrap?: boolean }) {
  return (
    <span className={wrap ? 'copyable wrap' : 'copyable'}>
      <code tabIndex={wrap ? undefined : 0}>{text}</code>
      <CopyButton text={text} what={what} iconOnly look="quiet" />
    </span>
  );
}
