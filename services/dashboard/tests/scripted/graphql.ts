import { GraphQLError } from 'graphql';

/** An error as the platform gives it. */
export function fault(code: string, message: string, more: { reason?: string; fields?: { path: string; message: string }[] } = {}): GraphQLError {
  return new GraphQLError(message, { extensions: { code, ...more } });
}

/** A relay connection over rows that are all there: cursors are indices. */
export function page<Row>(rows: readonly Row[], first: number | null | undefined, after: string | null | undefined) {
  const from = after == null ? 0 : Number(after) + 1;
  const nodes = rows.slice(from, from + (first ?? 20));
  const end = from + nodes.length - 1;
  return {
    nodes,
    edges: nodes.map((node, index) => ({ node, cursor: String(from + index) })),
    pageInfo: { hasNextPage: end < rows.length - 1, hasPreviousPage: from > 0, startCursor: nodes.length === 0 ? null : String(from), endCursor: nodes.length === 0 ? null : String(end) },
  };
}

/** What is published reaches every follower, in order, as long as he listens. */
export class Topic<Value> {
  readonly #followers = new Set<(value: Value) => void>();

  get followers(): number {
    return this.#followers.size;
  }

  publish(value: Value): void {
    for (const follower of [...this.#followers]) follower(value);
  }

  /** Begins with `first`, then what is published and fits. */
  follow(first: readonly Value[], fits: (value: Value) => boolean): AsyncGenerator<Value, void, void> {
    const waiting: Value[] = [...first];
    let wake: () => void = () => {};
    let over = false;
    const follower = (value: Value) => {
      if (!fits(value)) return;
      waiting.push(value);
      wake();
    };
    this.#followers.add(follower);
    const end = () => {
      over = true;
      this.#followers.delete(follower);
      wake();
    };
    const generator: AsyncGenerator<Value, void, void> = {
      next: async () => {
        for (;;) {
          const value = waiting.shift();
          if (value !== undefined) return { done: false, value };
          if (over) return { done: true, value: undefined };
          await new Promise<void>((resolve) => { wake = resolve; });
        }
      },
      return: async () => { end(); return { done: true, value: undefined }; },
      throw: async (error) => { end(); throw error; },
      [Symbol.asyncIterator]: () => generator,
    };
    return generator;
  }
}
