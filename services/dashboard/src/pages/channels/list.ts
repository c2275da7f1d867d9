import type { ChannelOrder, ChannelRowFragment, ChannelState } from '../../api/generated';

export type Row = ChannelRowFragment;

/** What is asked for. */
export interface Wish {
  readonly search: string;
  readonly state: ChannelState | null;
  readonly order: ChannelOrder;
}

/** The rows that are shown, in order, and how to read on. */
export interface Rows {
  readonly rows: readonly Row[];
  /** Null: everything is shown. */
  readonly next: string | null;
}

export interface Page {
  readonly nodes: readonly Row[];
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
}

const nextOf = ({ pageInfo }: Page) => (pageInfo.hasNextPage ? pageInfo.endCursor : null);

/** A page that was read on. A row that is known already, because it moved between two pages, stays where it is, renewed. */
export function withPage(before: Rows, page: Page): Rows {
  const fresh = new Map(page.nodes.map((row) => [row.id, row]));
  const known = new Set(before.rows.map(({ id }) => id));
  return {
    rows: [...before.rows.map((row) => fresh.get(row.id) ?? row), ...page.nodes.filter(({ id }) => !known.has(id))],
    next: nextOf(page),
  };
}

/** A channel has changed, or is new: it is renewed in place, leaves what does not fit it any more, or comes in where it belongs. */
export function withChange(before: Rows, row: Row, wish: Wish): Rows {
  const at = before.rows.findIndex(({ id }) => id === row.id);
  const fits = wish.state === null || row.state === wish.state;
  if (at >= 0) {
    const known = before.rows[at];
    if (!fits) return { ...before, rows: before.rows.filter(({ id }) => id !== row.id) };
    if (wish.order !== 'NAME' || known?.name === row.name) return { ...before, rows: before.rows.with(at, row) };
    return withChange({ ...before, rows: before.rows.filter(({ id }) => id !== row.id) }, row, wish);
  }
  if (!fits || !matches(row.name, wish.search)) return before;
  const place = before.rows.findIndex((other) => isBefore(row, other, wish.order));
  // Behind the last row there may be rows that were not read yet: it is among them, and comes with them.
  if (place < 0) return before.next === null ? { ...before, rows: [...before.rows, row] } : before;
  return { ...before, rows: before.rows.toSpliced(place, 0, row) };
}

export function without(before: Rows, id: string): Rows {
  return { ...before, rows: before.rows.filter((row) => row.id !== id) };
}

/** As the platform folds names: without case and without marks above and below letters. */
export function folded(text: string): string {
  return text.normalize('NFD').replaceAll(/\p{Mark}/gu, '').replaceAll('đ', 'd').replaceAll('Đ', 'D').toLowerCase();
}

/** The platform decides what a search finds; this is for what changes meanwhile. */
function matches(name: string, search: string): boolean {
  return search === '' || folded(name).includes(folded(search));
}

function isBefore(one: Row, other: Row, order: ChannelOrder): boolean {
  switch (order) {
    case 'NEWEST': return one.createdAt > other.createdAt;
    case 'OLDEST': return one.createdAt < other.createdAt;
    case 'NAME': return folded(one.name) < folded(other.name);
  }
}
