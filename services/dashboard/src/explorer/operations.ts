import {
  isCompositeType, isEnumType, isInputObjectType, isLeafType, isListType, isNonNullType, isObjectType, isRequiredArgument, isRequiredInputField, getNamedType, parse, print,
  type GraphQLField, type GraphQLInputType, type GraphQLOutputType, type OperationDefinitionNode, type OperationTypeNode,
} from 'graphql';

/** An operation of the text in the editor. */
export interface Operation {
  /** Null for the one that has no name. */
  name: string | null;
  kind: OperationTypeNode | 'query';
  /** Where it stands in the text. */
  start: number;
  end: number;
}

/** The operations of a text in their order; null when it cannot be parsed. */
export function operationsIn(text: string): Operation[] | null {
  try {
    return parse(text).definitions
      .filter((definition): definition is OperationDefinitionNode => definition.kind === 'OperationDefinition')
      .map(({ name, operation, loc }) => ({ name: name?.value ?? null, kind: operation, start: loc?.start ?? 0, end: loc?.end ?? 0 }));
  } catch {
    return null;
  }
}

/** The operation that a person means whose cursor stands at `position`: the one around it, else the last before it, else the first. */
export function operationAt(operations: readonly Operation[], position: number): Operation | null {
  return operations.find(({ start, end }) => position >= start && position <= end) ?? operations.findLast(({ end }) => end < position) ?? operations[0] ?? null;
}

/** The text laid out anew; null when it cannot be parsed. Comments would be lost, so a text with any stays as it is. */
export function formatted(text: string): string | null {
  if (/^\s*#/m.test(text)) return null;
  try {
    return print(parse(text));
  } catch {
    return null;
  }
}

/** Variables as they were typed: an object, or what is wrong with them. */
export function readVariables(text: string): { variables: Record<string, unknown> } | { wrong: string } {
  if (text.trim() === '') return { variables: {} };
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { variables: value as Record<string, unknown> } : { wrong: '' };
  } catch (error) {
    return { wrong: error instanceof Error ? error.message : String(error) };
  }
}

export interface Sketch {
  query: string;
  /** JSON; empty when the operation takes no variables. */
  variables: string;
}

/** How deep a sketch selects: enough to see something, not the whole graph. */
const SKETCH_DEPTH = 3;

/** An operation for a field of a root type, to begin with: what it must be told as variables, and what can be read at once. */
export function sketch(kind: 'query' | 'mutation' | 'subscription', field: GraphQLField<unknown, unknown>): Sketch {
  const given = field.args.filter((argument) => isRequiredArgument(argument) || argument.name === 'first');
  const asVariables = given.filter(isRequiredArgument);
  const head = asVariables.length === 0 ? '' : `(${asVariables.map(({ name, type }) => `$${name}: ${String(type)}`).join(', ')})`;
  const args = given.length === 0 ? '' : `(${given.map((argument) => (isRequiredArgument(argument) ? `${argument.name}: $${argument.name}` : `${argument.name}: 10`)).join(', ')})`;
  const name = field.name.charAt(0).toUpperCase() + field.name.slice(1);
  const text = `${kind} ${name}${head} { ${field.name}${args} ${selection(field.type, SKETCH_DEPTH)} }`;
  const variables = Object.fromEntries(asVariables.map((argument) => [argument.name, example(argument.type)]));
  return { query: print(parse(text)), variables: asVariables.length === 0 ? '' : JSON.stringify(variables, null, 2) };
}

function selection(type: GraphQLOutputType, depth: number): string {
  const named = getNamedType(type);
  if (!isCompositeType(named)) return '';
  if (!isObjectType(named)) return '{ __typename }';
  const chosen = Object.values(named.getFields()).flatMap((field) => {
    if (field.args.some(isRequiredArgument) || field.deprecationReason != null || field.name === 'edges') return [];
    if (isLeafType(getNamedType(field.type))) return [field.name];
    // Lists inside would be whole lists of their own; a page's nodes are what it is read for.
    const inner = field.name === 'nodes' || (depth > 1 && !holdsList(field.type) && !isConnection(field.type)) ? selection(field.type, depth - 1) : '';
    return inner === '' ? [] : [`${field.name} ${inner}`];
  });
  return chosen.length === 0 ? '{ __typename }' : `{ ${chosen.join(' ')} }`;
}

function holdsList(type: GraphQLOutputType): boolean {
  return isListType(isNonNullType(type) ? type.ofType : type);
}

function isConnection(type: GraphQLOutputType): boolean {
  return getNamedType(type).name.endsWith('Connection');
}

function example(type: GraphQLInputType): unknown {
  if (isNonNullType(type)) return example(type.ofType as GraphQLInputType);
  if (isListType(type)) return [];
  if (isEnumType(type)) return type.getValues()[0]?.name ?? '';
  if (isInputObjectType(type)) {
    return Object.fromEntries(Object.values(type.getFields()).filter(isRequiredInputField).map((field) => [field.name, example(field.type)]));
  }
  return { Int: 0, Float: 0, Long: 0, Boolean: false }[type.name] ?? '';
}
