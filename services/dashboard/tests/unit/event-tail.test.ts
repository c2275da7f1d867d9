import { describe, expect, it, vi } from 'vitest';
import { EventTail, HELD_MOST, KEPT_ROWS, matches, typeAsked } from '../../src/pages/events/tail';

const event = (number: number) => ({ id: `ev_${number}`, position: String(number) });
const events = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => event(from + index));
const shown = (tail: EventTail<{ id: string; position: string }>) => tail.state().rows.map(({ position }) => Number(position));

describe('the tail of the log', () => {
  it('shows the newest first and adds what comes on top, none twice', () => {
    const tail = new EventTail();
    tail.start({ events: events(5, 8), hasOlder: true });
    tail.come([event(7), event(8)]);
    expect(shown(tail)).toEqual([8, 7, 6, 5]);
    expect(tail.oldest).toBe('5');
  });

  it('keeps a bounded number of rows, and knows that the log has more', () => {
    const tail = new EventTail();
    tail.start({ events: [], hasOlder: false });
    for (let from = 0; from < 3 * KEPT_ROWS; from += 100) tail.come(events(from, from + 100));
    expect(tail.state().rows).toHaveLength(KEPT_ROWS);
    expect(shown(tail)[0]).toBe(3 * KEPT_ROWS - 1);
    expect(tail.state().hasOlder).toBe(true);
  });

  it('holds what comes while it is paused, and shows it afterwards', () => {
    const tail = new EventTail();
    tail.start({ events: [event(1)], hasOlder: false });
    tail.pause();
    tail.come([event(2)]);
    tail.come([event(2), event(3)]);
    expect(shown(tail)).toEqual([1]);
    expect(tail.state().held).toBe(2);
    expect(tail.resume()).toBe(true);
    expect(shown(tail)).toEqual([3, 2, 1]);
    expect(tail.state()).toMatchObject({ held: 0, paused: false });
  });

  it('asks for a new start when more came in a pause than it holds', () => {
    const tail = new EventTail();
    tail.start({ events: [], hasOlder: false });
    tail.pause();
    tail.come(events(0, HELD_MOST + 1));
    expect(tail.state().held).toBe(HELD_MOST + 1);
    expect(tail.resume()).toBe(false);
    tail.start({ events: events(600, 602), hasOlder: true });
    expect(shown(tail)).toEqual([601, 600]);
    expect(tail.state()).toMatchObject({ held: 0, paused: false });
  });

  it('reads back below the oldest, and lets the newest go when it holds too many', () => {
    const tail = new EventTail();
    tail.start({ events: events(2_000, 2_100), hasOlder: true });
    tail.older({ events: events(1_900, 2_000), hasOlder: true });
    expect(shown(tail)).toHaveLength(200);
    expect(tail.state().detached).toBe(false);
    for (let to = 1_900; to > 900; to -= 100) tail.older({ events: events(to - 100, to), hasOlder: true });
    expect(tail.state()).toMatchObject({ detached: true });
    expect(tail.state().rows).toHaveLength(KEPT_ROWS);
    expect(tail.oldest).toBe('900');
    tail.come([event(2_100)]);
    expect(shown(tail)).not.toContain(2_100);
    expect(tail.resume()).toBe(false);
  });

  it('tells its listeners', () => {
    const tail = new EventTail();
    const listener = vi.fn();
    const leave = tail.listen(listener);
    tail.come([event(1)]);
    tail.come([event(1)]);
    leave();
    tail.come([event(2)]);
    expect(listener).toHaveBeenCalledOnce();
  });
});

describe('the filter', () => {
  const live = { type: 'session.live', aggregateId: 'se_1', channelId: 'ch_1' };
  it.each([
    [{ type: '', aggregateId: '', channelId: '' }, true],
    [{ type: 'session.live', aggregateId: '', channelId: '' }, true],
    [{ type: 'session.', aggregateId: 'se_1', channelId: 'ch_1' }, true],
    [{ type: 'session.li', aggregateId: '', channelId: '' }, false],
    [{ type: 'channel.', aggregateId: '', channelId: '' }, false],
    [{ type: '', aggregateId: 'se_2', channelId: '' }, false],
    [{ type: '', aggregateId: '', channelId: 'ch_2' }, false],
  ])('%j', (filter, expected) => { expect(matches(filter, live)).toBe(expected); });

  it('takes a bare word as a family', () => {
    expect(['session', 'session.*', 'session.live', ' ', 'session.'].map(typeAsked)).toEqual(['session.', 'session.', 'session.live', '', 'session.']);
  });
});
