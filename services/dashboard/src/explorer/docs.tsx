import {
  getNamedType, isEnumType, isInputObjectType, isInterfaceType, isIntrospectionType, isObjectType, isSpecifiedScalarType, isUnionType,
  type GraphQLArgument, type GraphQLEnumValue, type GraphQLField, type GraphQLInputField, type GraphQLInputType, type GraphQLNamedType, type GraphQLOutputType, type GraphQLSchema,
} from 'graphql';
import { useEffect, useMemo, useRef, useState, type ReactNode } from 'react';
import type { ExplorerText } from '../messages/explorer.en';
import { sketch, type Sketch } from './operations';

/** Where the reader is: a type, with one of its fields to look at. */
export interface Place {
  type: string;
  field: string | null;
}

/** Matches shown at most; whoever has more types on. */
const FOUND_MOST = 60;

interface DocsProps {
  schema: GraphQLSchema;
  text: ExplorerText;
  /** The way there, the last one shown; empty: the overview. */
  path: readonly Place[];
  go(path: readonly Place[]): void;
  use(sketch: Sketch): void;
}

/** The schema to read: its roots, its types, a page for each, and a search over all names. */
export function Docs({ schema, text, path, go, use }: DocsProps) {
  const [wanted, setWanted] = useState('');
  const here = path.at(-1);
  const type = here === undefined ? undefined : schema.getType(here.type);
  const top = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const field = here?.field == null ? null : top.current?.querySelector(`[data-field="${CSS.escape(here.field)}"]`);
    if (field == null) top.current?.scrollTo({ top: 0 });
    else field.scrollIntoView({ block: 'center' });
  }, [here]);
  const open = (place: Place) => { setWanted(''); go([...path, place]); };
  return (
    <div className="docs">
      <div className="docs-head">
        {here !== undefined && <button type="button" className="quiet-button" onClick={() => go(path.slice(0, -1))}>← {text.back}</button>}
        <input type="search" value={wanted} onChange={(event) => setWanted(event.target.value)} placeholder={text.search} aria-label={text.search} />
      </div>
      <div className="docs-body" ref={top} tabIndex={0} role="region" aria-label={text.docs}>
        {wanted.trim() !== '' ? <Found schema={schema} text={text} wanted={wanted.trim()} open={open} />
          : type === undefined ? <Overview schema={schema} text={text} open={open} />
          : <TypePage schema={schema} text={text} type={type} field={here?.field ?? null} open={open} use={use} />}
      </div>
    </div>
  );
}

type Opens = { schema: GraphQLSchema; text: ExplorerText; open(place: Place): void };

function rootsOf(schema: GraphQLSchema) {
  return (['query', 'mutation', 'subscription'] as const).flatMap((kind) => {
    const type = { query: schema.getQueryType(), mutation: schema.getMutationType(), subscription: schema.getSubscriptionType() }[kind];
    return type == null ? [] : [{ kind, type }];
  });
}

function Overview({ schema, text, open }: Opens) {
  const roots = rootsOf(schema);
  const types = useMemo(
    () => Object.values(schema.getTypeMap()).filter((type) => !isIntrospectionType(type) && !isSpecifiedScalarType(type) && !rootsOf(schema).some((root) => root.type === type)).sort((a, b) => a.name.localeCompare(b.name)),
    [schema],
  );
  return (
    <>
      {roots.map(({ kind, type }) => (
        <section key={kind}>
          <h2>{text.roots[kind]}</h2>
          <ul className="names">
            {Object.values(type.getFields()).map((field) => <li key={field.name}><Name onPress={() => open({ type: type.name, field: field.name })}>{field.name}</Name></li>)}
          </ul>
        </section>
      ))}
      <section>
        <h2>{text.types}</h2>
        <ul className="names">{types.map((type) => <li key={type.name}><Name onPress={() => open({ type: type.name, field: null })}>{type.name}</Name></li>)}</ul>
      </section>
    </>
  );
}

function Found({ schema, text, wanted, open }: Opens & { wanted: string }) {
  const found = useMemo(() => {
    const word = wanted.toLowerCase();
    return Object.values(schema.getTypeMap()).filter((type) => !isIntrospectionType(type)).flatMap((type): Place[] => [
      ...(type.name.toLowerCase().includes(word) ? [{ type: type.name, field: null }] : []),
      ...fieldsOf(type).filter(({ name }) => name.toLowerCase().includes(word)).map(({ name }) => ({ type: type.name, field: name })),
    ]);
  }, [schema, wanted]);
  return (
    <>
      <p role="status" className="quiet-text">{found.length === 0 ? text.nothingFound : text.found(found.length)}</p>
      <ul className="names">
        {found.slice(0, FOUND_MOST).map((place) => (
          <li key={`${place.type}.${place.field ?? ''}`}><Name onPress={() => open(place)}>{place.field === null ? place.type : <><span className="of">{place.type}.</span>{place.field}</>}</Name></li>
        ))}
      </ul>
    </>
  );
}

