import { describe, expect, it } from 'vitest';
import { Connection, type ConnectionState } from '../../src/api/connection';

/** A platform and a clock that the test moves. */
class World {
  up = true;
  asked = 0;
  now = 0;
  readonly #sleepers: { until: number; wake: () => void }[] = [];
  readonly states: ConnectionState[] = [];
  refreshed = 0;
  readonly connection = new Connection({
    ask: async () => {
      this.asked += 1;
      return this.up;
    },
    wait: (ms) => new Promise((wake) => { this.#sleepers.push({ until: this.now + ms, wake }); }),
    random: () => 0.5,
  });

  constructor() {
    this.connection.onChange(() => this.states.push(this.connection.state));
    this.connection.onRefresh(() => { this.refreshed += 1; });
  }

  async pass(ms: number): Promise<void> {
    const end = this.now + ms;
    for (;;) {
      await settled();
      this.#sleepers.sort((a, b) => a.until - b.until);
      const next = this.#sleepers[0];
      if (next === undefined || next.until > end) break;
      this.#sleepers.shift();
      this.now = next.until;
      next.wake();
    }
    this.now = end;
  }
}

/** Lets everything that waits for nothing but its turn take its turn. */
const settled = () => new Promise<void>((resolve) => { setImmediate(resolve); });

describe('the connection', () => {
  it('is lost with the first request that is not answered, and asks until it is fine', async () => {
    const world = new World();
    world.up = false;
    world.connection.failed();
    world.connection.failed();
    expect(world.states).toEqual(['lost']);
    await world.pass(20_000);
    expect(world.states).toEqual(['lost']);
    const asked = world.asked;
    expect(asked).toBeGreaterThan(4);
    expect(asked).toBeLessThan(12);
    world.up = true;
    await world.pass(6_000);
    expect(world.states).toEqual(['lost', 'fine']);
    expect(world.refreshed).toBe(1);
  });

  it('asks soon again in the next outage, however long the last one was', async () => {
    const world = new World();
    world.up = false;
    world.connection.failed();
    await world.pass(60_000);
    world.up = true;
    await world.pass(6_000);
    world.up = false;
    world.connection.failed();
    const asked = world.asked;
    await world.pass(1_200);
    expect(world.asked - asked).toBe(2);
  });

  it('says nothing of a socket that is soon back, and yet reads anew what may have been missed', async () => {
    const world = new World();
    world.connection.socketLost();
    await world.pass(1_000);
    world.connection.socketOpened();
    await world.pass(30_000);
    expect(world.states).toEqual([]);
    expect(world.refreshed).toBe(1);
  });

  it('says that changes are not told while the socket stays away, and reads anew from time to time', async () => {
    const world = new World();
    world.connection.socketLost();
    await world.pass(25_000);
    expect(world.states).toEqual(['stale']);
    expect(world.refreshed).toBe(3);
    world.connection.socketOpened();
    expect(world.states).toEqual(['stale', 'fine']);
    expect(world.refreshed).toBe(4);
  });

  it('reads anew once, when the platform answers and the socket is back', async () => {
    const world = new World();
    world.up = false;
    world.connection.socketLost();
    await world.pass(1_500);
    expect(world.connection.state).toBe('lost');
    world.up = true;
    await world.pass(900);
    expect(world.refreshed).toBe(0);
    world.connection.socketOpened();
    expect(world.refreshed).toBe(1);
    expect(world.connection.state).toBe('fine');
  });

  it('reads anew what was read before the socket was open, at first and after nobody needed it', async () => {
    const world = new World();
    world.connection.socketOpened();
    expect(world.refreshed).toBe(1);
    world.connection.socketIdle();
    await world.pass(60_000);
    expect(world.refreshed).toBe(1);
    world.connection.socketOpened();
    expect(world.refreshed).toBe(2);
    expect(world.states).toEqual([]);
    expect(world.asked).toBe(0);
  });
});
