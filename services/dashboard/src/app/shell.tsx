import { useEffect, useRef, useState, type ReactNode } from 'react';
import { Button as AriaButton } from 'react-aria-components/Button';
import { Dialog, DialogTrigger } from 'react-aria-components/Dialog';
import { Popover } from 'react-aria-components/Popover';
import { Link, useLocation } from 'wouter';
import { useConnection, useSession, type Scope } from '../api/react';
import { LANGUAGES, type Language } from '../messages/format';
import { useSpeech } from '../messages/react';
import { Button } from '../ui/button';
import { Segments } from '../ui/fields';
import { Icon, type IconName } from '../ui/icon';
import { SCHEMES, useScheme } from './scheme';

interface Room {
  readonly path: string;
  /** Addresses under this belong to it too. */
  readonly also?: string;
  readonly icon: IconName;
  readonly name: 'channels' | 'recordings' | 'events' | 'tokens' | 'system';
  readonly scope: Scope;
}

const ROOMS: readonly Room[] = [
  { path: '/channels', also: '/sessions', icon: 'channels', name: 'channels', scope: 'channels:read' },
  { path: '/recordings', icon: 'recordings', name: 'recordings', scope: 'assets:read' },
  { path: '/events', icon: 'events', name: 'events', scope: 'events:read' },
  { path: '/tokens', icon: 'tokens', name: 'tokens', scope: 'tokens:admin' },
  { path: '/system', icon: 'system', name: 'system', scope: 'health:read' },
];

export function Shell({ children }: { children: ReactNode }) {
  const { m } = useSpeech();
  return (
    <div className="shell">
      <a className="skip" href="#content">{m.skip}</a>
      <Navigation />
      <div className="shell-main">
        <ConnectionBanner />
        <main id="content" tabIndex={-1}>{children}</main>
      </div>
    </div>
  );
}

function Navigation() {
  const { m } = useSpeech();
  const { identity } = useSession();
  const [path] = useLocation();
  const isAt = (room: Room) => [room.path, room.also ?? room.path].some((root) => path === root || path.startsWith(`${root}/`));
  return (
    <header className="side">
      <Link href="/channels" className="brand"><span className="mark" aria-hidden="true">Σ</span><span className="brand-name">{m.product}</span></Link>
      <nav aria-label={m.nav.label}>
        {ROOMS.filter(({ scope }) => identity.scopes.includes(scope)).map((room) => (
          <Link key={room.path} href={room.path} className="nav-link" aria-current={isAt(room) ? 'page' : undefined}>
            <Icon name={room.icon} /><span>{m.nav[room.name]}</span>
          </Link>
        ))}
      </nav>
      <Account />
    </header>
  );
}

function Account() {
  const { m, f, language, speak } = useSpeech();
  const { identity, signOut } = useSession();
  const [scheme, chooseScheme] = useScheme();
  const name = identity.kind === 'ADMIN' ? m.nav.admin : identity.name;
  return (
    <DialogTrigger>
      <AriaButton className="nav-link account" aria-label={`${m.nav.account}: ${name}`}>
        <Icon name="account" /><span className="account-name">{name}</span><span className="account-short">{m.nav.accountShort}</span>
      </AriaButton>
      <Popover className="popover account-popover" placement="top start" offset={8}>
        <Dialog className="account-dialog" aria-label={m.nav.account}>
          <div className="account-who">
            <p className="help">{m.nav.signedInAs}</p>
            <p className="account-title">{name}</p>
            <p className="help">{m.nav.project}: {identity.project.name}</p>
            {identity.expiresAt !== null && <p className="help">{m.nav.expires(f.dateTime(identity.expiresAt))}</p>}
          </div>
          <p className="label" aria-hidden="true">{m.nav.scheme}</p>
          <Segments label={m.nav.scheme} value={scheme} onChange={chooseScheme} choices={SCHEMES.map((value) => ({ value, label: m.nav.schemes[value] }))} />
          <p className="label" aria-hidden="true">{m.nav.language}</p>
          <Segments<Language> label={m.nav.language} value={language} onChange={speak} choices={(Object.keys(LANGUAGES) as Language[]).map((value) => ({ value, label: LANGUAGES[value] }))} />
          <Button icon="signOut" className="wide" onPress={() => void signOut()}>{m.nav.signOut}</Button>
        </Dialog>
      </Popover>
    </DialogTrigger>
  );
}

const BACK_SHOWN_MS = 3_000;

/** Says that the connection is lost, and for a moment that it is back. It lies over the page, so that nothing moves. */
function ConnectionBanner() {
  const { m } = useSpeech();
  const state = useConnection();
  const before = useRef(state);
  const [back, setBack] = useState(false);
  useEffect(() => {
    const healed = before.current !== 'fine' && state === 'fine';
    before.current = state;
    setBack(healed);
    if (!healed) return;
    const timer = setTimeout(() => setBack(false), BACK_SHOWN_MS);
    return () => clearTimeout(timer);
  }, [state]);
  const shown = state !== 'fine' || back;
  return (
    <div className={`banner ${state}${shown ? ' shown' : ''}`} role="status" aria-live="polite">
      {state !== 'fine' ? <><span className="spinner" aria-hidden="true" /><span>{state === 'lost' ? m.connection.lost : m.connection.stale}</span></> : back && <><Icon name="check" /><span>{m.connection.back}</span></>}
    </div>
  );
}