function TypePage({ schema, text, type, field: chosen, open, use }: Opens & { type: GraphQLNamedType; field: string | null; use(sketch: Sketch): void }) {
  const kind = rootsOf(schema).find((root) => root.type === type)?.kind ?? null;
  const openType = (name: string) => open({ type: name, field: null });
  return (
    <>
      <h2 className="type-name">{type.name}</h2>
      <Description of={type} />
      {(isObjectType(type) || isInterfaceType(type)) && (
        <section>
          <h3>{text.fields}</h3>
          {Object.values(type.getFields()).map((field) => (
            <FieldEntry key={field.name} field={field} text={text} openType={openType} chosen={field.name === chosen}>
              {kind !== null && <button type="button" className="use" aria-label={text.useFor(field.name)} onClick={() => use(sketch(kind, field as GraphQLField<unknown, unknown>))}>{text.use}</button>}
            </FieldEntry>
          ))}
        </section>
      )}
      {isInputObjectType(type) && (
        <section>
          <h3>{text.inputFields}</h3>
          {Object.values(type.getFields()).map((field) => <InputEntry key={field.name} field={field} text={text} openType={openType} chosen={field.name === chosen} />)}
        </section>
      )}
      {isEnumType(type) && (
        <section>
          <h3>{text.values}</h3>
          {type.getValues().map((value) => <Entry key={value.name} name={value.name} chosen={value.name === chosen} head={<code className="name">{value.name}</code>}><Description of={value} text={text} /></Entry>)}
        </section>
      )}
      {(isUnionType(type) || isInterfaceType(type)) && (
        <section>
          <h3>{text.possible}</h3>
          <ul className="names">{schema.getPossibleTypes(type).map(({ name }) => <li key={name}><Name onPress={() => openType(name)}>{name}</Name></li>)}</ul>
        </section>
      )}
    </>
  );
}

function FieldEntry({ field, text, openType, chosen, children }: { field: GraphQLField<unknown, unknown>; text: ExplorerText; openType(name: string): void; chosen: boolean; children: ReactNode }) {
  return (
    <Entry name={field.name} chosen={chosen} head={<><code className="name">{field.name}</code><code>: <TypeLink type={field.type} openType={openType} /></code></>}>
      <Description of={field} text={text} />
      {field.args.length > 0 && (
        <details open={chosen}>
          <summary>{text.args} ({field.args.length})</summary>
          {field.args.map((argument) => <InputEntry key={argument.name} field={argument} text={text} openType={openType} chosen={false} />)}
        </details>
      )}
      {children}
    </Entry>
  );
}

function InputEntry({ field, text, openType, chosen }: { field: GraphQLArgument | GraphQLInputField; text: ExplorerText; openType(name: string): void; chosen: boolean }) {
  return (
    <Entry name={field.name} chosen={chosen} head={<><code className="name">{field.name}</code><code>: <TypeLink type={field.type} openType={openType} /></code></>}>
      <Description of={field} text={text} />
      {field.defaultValue !== undefined && <p className="quiet-text">{text.unless(String(JSON.stringify(field.defaultValue)))}</p>}
    </Entry>
  );
}

function Entry({ name, chosen, head, children }: { name: string; chosen: boolean; head: ReactNode; children: ReactNode }) {
  return <div className={chosen ? 'entry chosen' : 'entry'} data-field={name}><div className="entry-head">{head}</div>{children}</div>;
}

function TypeLink({ type, openType }: { type: GraphQLOutputType | GraphQLInputType; openType(name: string): void }) {
  const { name } = getNamedType(type);
  const [before = '', after = ''] = String(type).split(name);
  return <>{before}<Name onPress={() => openType(name)}>{name}</Name>{after}</>;
}

function Name({ onPress, children }: { onPress(): void; children: ReactNode }) {
  return <button type="button" className="link" onClick={onPress}>{children}</button>;
}

/** Words in backticks are code; the rest is text as it stands. */
function Description({ of, text }: { of: { description?: string | null | undefined } & Partial<Pick<GraphQLEnumValue, 'deprecationReason'>>; text?: ExplorerText }) {
  const description = of.description?.trim() ?? '';
  return (
    <>
      {description !== '' && <p className="description">{description.split('`').map((piece, index) => (index % 2 === 1 ? <code key={index}>{piece}</code> : piece))}</p>}
      {text !== undefined && of.deprecationReason != null && <p className="warn-text">{text.deprecated(of.deprecationReason)}</p>}
    </>
  );
}

function fieldsOf(type: GraphQLNamedType): { name: string }[] {
  if (isObjectType(type) || isInterfaceType(type) || isInputObjectType(type)) return Object.values(type.getFields());
  return isEnumType(type) ? [...type.getValues()] : [];
}
