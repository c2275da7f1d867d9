import { describe, expect, it } from 'vitest';
import { folded, withChange, withPage, type Row, type Rows, type Wish } from '../../src/pages/channels/list';

const row = (id: string, more: Partial<Row> = {}): Row => ({ id, name: id, state: 'IDLE', latencyMode: 'LOW', createdAt: `2026-01-0${id.slice(-1)}T00:00:00.000Z`, currentSession: null, ...more });
const all = (...rows: Row[]): Rows => ({ rows, next: null });
const ids = ({ rows }: Rows) => rows.map(({ id }) => id);
const newest: Wish = { search: '', state: null, order: 'NEWEST' };

describe('a page that is read on', () => {
  it('is put behind, once, and renews rows that are known', () => {
    const before: Rows = { rows: [row('ch3'), row('ch2')], next: 'c2' };
    const after = withPage(before, { nodes: [row('ch2', { name: 'renamed' }), row('ch1')], pageInfo: { hasNextPage: false, endCursor: 'c1' } });
    expect(ids(after)).toEqual(['ch3', 'ch2', 'ch1']);
    expect(after.rows[1]?.name).toBe('renamed');
    expect(after.next).toBeNull();
  });
});

describe('a change', () => {
  it('renews a row in its place', () => {
    const after = withChange(all(row('ch3'), row('ch2')), row('ch2', { state: 'ACTIVE' }), newest);
    expect(after.rows.map(({ state }) => state)).toEqual(['IDLE', 'ACTIVE']);
  });

  it('brings a new row in where it belongs', () => {
    expect(ids(withChange(all(row('ch3'), row('ch1')), row('ch2'), newest))).toEqual(['ch3', 'ch2', 'ch1']);
    expect(ids(withChange(all(row('ch1'), row('ch3')), row('ch2'), { ...newest, order: 'OLDEST' }))).toEqual(['ch1', 'ch2', 'ch3']);
    expect(ids(withChange(all(row('ch1', { name: 'A' }), row('ch3', { name: 'c' })), row('ch2', { name: 'Ấb' }), { ...newest, order: 'NAME' }))).toEqual(['ch1', 'ch2', 'ch3']);
  });

  it('leaves a row that belongs behind what was read to be read', () => {
    expect(ids(withChange({ rows: [row('ch3')], next: 'c3' }, row('ch1'), newest))).toEqual(['ch3']);
    expect(ids(withChange(all(row('ch3')), row('ch1'), newest))).toEqual(['ch3', 'ch1']);
  });

  it('moves a renamed row where the order is by name', () => {
    const byName: Wish = { ...newest, order: 'NAME' };
    expect(ids(withChange(all(row('ch1', { name: 'a' }), row('ch2', { name: 'b' })), row('ch1', { name: 'z' }), byName))).toEqual(['ch2', 'ch1']);
  });

  it('takes a row away that does not fit the filter any more, and lets none in that does not', () => {
    const idle: Wish = { ...newest, state: 'IDLE' };
    expect(ids(withChange(all(row('ch3'), row('ch2')), row('ch2', { state: 'ACTIVE' }), idle))).toEqual(['ch3']);
    expect(ids(withChange(all(row('ch1')), row('ch2', { state: 'STOP' }), idle))).toEqual(['ch1']);
    expect(ids(withChange(all(row('ch1')), row('ch2', { name: 'Harbour' }), { ...newest, search: 'church' }))).toEqual(['ch1']);
    expect(ids(withChange(all(row('ch1')), row('ch2', { name: 'Nhà thờ Đức Bà' }), { ...newest, search: 'tho duc' }))).toEqual(['ch2', 'ch1']);
  });
});

it('folds names without case and marks', () => {
  expect(folded('Đà Nẵng ÉTÉ')).toBe('da nang ete');
});
