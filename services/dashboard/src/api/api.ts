import { Client, fetchExchange, mapExchange, stringifyDocument, subscriptionExchange, type AnyVariables, type CombinedError, type Exchange, type Operation } from '@urql/core';
import { createClient as createSocket, type Client as Socket } from 'graphql-ws';
import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { pipe, tap } from 'wonka';
import { Backoff } from '../player/backoff';
import { wait } from '../player/wait';
import { Connection } from './connection';
import { faultOf, faultOfGraphQL, type Fault } from './faults';
import { MeDocument } from './generated';
import { freshKey } from './idempotency';
import { memory } from './memory';

/** A question that is not answered within this is treated as lost. */
const ANSWER_WITHIN_MS = 20_000;
/** Subscriptions are sent just after the socket has opened: what is read anew is read after them, so that nothing falls between. */
const AFTER_SOCKET_MS = 250;
/** RFC 6455 §7.4.1 and graphql-transport-ws: closed on purpose. */
const CLOSED_NORMALLY = 1000;
const CLOSED_UNAUTHORIZED = [4401, 4403];

/** The cookie goes along, and one JSON is wanted: urql would take a stream of events too. */
const FETCH = { credentials: 'same-origin', headers: { accept: 'application/json' } } as const satisfies RequestInit;

export type Answer<Data> = { readonly data: Data; readonly fault: null } | { readonly data: null; readonly fault: Fault };

/** Who follows a subscription with `Api.follow`. */
export interface Follower<Data> {
  /** It is on its way to the platform: at first, and after each lost connection. */
  sent(): void;
  lost(): void;
  next(data: Data): void;
  /** The platform has ended it. */
  done(): void;
}

/** The way to the platform of one signed-in person: requests, subscriptions, and whether it can be reached. */
export class Api {
  readonly connection: Connection;
  /** Keeps what was read by id, so that a mutation's or subscription's answer is seen everywhere at once. */
  readonly client: Client;
  /** Keeps nothing: for lists that hold their own rows, and for secrets. */
  readonly #direct: Client;
  readonly #socket: Socket;
  readonly #signedOut: () => void;

