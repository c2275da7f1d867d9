import { useEffect, useRef, type ReactNode } from 'react';
import { useLocation } from 'wouter';
import { useMay, type Scope } from '../api/react';
import { useSpeech } from '../messages/react';
import { EmptyState } from './states';

interface PageProps {
  /** The title of the window. */
  readonly title: string;
  /** The heading, where it is more than the title. */
  readonly heading?: ReactNode;
  /** Beside the heading: buttons. */
  readonly actions?: ReactNode;
  /** Above the heading: the way back. */
  readonly above?: ReactNode;
  /** The whole page wants this scope. */
  readonly scope?: Scope;
  readonly children: ReactNode;
  readonly className?: string;
}

/** A page of the dashboard: sets the window's title, and takes the focus to its heading when it was come to by a link. */
export function Page({ title, heading, actions, above, scope, children, className }: PageProps) {
  const { m } = useSpeech();
  const [path] = useLocation();
  const head = useRef<HTMLHeadingElement>(null);
  const may = useMayOr(scope);
  useEffect(() => { document.title = m.title(title); }, [m, title]);
  useEffect(() => {
    if (path === arrivedAt) return;
    const first = arrivedAt === null;
    arrivedAt = path;
    if (first) return;
    window.scrollTo(0, 0);
    head.current?.focus({ preventScroll: true });
  }, [path]);
  return (
    <div className={className === undefined ? 'page' : `page ${className}`}>
      {above !== undefined && <div className="page-above">{above}</div>}
      <div className="page-head">
        <h1 ref={head} tabIndex={-1}>{heading ?? title}</h1>
        {actions !== undefined && may && <div className="page-actions">{actions}</div>}
      </div>
      {may ? children : <EmptyState icon="tokens" title={m.faults.noScopeTitle}>{m.faults.noScope(scope ?? '')}</EmptyState>}
    </div>
  );
}

/** The address whose page has had the focus; null before the first page, where the browser's own beginning holds. */
let arrivedAt: string | null = null;

function useMayOr(scope: Scope | undefined): boolean {
  const may = useMay(scope ?? 'channels:read');
  return scope === undefined || may;
}

/** A part of a page with its own heading. */
export function Card({ title, actions, children, className, level = 2 }: { title?: string; actions?: ReactNode; children: ReactNode; className?: string; level?: 2 | 3 }) {
  const Heading = `h${level}` as const;
  return (
    <section className={className === undefined ? 'card' : `card ${className}`} {...(title === undefined ? {} : { 'aria-label': title })}>
      {title !== undefined && (
        <header className="card-head">
          <Heading>{title}</Heading>
          {actions !== undefined && <div className="card-actions">{actions}</div>}
        </header>
      )}
      {children}
    </section>
  );
}

/** Names and values. */
export function Facts({ facts, className }: { facts: readonly (readonly [name: string, value: ReactNode] | null)[]; className?: string }) {
  return (
    <dl className={className === undefined ? 'facts' : `facts ${className}`}>
      {facts.map((fact) => fact !== null && (
        <div key={fact[0]}>
          <dt>{fact[0]}</dt>
          <dd>{fact[1]}</dd>
        </div>
      ))}
    </dl>
  );
}
