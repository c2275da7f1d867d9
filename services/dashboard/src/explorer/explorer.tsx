import type { GraphQLSchema } from 'graphql';
import { useCallback, useEffect, useId, useRef, useState } from 'react';
import type { ExplorerText } from '../messages/explorer.en';
import { Docs, type Place } from './docs';
import { Editor, type EditorOptions } from './editor';
import { formatted, operationAt, operationsIn, readVariables, type Operation, type Sketch } from './operations';
import { readSchema, send, subscribe } from './transport';

/** Of a subscription's answers this many are kept: a page left open must not grow. */
const KEPT_ANSWERS = 100;
const QUERY_KEY = 'sigma.explorer.query';
const VARIABLES_KEY = 'sigma.explorer.variables';

const FIRST_QUERY = `query Channels {
  channels(first: 10) {
    nodes {
      id
      name
      state
      currentSession { id state startedAt }
    }
    pageInfo { hasNextPage endCursor }
  }
}
`;

type SchemaState = { kind: 'waiting' } | { kind: 'refused' } | { kind: 'failed'; why: string } | { kind: 'known'; schema: GraphQLSchema };

/** The explorer: write an operation, run it, follow a subscription, read the schema. */
export function Explorer({ text }: { text: ExplorerText }) {
  const [token, setToken] = useState('');
  const [schema, setSchema] = useState<SchemaState>({ kind: 'waiting' });
  const [docs, setDocs] = useState(() => matchMedia('(min-width: 72rem)').matches);
  const [path, setPath] = useState<readonly Place[]>([]);
  const [operations, setOperations] = useState<Operation[] | null>(() => operationsIn(stored(QUERY_KEY) ?? FIRST_QUERY));
  const [chosen, setChosen] = useState('');
  const [status, setStatus] = useState('');
  const [running, setRunning] = useState(false);
  const query = useRef<Editor>(null);
  const variables = useRef<Editor>(null);
  const result = useRef<Editor>(null);
  const stop = useRef<() => void>(() => undefined);

  const learn = useCallback(async (signal: AbortSignal) => {
    setSchema({ kind: 'waiting' });
    const answer = await readSchema(token, signal);
    if (signal.aborted) return;
    if ('schema' in answer) {
      setSchema({ kind: 'known', schema: answer.schema });
      query.current?.know(answer.schema);
    } else {
      setSchema(answer.refused ? { kind: 'refused' } : { kind: 'failed', why: answer.why });
    }
  }, [token]);

  useEffect(() => {
    const ends = new AbortController();
    // A token is typed or pasted: asked about once it is whole.
    const wait = setTimeout(() => void learn(ends.signal), token === '' ? 0 : 400);
    return () => { clearTimeout(wait); ends.abort(); };
  }, [learn, token]);

  useEffect(() => () => stop.current(), []);

  const show = (value: unknown) => result.current?.set(typeof value === 'string' ? value : JSON.stringify(value, null, 2));

  const run = () => {
    const written = query.current?.text ?? '';
    const all = operationsIn(written);
    const operation = all === null ? null : all.find(({ name }) => name !== null && name === chosen) ?? operationAt(all, query.current?.cursor ?? 0);
    if (operation === null) return setStatus(text.wrongQuery);
    const given = readVariables(variables.current?.text ?? '');
    if ('wrong' in given) return setStatus(text.wrongVariables(given.wrong));
    stop.current();
    const request = { query: written, variables: given.variables, operationName: operation.name };
    setRunning(true);
    if (operation.kind === 'subscription') follow(request);
    else void ask(request);
  };

  const ask = async (request: Parameters<typeof send>[0]) => {
    const ends = new AbortController();
    stop.current = () => { ends.abort(); setRunning(false); };
    setStatus(text.running);
    try {
      const answer = await send(request, token, ends.signal);
      show(answer.body);
      setStatus([...(answer.status === 200 ? [] : [text.status(answer.status)]), text.took(answer.tookMs.toFixed(0))].join(' · '));
    } catch {
      if (ends.signal.aborted) return setStatus('');
      show('');
      setStatus(text.failed);
    }
    setRunning(false);
  };

  const follow = (request: Parameters<typeof subscribe>[0]) => {
    const kept: unknown[] = [];
    let count = 0;
    let drawing = 0;
    const draw = () => { drawing = 0; show(kept.map((value) => JSON.stringify(value, null, 2)).join('\n\n')); };
    const tell = (words: string) => setStatus(count > KEPT_ANSWERS ? `${words} · ${text.keptLast(KEPT_ANSWERS)}` : words);
    show('');
    tell(text.following('0'));
    const leave = subscribe(request, token, {
      next: (value) => {
        count += 1;
        kept.unshift(value);
        kept.length = Math.min(kept.length, KEPT_ANSWERS);
        tell(text.following(String(count)));
        if (drawing === 0) drawing = requestAnimationFrame(draw);
      },
      done: (error) => {
        setRunning(false);
        tell(error === null ? text.followed(String(count)) : text.cut(reason(error)));
        if (Array.isArray(error)) show({ errors: error });
      },
    });
    stop.current = () => { leave(); setRunning(false); tell(text.followed(String(count))); };
  };

  const format = () => {
    const laidOut = formatted(query.current?.text ?? '');
    if (laidOut !== null) query.current?.set(laidOut);
    const given = readVariables(variables.current?.text ?? '');
    if (!('wrong' in given) && Object.keys(given.variables).length > 0) variables.current?.set(JSON.stringify(given.variables, null, 2));
  };

  const use = (written: Sketch) => {
    query.current?.set(written.query);
    variables.current?.set(written.variables);
    query.current?.focus();
  };

  const names = operations?.filter(({ name }) => name !== null) ?? [];
  return (
    <div className={docs ? 'explorer with-docs' : 'explorer'}>
      <header className="explorer-bar">
        <a className="brand" href="/"><span className="mark" aria-hidden="true">Σ</span><span className="brand-words">{text.dashboard}</span></a>
        <h1>{text.title}</h1>
        <span className="bar-space" />
        <TokenField text={text} token={token} change={setToken} />
        {names.length > 1 && (
          <select aria-label={text.operation} value={chosen} onChange={(event) => setChosen(event.target.value)}>
            <option value="">{text.operation}</option>
            {names.map(({ name }) => <option key={name} value={name ?? ''}>{name}</option>)}
          </select>
        )}
        <button type="button" className="tool" onClick={format}>{text.format}</button>
        <button type="button" className="tool" aria-pressed={docs} onClick={() => setDocs(!docs)}>{text.docs}</button>
        {running ? <button type="button" className="primary" onClick={() => stop.current()}>{text.stop}</button>
          : <button type="button" className="primary" title={text.runHelp} aria-keyshortcuts="Control+Enter" onClick={run}>{text.run}</button>}
      </header>
      <main className="panes">
        <div className="pane-column">
          <Pane title={text.query} hint={text.editorHelp} className="query-pane" editor={query} options={{
            label: text.query, language: 'graphql', text: stored(QUERY_KEY) ?? FIRST_QUERY, run,
            changed: (value) => { keep(QUERY_KEY, value); setOperations(operationsIn(value)); },
            showInDocs: (type, field) => { setDocs(true); setPath((before) => [...before, { type: type.replace(/[[\]!]/g, ''), field }]); },
          }} ready={(editor) => { if (schema.kind === 'known') editor.know(schema.schema); }} />
          <Pane title={text.variables} className="variables-pane" editor={variables} options={{ label: text.variables, language: 'json', text: stored(VARIABLES_KEY) ?? '', run, changed: (value) => keep(VARIABLES_KEY, value) }} />
        </div>
        <Pane title={text.result} status={status || text.resultEmpty} className="result-pane" editor={result} options={{ label: text.result, language: 'json', text: '', readOnly: true, run }} />
        {docs && (
          <aside className="docs-pane" aria-label={text.docs}>
            {schema.kind === 'known' ? <Docs schema={schema.schema} text={text} path={path} go={setPath} use={use} />
              : <SchemaNotice text={text} state={schema} again={() => void learn(new AbortController().signal)} />}
          </aside>
        )}
      </main>
    </div>
  );
}

