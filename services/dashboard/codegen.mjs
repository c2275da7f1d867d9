// Types and documents of src/**/*.graphql, checked against the platform's schema: src/api/generated.ts.
// The schema is schema/graphql/schema.graphql of the repository; SIGMA_SDL names another.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as typedDocuments from '@graphql-codegen/typed-document-node';
import * as types from '@graphql-codegen/typescript';
import * as operations from '@graphql-codegen/typescript-operations';
import { buildSchema, parse, validate } from 'graphql';

const SDL = process.env.SIGMA_SDL ?? fileURLToPath(new URL('../../schema/graphql/schema.graphql', import.meta.url));
const SOURCES = fileURLToPath(new URL('src/', import.meta.url));
const OUTPUT = fileURLToPath(new URL('src/api/generated.ts', import.meta.url));

const schema = buildSchema(readFileSync(SDL, 'utf8'));
const documents = readdirSync(SOURCES, { recursive: true })
  .filter((name) => name.endsWith('.graphql'))
  .sort()
  .map((name) => ({ location: name, document: parse(readFileSync(SOURCES + name, 'utf8')) }));

const whole = { kind: 'Document', definitions: documents.flatMap(({ document }) => document.definitions) };
const faults = validate(schema, whole);
for (const fault of faults) console.error(`${fault.message} (${fault.locations?.map(({ line }) => `line ${line}`).join(', ') ?? ''})`);
if (faults.length > 0) {
  console.error(`the operations do not fit the schema ${SDL}`);
  process.exit(1);
}

const config = {
  scalars: { ID: 'string', DateTime: 'string', Long: 'number', JSON: 'unknown' },
  strictScalars: true,
  enumsAsTypes: true,
  avoidOptionals: { field: true, inputValue: false },
  immutableTypes: true,
  onlyOperationTypes: true,
  useTypeImports: true,
  skipTypename: true,
  dedupeFragments: true,
};

const plugins = [types, operations, typedDocuments];
const parts = [];
for (const { plugin } of plugins) parts.push(await plugin(schema, documents, config, { outputFile: OUTPUT }));
const text = [
  ...new Set(parts.flatMap(({ prepend = [] }) => prepend)),
  ...parts.map(({ content }) => content),
].join('\n');
const head = '// Made by codegen.mjs from the schema and the .graphql files; not to be edited.\n';
// An unchanged file is left alone, so that nothing is built anew for it.
const before = (() => { try { return readFileSync(OUTPUT, 'utf8'); } catch { return ''; } })();
if (before !== head + text) writeFileSync(OUTPUT, head + text);
