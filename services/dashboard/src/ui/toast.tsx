import { createContext, useCallback, useContext, useMemo, useRef, useState, type ReactNode } from 'react';
import { useSpeech } from '../messages/react';
import { IconButton } from './button';
import { Icon } from './icon';

interface Toast {
  readonly id: number;
  readonly kind: 'said' | 'warned';
  readonly text: string;
}

interface Toaster {
  /** Something was done. Goes away by itself. */
  readonly say: (text: string) => void;
  /** Something went wrong. Stays until it is put away. */
  readonly warn: (text: string) => void;
}

const ToastContext = createContext<Toaster | null>(null);

const SHOWN_MS = 6_000;
/** Older ones give way. */
const MOST = 4;

export function ToastProvider({ children }: { children: ReactNode }) {
  const { m } = useSpeech();
  const [toasts, setToasts] = useState<readonly Toast[]>([]);
  const held = useRef(false);
  const next = useRef(0);

  const drop = useCallback((id: number) => setToasts((all) => all.filter((toast) => toast.id !== id)), []);
  const toaster = useMemo<Toaster>(() => {
    const add = (kind: Toast['kind'], text: string) => {
      const id = (next.current += 1);
      setToasts((all) => [...all.filter((toast) => toast.text !== text).slice(1 - MOST), { id, kind, text }]);
      const leave = () => setTimeout(() => (held.current ? leave() : drop(id)), SHOWN_MS);
      if (kind === 'said') leave();
    };
    return { say: (text) => add('said', text), warn: (text) => add('warned', text) };
  }, [drop]);

  const hold = { onPointerEnter: () => { held.current = true; }, onPointerLeave: () => { held.current = false; } };
  return (
    <ToastContext value={toaster}>
      {children}
      <section className="toasts" aria-label={m.common.notifications} data-react-aria-top-layer="true" {...hold}>
        <div role="status" aria-live="polite">{toasts.filter(({ kind }) => kind === 'said').map((toast) => <ToastCard key={toast.id} toast={toast} drop={drop} />)}</div>
        <div role="alert">{toasts.filter(({ kind }) => kind === 'warned').map((toast) => <ToastCard key={toast.id} toast={toast} drop={drop} />)}</div>
      </section>
    </ToastContext>
  );
}

function ToastCard({ toast, drop }: { toast: Toast; drop: (id: number) => void }) {
  const { m } = useSpeech();
  return (
    <div className={`toast ${toast.kind}`}>
      <Icon name={toast.kind === 'said' ? 'check' : 'warning'} />
      <p>{toast.text}</p>
      <IconButton icon="close" small label={m.common.dismiss} onPress={() => drop(toast.id)} />
    </div>
  );
}

export function useToast(): Toaster {
  const toaster = useContext(ToastContext);
  if (toaster === null) throw new Error('ToastProvider is missing');
  return toaster;
}
