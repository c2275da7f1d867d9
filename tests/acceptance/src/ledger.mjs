// Owners who give commands without a pause, each under an idempotency key that is sent again until it is answered, and who remember
// what they were answered: whatever happens to the server in between, the log must hold each of these commands exactly once.
import { sleep } from './process.mjs';

/** Long enough for a server that starts; a request that hangs is sent again. */
const ANSWER_WITHIN_MS = 5000;

const CREATE = 'mutation($input: CreateChannelInput!) { createChannel(input: $input) { channel { id name } streamKey } }';
const STEPS = {
  update: ['mutation($id: ID!, $input: UpdateChannelInput!) { updateChannel(id: $id, input: $input) { channel { id name } } }', 'channel.updated'],
  rotate: ['mutation($id: ID!) { rotateStreamKey(channelId: $id, overlapSeconds: 0) { channel { id } streamKey } }', 'channel.key_rotated'],
  stop: ['mutation($id: ID!) { stopChannel(id: $id) { channel { id state } } }', 'channel.stopped'],
  start: ['mutation($id: ID!) { startChannel(id: $id) { channel { id state } } }', 'channel.started'],
  delete: ['mutation($id: ID!) { deleteChannel(id: $id) { channel { id } } }', 'channel.deleted'],
};

export class Owner {
  /**
   * @param {import('./platform.mjs').Platform} platform
   * @param {string} name unique among all runs on this data folder
   */
  constructor(platform, name, random) {
    this.platform = platform;
    this.name = name;
    this.random = random;
    this.count = 0;
    this.repeats = 0;
    this.tries = 0;
    this.faults = [];
    /** Why a command had to be sent again. */
    this.failed = [];
    /** How long each answer took, in milliseconds. */
    this.took = [];
    /** For each channel what the log must hold of it, in order: `type` or `type name`. */
    this.expected = new Map();
    /** Keys that were answered, with what was asked and answered; a few are asked again. */
    this.answered = [];
  }

  /** Gives commands until it is stopped; the command under way is brought to its end. */
  async give() {
    this.wanted = true;
    while (this.wanted) await this.life();
  }

  /** One channel's life. */
  async life() {
    const named = `${this.name} ${this.count}`;
    const made = await this.command(CREATE, { input: { name: named } });
    if (made === undefined) return;
    const { id } = made.createChannel.channel;
    const log = [`channel.created ${named}`];
    this.expected.set(id, log);
    const steps = ['update', 'rotate', 'stop', 'start', 'update', 'stop', 'delete'];
    for (const step of steps) {
      if (!this.wanted) return;
      const [mutation, type] = STEPS[step];
      const name = `${named}.${log.length}`;
      const answer = await this.command(mutation, step === 'update' ? { id, input: { name } } : { id });
      if (answer === undefined) return;
      log.push(step === 'update' ? `${type} ${name}` : type);
      await this.askAgain();
      await sleep(this.random.between(0, 120));
    }
  }

  /** A command that was answered gives the same answer again, and does nothing. */
  async askAgain() {
    if (this.answered.length === 0 || this.random.next() > 0.2) return;
    const [key, query, variables, first] = this.random.pick(this.answered);
    const again = await this.#send(key, query, variables);
    if (again === undefined) return;
    this.repeats += 1;
    if (JSON.stringify(again) !== first) this.faults.push(`${key} was answered ${first} and then ${JSON.stringify(again)}`.slice(0, 400));
  }

  /** Sends a command until it is answered. */
  async command(query, variables) {
    const key = `${this.name.replaceAll(' ', '-')}-${this.count++}`;
    const answer = await this.#send(key, query, variables);
    if (answer?.errors) { this.faults.push(`${key}: ${JSON.stringify(answer.errors)}`.slice(0, 400)); return undefined; }
    if (answer === undefined) return undefined;
    this.answered.push([key, query, variables, JSON.stringify(answer)]);
    if (this.answered.length > 50) this.answered.shift();
    return answer.data;
  }

  async #send(key, query, variables) {
    // Even a stopped owner hears the answer of what he asked: without it he would not know what to expect.
    for (;;) {
      if (this.abandoned) return undefined;
      this.tries += 1;
      const began = Date.now();
      try {
        const answer = await fetch(this.platform.url('/graphql'), {
          method: 'POST', signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
          headers: { 'content-type': 'application/json', authorization: `Bearer ${this.platform.token}`, 'idempotency-key': key },
          body: JSON.stringify({ query, variables }),
        });
        const body = await answer.json();
        const code = body.errors?.[0]?.extensions?.code;
        if (answer.ok && code !== 'UNAVAILABLE') {
          this.took.push(Date.now() - began);
          return body;
        }
        this.failed.push(`${answer.status} ${JSON.stringify(body.errors ?? body)}`.slice(0, 300));
      } catch (error) { this.failed.push(String(error.cause?.code ?? error.name)); /* the server is away: the same again */ }
      await sleep(50);
    }
  }
}

/** What of the owners' channels the log holds otherwise than they were answered. */
export function differences(owners, events) {
  const found = new Map();
  for (const { type, aggregateType, aggregateId, data } of events) {
    if (aggregateType !== 'channel') continue;
    const name = data.name?.plain ?? data.changes?.name?.plain;
    if (!found.has(aggregateId)) found.set(aggregateId, []);
    found.get(aggregateId).push(name === undefined ? type : `${type} ${name}`);
  }
  const wrong = [];
  const names = new Map();
  for (const [id, log] of found) if (log[0].startsWith('channel.created ')) names.set(log[0], [...(names.get(log[0]) ?? []), id]);
  for (const [name, ids] of names) if (ids.length > 1) wrong.push(`${name} is there ${ids.length} times`);
  for (const owner of owners) {
    for (const [id, expected] of owner.expected) {
      const held = found.get(id) ?? [];
      if (held.join('\n') !== expected.join('\n')) wrong.push(`${id}: answered ${expected.join(', ')}; the log holds ${held.join(', ') || 'nothing'}`);
    }
  }
  return wrong;
}
