import { lazy, Suspense, useCallback, useEffect, useRef, useState } from 'react';
import { RouterProvider } from 'react-aria-components';
import { Redirect, Route, Switch, useLocation } from 'wouter';
import { Api } from '../api/api';
import { MeDocument } from '../api/generated';
import { SessionProvider, type Identity } from '../api/react';
import { useSpeech } from '../messages/react';
import { Backoff } from '../player/backoff';
import { wait } from '../player/wait';
import { Page } from '../ui/page';
import { EmptyState, Loading } from '../ui/states';
import { Failsafe } from './failsafe';
import { nextAfterSignIn, signInPath, signOut as giveBack } from './signing';
import { Shell } from './shell';

const SignIn = lazy(() => import('../pages/sign-in/sign-in'));
const Channels = lazy(() => import('../pages/channels/channels'));
const Channel = lazy(() => import('../pages/channel/channel'));
const Sessions = lazy(() => import('../pages/session/sessions'));
const Session = lazy(() => import('../pages/session/session'));
const Recordings = lazy(() => import('../pages/recordings/recordings'));
const Recording = lazy(() => import('../pages/recordings/recording'));
const Events = lazy(() => import('../pages/events/events'));
const Tokens = lazy(() => import('../pages/tokens/tokens'));
const System = lazy(() => import('../pages/system/system'));

type Phase =
  | { kind: 'asking' }
  /** The platform does not answer; it is asked until it does. */
  | { kind: 'away' }
  | { kind: 'out'; ended: boolean }
  | { kind: 'in'; api: Api; identity: Identity };

/** Who is at the page: asks the platform, and shows the dashboard or the sign-in page. */
export function App() {
  const [, navigate] = useLocation();
  return (
    <RouterProvider navigate={navigate}>
      <Failsafe>
        <Gate />
      </Failsafe>
    </RouterProvider>
  );
}

function Gate() {
  const { m } = useSpeech();
  const [phase, setPhase] = useState<Phase>({ kind: 'asking' });
  const [round, setRound] = useState(0);
  const wasIn = useRef(false);
  const [path, navigate] = useLocation();

  useEffect(() => {
    let current = true;
    const enter = (phase: Phase) => { if (current) setPhase(phase); };
    const api = new Api(() => enter({ kind: 'out', ended: wasIn.current }));
    /** Asks who is there; answers whether that is to be asked again. */
    const asksAgain = async () => {
      const { data, fault } = await api.ask(MeDocument, {});
      if (data !== null) {
        wasIn.current = true;
        enter({ kind: 'in', api, identity: data.me });
        return false;
      }
      if (fault.code === 'UNAUTHENTICATED' || fault.code === 'FORBIDDEN') {
        enter({ kind: 'out', ended: wasIn.current });
        return false;
      }
      // Who has a page keeps it, with all that he has begun.
      if (current) setPhase((before) => (before.kind === 'asking' ? { kind: 'away' } : before));
      // Where nothing answers, the connection asks until something does.
      return fault.code !== 'OFFLINE';
    };
    const waits = new Backoff({ first: 400, most: 5_000, growth: 1.6 });
    let asking = false;
    const ask = async () => {
      if (asking) return;
      asking = true;
      while (current && await asksAgain()) await wait(waits.next());
      asking = false;
      waits.reset();
    };
    void ask();
    // After an outage the token may not be what it was; and who found the platform away at first gets in now.
    const stop = api.connection.onRefresh(() => void ask());
    return () => {
      current = false;
      stop();
      api.close();
    };
  }, [round]);

  const signOut = useCallback(async () => {
    await giveBack();
    wasIn.current = false;
    setPhase({ kind: 'out', ended: false });
    navigate('/sign-in');
  }, [navigate]);

  const signedIn = useCallback(() => {
    const next = nextAfterSignIn(location.search);
    // The explorer is a page of its own.
    if (next.startsWith('/graphql')) return location.replace(next);
    navigate(next, { replace: true });
    setPhase({ kind: 'asking' });
    setRound((before) => before + 1);
  }, [navigate]);

  switch (phase.kind) {
    case 'asking':
      return <Loading />;
    case 'away':
      return <main className="whole"><EmptyState icon="cloudOff" level={1} title={m.connection.lost}>{m.faults.codes.OFFLINE}</EmptyState></main>;
    case 'out':
      if (path !== '/sign-in') return <Redirect to={signInPath(path + location.search)} replace />;
      return <Suspense fallback={<Loading />}><SignIn ended={phase.ended} onSignedIn={signedIn} /></Suspense>;
    case 'in':
      return (
        <SessionProvider api={phase.api} identity={phase.identity} signOut={signOut}>
          <Shell>
            <Failsafe key={path}>
              <Suspense fallback={<Loading />}>
                <Pages />
              </Suspense>
            </Failsafe>
          </Shell>
        </SessionProvider>
      );
  }
}

function Pages() {
  const { m } = useSpeech();
  return (
    <Switch>
      <Route path="/"><Redirect to="/channels" replace /></Route>
      <Route path="/sign-in"><Redirect to={nextAfterSignIn(location.search)} replace /></Route>
      <Route path="/channels"><Channels /></Route>
      <Route path="/channels/:id">{({ id }) => <Channel key={id} id={id} />}</Route>
      <Route path="/sessions"><Sessions /></Route>
      <Route path="/sessions/:id">{({ id }) => <Session key={id} id={id} />}</Route>
      <Route path="/recordings"><Recordings /></Route>
      <Route path="/recordings/:id">{({ id }) => <Recording key={id} id={id} />}</Route>
      <Route path="/events"><Events /></Route>
      <Route path="/tokens"><Tokens /></Route>
      <Route path="/system"><System /></Route>
      <Route><Page title={m.faults.notFoundTitle}><EmptyState icon="search">{m.faults.notFound}</EmptyState></Page></Route>
    </Switch>
  );
}
