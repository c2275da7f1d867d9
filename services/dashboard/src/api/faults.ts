import type { CombinedError } from '@urql/core';

/** The codes of the platform's errors, and `OFFLINE` for no answer at all. */
export type FaultCode =
  | 'UNAUTHENTICATED' | 'FORBIDDEN' | 'NOT_FOUND' | 'BAD_INPUT' | 'REFUSED' | 'CONFLICT'
  | 'RATE_LIMITED' | 'TOO_COMPLEX' | 'TOO_LARGE' | 'UNAVAILABLE' | 'OFFLINE';

/** What was wrong with a request, as the page can tell it. */
export interface Fault {
  readonly code: FaultCode;
  /** The rule of the domain that was broken, as `ON_AIR`. */
  readonly reason: string | null;
  /** The platform's own sentence, in English. */
  readonly message: string;
  /** Fields of the input that are wrong, by path. */
  readonly fields: ReadonlyMap<string, string>;
}

const CODES: ReadonlySet<string> = new Set<FaultCode>([
  'UNAUTHENTICATED', 'FORBIDDEN', 'NOT_FOUND', 'BAD_INPUT', 'REFUSED', 'CONFLICT', 'RATE_LIMITED', 'TOO_COMPLEX', 'TOO_LARGE', 'UNAVAILABLE',
]);
const BY_STATUS: Readonly<Record<number, FaultCode>> = { 401: 'UNAUTHENTICATED', 403: 'FORBIDDEN', 413: 'TOO_LARGE', 429: 'RATE_LIMITED' };
const NO_FIELDS: ReadonlyMap<string, string> = new Map();

export const OFFLINE: Fault = { code: 'OFFLINE', reason: null, message: '', fields: NO_FIELDS };

interface GraphQLFault {
  readonly message: string;
  readonly extensions?: Record<string, unknown> | undefined;
}

/** Reads one entry of a GraphQL answer's `errors`. */
export function faultOfGraphQL({ message, extensions }: GraphQLFault): Fault {
  const code = extensions?.['code'];
  const reason = extensions?.['reason'];
  return {
    code: typeof code === 'string' && CODES.has(code) ? (code as FaultCode) : 'UNAVAILABLE',
    reason: typeof reason === 'string' ? reason : null,
    message,
    fields: fieldsOf(extensions?.['fields']),
  };
}

function fieldsOf(given: unknown): ReadonlyMap<string, string> {
  if (!Array.isArray(given)) return NO_FIELDS;
  const entries = given.flatMap((field: unknown): [string, string][] => {
    if (typeof field !== 'object' || field === null) return [];
    const { path, message } = field as { path?: unknown; message?: unknown };
    return typeof path === 'string' && typeof message === 'string' ? [[path.replace(/^input\./, ''), message]] : [];
  });
  return new Map(entries);
}

/** What urql says, as one fault: the first that was told. */
export function faultOf(error: CombinedError): Fault {
  const [first] = error.graphQLErrors;
  if (first !== undefined) return faultOfGraphQL(first);
  const status = (error.response as Response | undefined)?.status;
  if (status === undefined || status >= 500) return OFFLINE;
  const code = BY_STATUS[status] ?? 'UNAVAILABLE';
  return { code, reason: null, message: error.message, fields: NO_FIELDS };
}
