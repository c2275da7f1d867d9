import { buildSchema, parse, validate, type GraphQLField } from 'graphql';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { formatted, operationAt, operationsIn, readVariables, sketch } from '../../src/explorer/operations';

const TWO = 'query One { a }\n\nsubscription Two { b }\n';

describe('the operations of a text', () => {
  it('are found with their names, kinds and places', () => {
    expect(operationsIn(TWO)).toEqual([{ name: 'One', kind: 'query', start: 0, end: 15 }, { name: 'Two', kind: 'subscription', start: 17, end: 39 }]);
    expect(operationsIn('{ a }')?.[0]?.name).toBeNull();
    expect(operationsIn('query {')).toBeNull();
  });

  it('are chosen by the cursor', () => {
    const operations = operationsIn(TWO) ?? [];
    expect(operationAt(operations, 4)?.name).toBe('One');
    expect(operationAt(operations, 16)?.name).toBe('One');
    expect(operationAt(operations, 20)?.name).toBe('Two');
    expect(operationAt(operations, 400)?.name).toBe('Two');
    expect(operationAt([], 0)).toBeNull();
  });

  it('are laid out, unless comments would be lost or the text is broken', () => {
    expect(formatted('query One{a}')).toBe('query One {\n  a\n}');
    expect(formatted('# why\nquery One{a}')).toBeNull();
    expect(formatted('query {')).toBeNull();
  });
});

describe('variables', () => {
  it('are an object or nothing', () => {
    expect(readVariables('  ')).toEqual({ variables: {} });
    expect(readVariables('{"id": 1}')).toEqual({ variables: { id: 1 } });
    expect(readVariables('[1]')).toEqual({ wrong: '' });
    expect(readVariables('{id: 1}')).toHaveProperty('wrong', expect.stringContaining('JSON'));
  });
});

describe('a sketch', () => {
  const schema = buildSchema(readFileSync(new URL('../../../../schema/graphql/schema.graphql', import.meta.url), 'utf8'));
  const roots = [['query', schema.getQueryType()], ['mutation', schema.getMutationType()], ['subscription', schema.getSubscriptionType()]] as const;
  const fields = roots.flatMap(([kind, type]) => Object.values(type?.getFields() ?? {}).map((field) => [kind, field.name, field as GraphQLField<unknown, unknown>] as const));

  it.each(fields)('of %s %s is an operation that the schema allows', (kind, _, field) => {
    const { query, variables } = sketch(kind, field);
    expect(validate(schema, parse(query))).toEqual([]);
    expect(variables === '' || typeof JSON.parse(variables) === 'object').toBe(true);
  });
});
