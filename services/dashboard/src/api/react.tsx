import type { AnyVariables } from '@urql/core';
import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { createContext, useCallback, useContext, useEffect, useEffectEvent, useMemo, useRef, useState, useSyncExternalStore, type ReactNode } from 'react';
import { Provider } from 'urql';
import { pipe, subscribe } from 'wonka';
import { Backoff } from '../player/backoff';
import type { Api } from './api';
import type { ConnectionState } from './connection';
import { faultOf, type Fault } from './faults';
import type { MeQuery } from './generated';
import { freshKey } from './idempotency';

export type Identity = MeQuery['me'];

/** The scopes that a page may ask for. */
export type Scope =
  | 'channels:read' | 'channels:write' | 'channels:secrets' | 'sessions:read' | 'sessions:write'
  | 'assets:read' | 'assets:write' | 'events:read' | 'health:read' | 'tokens:admin' | 'platform:admin';

interface Session {
  readonly api: Api;
  readonly identity: Identity;
  /** Gives the cookie back and goes to the sign-in page. */
  readonly signOut: () => Promise<void>;
}

const SessionContext = createContext<Session | null>(null);

export function SessionProvider({ children, ...session }: Session & { children: ReactNode }) {
  const { api, identity, signOut } = session;
  const value = useMemo(() => ({ api, identity, signOut }), [api, identity, signOut]);
  return (
    <SessionContext value={value}>
      <Provider value={api.client}>{children}</Provider>
    </SessionContext>
  );
}

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (session === null) throw new Error('this is shown to the signed-in only');
  return session;
}

export const useApi = (): Api => useSession().api;

/** Whether the token has the scope. The platform decides; this only spares people buttons that would be refused. */
export function useMay(scope: Scope): boolean {
  return useSession().identity.scopes.includes(scope);
}

export function useConnection(): ConnectionState {
  const { connection } = useApi();
  return useSyncExternalStore(connection.onChange, () => connection.state);
}

/** Calls back when what is shown should be read anew, because something may have been missed. Queries of `useQuery` are read anew by themselves. */
export function useRefresh(listener: () => void): void {
  const { connection } = useApi();
  const latest = useEffectEvent(listener);
  useEffect(() => connection.onRefresh(() => latest()), [connection]);
}

interface LiveOptions<Data> {
  /** False: not now. */
  readonly when?: boolean;
  readonly onData?: (data: Data) => void;
  /** The platform has no more to tell, as `sessionHealth` after a session's end. */
  readonly onEnd?: () => void;
}

/**
 * Follows a subscription while the component is shown. It begins again by itself after an error or a lost connection; what it
 * tells is seen by every `useQuery` of the same things.
 */
export function useLive<Data, Variables extends AnyVariables>(document: TypedDocumentNode<Data, Variables>, variables: Variables, { when = true, onData, onEnd }: LiveOptions<Data> = {}): void {
  const { client } = useApi();
  const tell = useEffectEvent((data: Data) => onData?.(data));
  const end = useEffectEvent(() => onEnd?.());
  const key = JSON.stringify(variables);
  useEffect(() => {
    if (!when) return;
    const waits = new Backoff({ first: 800, most: 15_000, growth: 1.8 });
    let stop = () => {};
    let timer: ReturnType<typeof setTimeout> | undefined;
    const begin = () => {
      let failed = false;
      const subscription = pipe(
        client.subscription(document, JSON.parse(key) as Variables),
        subscribe(({ data, error, hasNext }) => {
          if (error !== undefined) failed = true;
          else if (data !== undefined && data !== null) {
            waits.reset();
            tell(data);
          }
          if (hasNext) return;
          clearTimeout(timer);
          if (failed) timer = setTimeout(again, waits.next());
          else end();
        }),
      );
      stop = () => subscription.unsubscribe();
    };
    const again = () => {
      stop();
      begin();
    };
    begin();
    return () => {
      clearTimeout(timer);
      stop();
    };
  }, [client, document, key, when]);
}

export interface Action<Data, Variables> {
  /** Answers what came of it; null when it was refused, then `fault` says why. */
  readonly run: (variables: Variables) => Promise<Data | null>;
  readonly busy: boolean;
  readonly fault: Fault | null;
  /** Forgets the fault. */
  readonly reset: () => void;
}

/** A mutation. Run again with the same variables after a lost answer it is the same wish, and is not done twice. */
export function useAction<Data, Variables extends AnyVariables>(document: TypedDocumentNode<Data, Variables>): Action<Data, Variables> {
  const api = useApi();
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<Fault | null>(null);
  const unanswered = useRef<{ wish: string; key: string } | null>(null);
  const run = useCallback(async (variables: Variables) => {
    const wish = JSON.stringify(variables);
    const key = unanswered.current?.wish === wish ? unanswered.current.key : freshKey();
    setBusy(true);
    setFault(null);
    const answer = await api.command(document, variables, key);
    unanswered.current = answer.fault?.code === 'OFFLINE' ? { wish, key } : null;
    setBusy(false);
    setFault(answer.fault);
    return answer.data;
  }, [api, document]);
  const reset = useCallback(() => setFault(null), []);
  return { run, busy, fault, reset };
}

/** The fault of a `useQuery` result, ready for `FaultNotice`. */
export function faultIn(error: Parameters<typeof faultOf>[0] | undefined): Fault | null {
  return error === undefined ? null : faultOf(error);
}

/** The newest value that was there: while something is read anew, or cannot be, what was known stays on the page. */
export function useLastKnown<Value>(value: Value | undefined): Value | undefined {
  const [known, setKnown] = useState(value);
  if (value !== undefined && value !== known) setKnown(value);
  return value ?? known;
}