function SchemaNotice({ text, state, again }: { text: ExplorerText; state: Exclude<SchemaState, { kind: 'known' }>; again(): void }) {
  return (
    <div className="docs-notice" role="status">
      <p>{state.kind === 'waiting' ? text.schemaWaiting : state.kind === 'refused' ? text.schemaRefused : text.schemaFailed(state.why)}</p>
      {state.kind === 'refused' && <p><a href="/sign-in?next=/graphql">{text.signIn}</a></p>}
      {state.kind === 'failed' && <p><button type="button" onClick={again}>{text.again}</button></p>}
    </div>
  );
}

function TokenField({ text, token, change }: { text: ExplorerText; token: string; change(token: string): void }) {
  const id = useId();
  return (
    <form className="token" onSubmit={(event) => event.preventDefault()}>
      <input type="password" autoComplete="off" spellCheck={false} aria-label={text.token} placeholder={text.token} title={text.tokenHelp} aria-describedby={id} value={token} onChange={(event) => change(event.target.value.trim())} />
      <span id={id} className="off-screen">{text.tokenHelp}</span>
    </form>
  );
}

interface PaneProps {
  title: string;
  hint?: string;
  status?: string;
  className: string;
  editor: React.RefObject<Editor | null>;
  options: EditorOptions;
  ready?(editor: Editor): void;
}

/** An editor with its heading. The editor is made once; what it calls is always the newest. */
function Pane({ title, hint, status, className, editor, options, ready }: PaneProps) {
  const host = useRef<HTMLDivElement>(null);
  const newest = useRef(options);
  useEffect(() => { newest.current = options; });
  useEffect(() => {
    if (host.current === null) return undefined;
    const first = newest.current;
    const made = new Editor(host.current, {
      ...first,
      changed: (value) => newest.current.changed?.(value),
      run: () => newest.current.run?.(),
      showInDocs: (type, field) => newest.current.showInDocs?.(type, field),
    });
    editor.current = made;
    ready?.(made);
    return () => { editor.current = null; made.destroy(); };
    // Made once: a new editor would lose what was typed.
  }, []);
  return (
    <section className={`pane ${className}`} aria-label={title}>
      <div className="pane-head"><h2>{title}</h2>{hint !== undefined && <span className="hint">{hint}</span>}{status !== undefined && <span className="hint" role="status">{status}</span>}</div>
      <div className="pane-editor" ref={host} />
    </section>
  );
}

function reason(error: unknown): string {
  if (error instanceof CloseEvent) return error.reason === '' ? String(error.code) : error.reason;
  if (Array.isArray(error)) return (error as { message?: string }[]).map(({ message }) => message ?? '').join('; ');
  return error instanceof Error ? error.message : String(error);
}

function stored(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function keep(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // A browser that keeps nothing for this page: the text holds until it is closed.
  }
}