  constructor(signedOut: () => void) {
    this.#signedOut = signedOut;
    this.connection = new Connection({ ask: answers, wait });
    const waits = new Backoff({ first: 300, most: 5_000, growth: 1.6 });
    this.#socket = createSocket({
      url: new URL('/graphql/ws', location.href).href.replace(/^http/, 'ws'),
      lazyCloseTimeout: 3_000,
      keepAlive: 15_000,
      retryAttempts: Number.POSITIVE_INFINITY,
      shouldRetry: () => true,
      retryWait: () => wait(waits.next()),
      on: {
        connected: () => {
          waits.reset();
          setTimeout(() => this.connection.socketOpened(), AFTER_SOCKET_MS);
        },
        closed: (event) => {
          const code = event instanceof CloseEvent ? event.code : 0;
          // Whether the token is still taken is what the API itself says: the judge hears of it.
          if (CLOSED_UNAUTHORIZED.includes(code)) void this.ask(MeDocument, {});
          if (code === CLOSED_NORMALLY) this.connection.socketIdle();
          else this.connection.socketLost();
        },
      },
    });
    const outside = [this.#judge(), fetchExchange];
    const options = { url: '/graphql', preferGetMethod: false as const, fetch: fetchWithin, fetchOptions: FETCH };
    this.client = new Client({
      ...options,
      requestPolicy: 'cache-and-network',
      exchanges: [
        this.#readAnew(),
        memory(),
        ...outside,
        subscriptionExchange({
          forwardSubscription: (request) => ({
            subscribe: (sink) => ({
              unsubscribe: this.#socket.subscribe({ ...request, query: request.query ?? '' }, {
                next: (result) => sink.next(result as Parameters<typeof sink.next>[0]),
                error: (error) => sink.error(error),
                complete: () => sink.complete(),
              }),
            }),
          }),
        }),
      ],
    });
    this.#direct = new Client({ ...options, requestPolicy: 'network-only', exchanges: outside });
  }

  /** Asks once, keeps nothing. */
  async ask<Data, Variables extends AnyVariables>(document: TypedDocumentNode<Data, Variables>, variables: Variables): Promise<Answer<Data>> {
    return answerOf(await this.#direct.query(document, variables).toPromise());
  }

  /** Commands once. A key that is given again stands for the same wish. */
  async command<Data, Variables extends AnyVariables>(document: TypedDocumentNode<Data, Variables>, variables: Variables, key = freshKey()): Promise<Answer<Data>> {
    const fetchOptions = { ...FETCH, headers: { ...FETCH.headers, 'idempotency-key': key } };
    return answerOf(await this.client.mutation(document, variables, { fetchOptions }).toPromise());
  }

  /**
   * Follows a subscription past everything that is kept, through lost connections, until `done` or the answer is called. `variables` is asked
   * whenever it is sent: a log is followed on from where it was left.
   */
  follow<Data, Variables extends AnyVariables>(document: TypedDocumentNode<Data, Variables>, variables: () => Variables, sink: Follower<Data>): () => void {
    const stopListening = this.#socket.on('closed', () => sink.lost());
    const payload = {
      query: stringifyDocument(document),
      // Read by graphql-ws each time that it sends the subscription, with every new connection.
      get variables() {
        sink.sent();
        return variables() as Record<string, unknown>;
      },
    };
    const end = () => {
      stopListening();
      sink.done();
    };
    const stop = this.#socket.subscribe<Data, unknown>(payload, {
      next: ({ data, errors }) => {
        if (data != null) sink.next(data);
        else if (errors?.[0] !== undefined) this.#judgeFault(faultOfGraphQL(errors[0]));
      },
      error: (error) => {
        const [first] = Array.isArray(error) ? (error as { message: string }[]) : [];
        if (first !== undefined) this.#judgeFault(faultOfGraphQL(first));
        end();
      },
      complete: end,
    });
    return () => {
      stopListening();
      stop();
    };
  }

  close(): void {
    this.connection.close();
    void this.#socket.dispose();
  }

  /** Tells the connection of requests without an answer, and the page of a token that is no longer taken. */
  #judge(): Exchange {
    return mapExchange({
      onError: (error: CombinedError) => {
        this.#judgeFault(faultOf(error));
      },
    });
  }

  #judgeFault({ code }: Fault): void {
    if (code === 'UNAUTHENTICATED') this.#signedOut();
    else if (code === 'OFFLINE') this.connection.failed();
  }

  /** Runs the queries that are on the page again when the connection says that something may have been missed. */
  #readAnew(): Exchange {
    const active = new Map<number, Operation>();
    return ({ client, forward }) => {
      this.connection.onRefresh(() => {
        for (const operation of active.values()) {
          client.reexecuteOperation(client.createRequestOperation('query', operation, { ...operation.context, requestPolicy: 'network-only' }));
        }
      });
      return (operations) => forward(pipe(operations, tap((operation) => {
        if (operation.kind === 'query') active.set(operation.key, operation);
        else if (operation.kind === 'teardown') active.delete(operation.key);
      })));
    };
  }
}

interface Result<Data> {
  readonly data?: Data | undefined;
  readonly error?: CombinedError | undefined;
}

function answerOf<Data>({ data, error }: Result<Data>): Answer<Data> {
  if (error !== undefined) return { data: null, fault: faultOf(error) };
  if (data === undefined || data === null) return { data: null, fault: { code: 'UNAVAILABLE', reason: null, message: '', fields: new Map() } };
  return { data, fault: null };
}

const fetchWithin: typeof fetch = (input, init) => {
  const timeout = AbortSignal.timeout(ANSWER_WITHIN_MS);
  return fetch(input, { ...init, signal: init?.signal ? AbortSignal.any([init.signal, timeout]) : timeout });
};

/** Asks the API itself: a proxy or a platform that is just starting may answer other paths before it. */
async function answers(): Promise<boolean> {
  try {
    const response = await fetchWithin('/graphql', {
      method: 'POST', cache: 'no-store', credentials: 'same-origin', headers: { 'content-type': 'application/json' }, body: '{"query":"{ __typename }"}',
    });
    return response.status < 500;
  } catch {
    return false;
  }
}
