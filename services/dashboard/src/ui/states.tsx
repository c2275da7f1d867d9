import { useEffect, useState, type ReactNode } from 'react';
import type { Fault } from '../api/faults';
import { sentenceOf } from '../messages/faults';
import { useSpeech } from '../messages/react';
import { Button } from './button';
import { Icon, type IconName } from './icon';

/** In the place of what is not there: nothing yet, nothing found, not allowed. Without a title where the page's heading says it. */
export function EmptyState({ icon = 'info', title, children, action, level = 2 }: { icon?: IconName; title?: string; children?: ReactNode; action?: ReactNode; level?: 1 | 2 | 3 }) {
  const Heading = `h${level}` as const;
  return (
    <div className="empty-state">
      <span className="empty-mark"><Icon name={icon} /></span>
      {title !== undefined && <Heading>{title}</Heading>}
      {children !== undefined && <p>{children}</p>}
      {action}
    </div>
  );
}

/** What went wrong, in words, with the fields that are wrong; those that a form shows beside the field itself are left out. */
export function FaultNotice({ fault, title, retry, shownFields = [] }: { fault: Fault; title?: string; retry?: () => void; shownFields?: readonly string[] }) {
  const { m } = useSpeech();
  const fields = [...fault.fields].filter(([path]) => !shownFields.includes(path));
  return (
    <div className="notice-box warned" role="alert">
      <Icon name={fault.code === 'OFFLINE' ? 'cloudOff' : 'warning'} />
      <div>
        {title !== undefined && <p className="notice-box-title">{title}</p>}
        <p>{sentenceOf(fault, m)}</p>
        {fields.length > 0 && <ul>{fields.map(([path, message]) => <li key={path}><code>{path}</code>: {message}</li>)}</ul>}
        {retry !== undefined && <Button small icon="rotate" onPress={retry}>{m.common.tryAgain}</Button>}
      </div>
    </div>
  );
}

export function Notice({ children, icon = 'info', warned = false }: { children: ReactNode; icon?: IconName; warned?: boolean }) {
  return (
    <div className={warned ? 'notice-box warned' : 'notice-box'}>
      <Icon name={icon} />
      <div>{children}</div>
    </div>
  );
}

/** A grey place as large as what will stand there. Shown at once, but seen only after a moment, so that quick answers do not flicker. */
export function Skeleton({ className, lines = 1 }: { className?: string; lines?: number }) {
  return (
    <span className={className === undefined ? 'skeleton' : `skeleton ${className}`} aria-hidden="true">
      {Array.from({ length: lines }, (_, line) => <span key={line} />)}
    </span>
  );
}

const LATE_MS = 400;

/** Tells a screen reader that something is loading, and only when it takes a while. */
export function Loading({ children }: { children?: ReactNode }) {
  const { m } = useSpeech();
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), LATE_MS);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div className="loading" aria-busy="true">
      <span className="off-screen" role="status">{late ? m.common.loading : ''}</span>
      {children ?? <span className={late ? 'spinner large' : 'spinner large hidden'} aria-hidden="true" />}
    </div>
  );
}
