import { Backoff } from '../player/backoff';

/**
 * `fine`: requests are answered and what changes is told at once. `lost`: the platform does not answer.
 * `stale`: it answers, but the socket that tells of changes is down.
 */
export type ConnectionState = 'fine' | 'lost' | 'stale';

export interface ConnectionPorts {
  /** Whether the platform answers now. */
  ask(): Promise<boolean>;
  wait(ms: number): Promise<void>;
  random?(): number;
}

/** A socket that comes back within this was not worth a word. */
const STALE_AFTER_MS = 2_500;
/** While changes are not told, they are asked for at this distance. */
const REFRESH_EVERY_MS = 10_000;

/** Knows whether the platform can be reached, asks until it can, and tells who wants to read anew. */
export class Connection {
  #answers = true;
  #socketUp = true;
  #staleShown = false;
  #asking = false;
  #watching = false;
  #closed = false;
  /** Something may have happened that this page was not told of. */
  #missed = false;
  readonly #ports: ConnectionPorts;
  readonly #waits: Backoff;
  readonly #changed = new Set<() => void>();
  readonly #refresh = new Set<() => void>();

  constructor(ports: ConnectionPorts) {
    this.#ports = ports;
    this.#waits = new Backoff({ first: 400, most: 5_000, growth: 1.6 }, ports.random);
  }

  get state(): ConnectionState {
    if (!this.#answers) return 'lost';
    return this.#staleShown ? 'stale' : 'fine';
  }

  /** Calls back whenever `state` has changed; answers how to stop. */
  readonly onChange = (listener: () => void): (() => void) => {
    this.#changed.add(listener);
    return () => this.#changed.delete(listener);
  };

  /** Calls back whenever what is shown should be read anew; answers how to stop. */
  readonly onRefresh = (listener: () => void): (() => void) => {
    this.#refresh.add(listener);
    return () => this.#refresh.delete(listener);
  };

  /** A request was not answered. */
  failed(): void {
    this.#missed = true;
    if (this.#answers) this.#set(() => { this.#answers = false; });
    void this.#askOn();
  }

  /** The socket has closed against our will. */
  socketLost(): void {
    this.#socketUp = false;
    void this.#watchSocket();
    void this.#askOnce();
  }

  /** The socket is open and tells of changes from now on: what was read before, at first too, may be old. */
  socketOpened(): void {
    this.#missed = true;
    this.#set(() => { this.#socketUp = true; this.#staleShown = false; });
    this.#catchUp();
  }

  /** The socket is not needed any more. */
  socketIdle(): void {
    this.#set(() => { this.#socketUp = true; this.#staleShown = false; });
  }

  close(): void {
    this.#closed = true;
    this.#changed.clear();
    this.#refresh.clear();
  }

  async #askOnce(): Promise<void> {
    if (this.#answers && !(await this.#ports.ask())) this.failed();
  }

  async #askOn(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    for (;;) {
      await this.#ports.wait(this.#waits.next());
      if (this.#closed || (await this.#ports.ask())) break;
    }
    this.#asking = false;
    this.#waits.reset();
    this.#set(() => { this.#answers = true; });
    this.#catchUp();
  }

  async #watchSocket(): Promise<void> {
    if (this.#watching) return;
    this.#watching = true;
    for (let waited = STALE_AFTER_MS; ; waited = REFRESH_EVERY_MS) {
      await this.#ports.wait(waited);
      if (this.#closed || this.#socketUp) break;
      this.#set(() => { this.#staleShown = true; });
      if (this.#answers) this.#tell(this.#refresh);
    }
    this.#watching = false;
  }

  #catchUp(): void {
    if (!this.#missed || !this.#answers || !this.#socketUp) return;
    this.#missed = false;
    this.#tell(this.#refresh);
  }

  #set(change: () => void): void {
    const before = this.state;
    change();
    if (this.state !== before) this.#tell(this.#changed);
  }

  #tell(listeners: ReadonlySet<() => void>): void {
    if (this.#closed) return;
    for (const listener of [...listeners]) listener();
  }
}
