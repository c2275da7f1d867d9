import { createClient } from 'graphql-ws';
import { buildClientSchema, getIntrospectionQuery, type GraphQLSchema, type IntrospectionQuery } from 'graphql';

const PATH = '/graphql';
const SOCKET_PATH = '/graphql/ws';
/** A server that does not answer within this is treated as away. */
const ANSWER_WITHIN_MS = 30_000;

export interface Request {
  query: string;
  variables: Record<string, unknown>;
  operationName: string | null;
}

/** What a server said, as it said it. */
export interface Answer {
  status: number;
  body: unknown;
  tookMs: number;
}

/** Sends a request; with an empty token the browser's cookie stands for it. */
export async function send(request: Request, token: string, signal: AbortSignal): Promise<Answer> {
  const from = performance.now();
  const response = await fetch(PATH, {
    method: 'POST', cache: 'no-store', credentials: 'same-origin', signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_WITHIN_MS)]),
    headers: { 'content-type': 'application/json', accept: 'application/json', ...(token === '' ? {} : { authorization: `Bearer ${token}` }) },
    body: JSON.stringify({ query: request.query, variables: request.variables, ...(request.operationName === null ? {} : { operationName: request.operationName }) }),
  });
  const text = await response.text();
  let body: unknown = text;
  try {
    body = JSON.parse(text);
  } catch {
    // Not JSON: shown as it came.
  }
  return { status: response.status, body, tookMs: performance.now() - from };
}

export interface Sink {
  next(value: unknown): void;
  /** `error` is null where the server ended it in good order. */
  done(error: unknown): void;
}

/** Follows a subscription over a socket of its own until the answer is called. The explorer shows a lost connection instead of hiding it. */
export function subscribe(request: Request, token: string, sink: Sink): () => void {
  const client = createClient({
    url: `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${SOCKET_PATH}`,
    retryAttempts: 0,
    ...(token === '' ? {} : { connectionParams: { authorization: `Bearer ${token}` } }),
  });
  let open = true;
  const end = (error: unknown) => {
    if (!open) return;
    open = false;
    sink.done(error);
    void client.dispose();
  };
  const leave = client.subscribe(
    { query: request.query, variables: request.variables, ...(request.operationName === null ? {} : { operationName: request.operationName }) },
    { next: (value) => { if (open) sink.next(value); }, error: (error) => end(error ?? new Error('closed')), complete: () => end(null) },
  );
  return () => {
    open = false;
    leave();
    void client.dispose();
  };
}

/** The schema as the server describes it, or why there is none. */
export async function readSchema(token: string, signal: AbortSignal): Promise<{ schema: GraphQLSchema } | { refused: boolean; why: string }> {
  try {
    const { status, body } = await send({ query: getIntrospectionQuery({ descriptions: true, inputValueDeprecation: false }), variables: {}, operationName: 'IntrospectionQuery' }, token, signal);
    const { data, errors } = (typeof body === 'object' && body !== null ? body : {}) as { data?: IntrospectionQuery | null; errors?: { message: string; extensions?: { code?: string } }[] };
    if (data?.__schema !== undefined) return { schema: buildClientSchema(data) };
    const error = errors?.[0];
    return { refused: status === 401 || error?.extensions?.code === 'UNAUTHENTICATED', why: error?.message ?? `HTTP ${status}` };
  } catch (error) {
    return { refused: false, why: error instanceof Error ? error.message : String(error) };
  }
}
