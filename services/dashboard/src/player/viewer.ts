import type { StateName } from './messages';
import { Backoff } from './backoff';
import { HlsPlayback, hlsIsSupported } from './hls-playback';
import { NativePlayback, nativeHlsIsSupported } from './native-playback';
import type { Playback, PlaybackEvents, Trouble } from './playback';
import { probe, serverNow } from './probe';
import { wait } from './wait';

/** How often the picture is looked at. */
const TICK_MS = 200;
/** No movement for this long is a stall, for counting. */
const STALL_MS = 300;
/** No movement for this long is said to the viewer. */
const SAID_AFTER_MS = 700;
/** No movement for this long though the broadcast goes on: jump to live. */
const KICK_AFTER_MS = 4_000;
/** The same when the broadcaster has just come back. */
const KICK_AFTER_GAP_MS = 1_500;
/** Still none: build the player anew. */
const REBUILD_AFTER_MS = 10_000;
/** Paused for longer than this: stop loading, and begin at live when the viewer comes back. */
const REST_AFTER_MS = 60_000;
/** A viewer who follows live and was thrown back further than this, in seconds, is brought back; less is caught up by playing faster. */
const BRING_BACK_S = 4;
/** Not more often than this: on a poor line a jump would follow a jump. */
const BRING_BACK_EVERY_MS = 10_000;
/** A broadcast in a format this browser lacks, or an unknown address, is asked for again at this distance. */
const SELDOM_MS = 45_000;
/** Played for this long without trouble: waits start short again. */
const SOUND_AFTER_MS = 5_000;

/** There is a broadcast, moving or not. */
const ON_AIR: ReadonlySet<StateName> = new Set(['starting', 'playing', 'paused', 'buffering', 'broken', 'reconnecting']);

type Outcome = 'ended' | 'gone' | 'rebuild' | 'format';

/** The life of one player: waits for a broadcast, plays it, says what is the matter, goes on by itself. */
export class Viewer {
  state: StateName = 'checking';
  /** Times the picture stood still against the viewer's will since the page was opened. */
  stalls = 0;
  /** From opening the page to the first picture, in milliseconds. */
  firstPictureMs: number | null = null;

  readonly video: HTMLVideoElement;
  readonly #playlist: string;
  readonly #changed: () => void;

  #playback: Playback | null = null;
  #ticking: ReturnType<typeof setInterval> | undefined;
  #stopped = false;
  #session: string | null = null;
  #endedSession: string | null = null;
  #finish: (outcome: Outcome) => void = () => undefined;
  #finished = true;

  #wantsPlay = true;
  #refused = false;
  #started = false;
  #reconnecting = false;
  /** The origin did not answer when it was last asked. */
  #serverAway = false;
  #stalled = false;
  #inGap = false;
  #kicked = false;
  #lastTime = -1;
  #movedAt = 0;
  #stuckFrom = 0;
  #soundFrom = 0;
  #pausedAt: number | null = null;
  #rested = false;
  /** False once the viewer chose to be behind, by pausing or going back. */
  #followsLive = true;
  #broughtBackAt = -Infinity;

  readonly #polls = new Backoff({ first: 2_000, most: 10_000, growth: 1.2 });
  readonly #reconnects = new Backoff({ first: 300, most: 5_000, growth: 1.6 });
  readonly #rebuilds = new Backoff({ first: 200, most: 10_000, growth: 2 });

  constructor(video: HTMLVideoElement, playlist: string, changed: () => void) {
    this.video = video;
    this.#playlist = playlist;
    this.#changed = changed;
  }

  start(): void {
    if (!hlsIsSupported() && !nativeHlsIsSupported(this.video)) return this.#enter('unsupported');
    this.video.addEventListener('play', () => { this.#wantsPlay = true; this.#refused = false; });
    this.video.addEventListener('pause', () => {
      // The end of the media and the taking down of a player pause too; only a person's wish counts.
      if (this.#playback !== null && !this.video.ended && this.video.readyState > 1) this.#wantsPlay = this.#followsLive = false;
    });
    this.#ticking = setInterval(() => this.#tick(), TICK_MS);
    void this.#run();
  }

  /** The player leaves the page. Nothing is loaded or said any more. */
  stop(): void {
    this.#stopped = true;
    clearInterval(this.#ticking);
    this.#finish('gone');
    this.#drop();
  }

  /** Seconds between the picture's own date and now; null when there is none. */
  latency(): number | null {
    const date = this.#started ? this.#playback?.playingDate() : null;
    return date == null ? null : (serverNow() - date) / 1000;
  }

  targetLatency(): number | null {
    return this.#playback?.targetLatency() ?? null;
  }

  /** True while the picture is about as near as the mode has it. */
  isAtLive(): boolean {
    const live = this.#playback?.livePosition();
    if (live == null) return true;
    const slack = 1.5 + 0.25 * (this.targetLatency() ?? 4);
    return live - this.video.currentTime <= slack;
  }

  /** The browser wants a tap before it plays at all. */
  get needsTap(): boolean {
    return this.#refused;
  }

  get isOnAir(): boolean {
    return ON_AIR.has(this.state);
  }

  get playback(): Playback | null {
    return this.#playback;
  }

  togglePlay(): void {
    if (this.#playback === null) return;
    if (this.video.paused) {
      this.#wantsPlay = true;
      this.#play();
    } else {
      this.video.pause();
    }
  }

  goLive(): void {
    this.#followsLive = true;
    const live = this.#playback?.livePosition();
    if (live != null) this.video.currentTime = live;
    if (this.#playback !== null && this.video.paused) this.togglePlay();
  }

  /** Moves by seconds inside what can be played, never past live. */
  seekBy(seconds: number): void {
    const { seekable } = this.video;
    const live = this.#playback?.livePosition();
    if (live == null || seekable.length === 0) return;
    const wanted = this.video.currentTime + seconds;
    this.#followsLive = wanted >= live;
    this.video.currentTime = Math.max(seekable.start(0), Math.min(live, wanted));
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const answer = await probe(this.#playlist);
      if (this.#stopped) return;
      switch (answer.kind) {
        case 'on-air':
          if (answer.session === this.#endedSession) {
            this.#enter('ended');
            await wait(this.#polls.next());
          } else {
            await this.#follow(answer.session);
          }
          break;
        case 'not-on-air':
          this.#enter(this.#session === null ? 'waiting' : 'ended');
          await wait(this.#polls.next());
          break;
        case 'unknown':
          this.#enter('unknown');
          await wait(SELDOM_MS);
          break;
        case 'denied':
          this.#enter('denied');
          await wait(SELDOM_MS);
          break;
        case 'unreachable':
          this.#enter('reconnecting');
          await wait(Math.max(answer.retryAfterMs, this.#reconnects.next()));
          break;
      }
    }
  }

  /** Plays a session until something else has to be done. */
  async #follow(session: string): Promise<void> {
    this.#session = session;
    const outcome = await this.#attempt(session);
    if (this.#stopped) return;
    switch (outcome) {
      case 'ended':
        this.#endedSession = session;
        this.#enter('ended');
        this.#polls.reset();
        await wait(this.#polls.next());
        break;
      case 'gone':
        this.#polls.reset();
        break;
      case 'rebuild':
        await wait(this.#rebuilds.next());
        break;
      case 'format':
        this.#drop();
        this.#enter('failed');
        await wait(SELDOM_MS);
        break;
    }
  }

  #attempt(session: string): Promise<Outcome> {
    this.#drop();
    const now = performance.now();
    this.#followsLive = true;
    this.#started = this.#reconnecting = this.#serverAway = this.#inGap = this.#kicked = this.#rested = this.#stalled = false;
    this.#lastTime = -1;
    this.#movedAt = this.#stuckFrom = this.#soundFrom = now;
    if (this.state !== 'reconnecting' && this.state !== 'broken' && this.state !== 'buffering') this.#enter('starting');
    return new Promise((resolve) => {
      this.#finish = (outcome) => {
        this.#finish = () => undefined;
        this.#playback?.rest();
        this.#finished = true;
        resolve(outcome);
      };
      this.#finished = false;
      const events: PlaybackEvents = {
        trouble: (trouble) => this.#onTrouble(trouble, session),
        qualitiesChanged: () => this.#changed(),
      };
      const url = this.#playlist;
      this.#playback = hlsIsSupported() ? new HlsPlayback(this.video, url, events) : new NativePlayback(this.video, url, events);
      if (this.#wantsPlay) this.#play();
    });
  }

  #drop(): void {
    const playback = this.#playback;
    this.#playback = null;
    playback?.destroy();
  }

  #onTrouble(trouble: Trouble, session: string): void {
    switch (trouble.kind) {
      case 'network': return void this.#reconnect(session);
      case 'media': return this.#finish('rebuild');
      case 'format': return this.#finish('format');
    }
  }

  /** Keeps the last picture and asks the origin until it answers; goes on in place where the session is the same. */
  async #reconnect(session: string): Promise<void> {
    if (this.#reconnecting) return;
    this.#reconnecting = true;
    const playback = this.#playback;
    for (;;) {
      const pause = this.#reconnects.next();
      await wait(pause);
      const answer = await probe(this.#playlist);
      if (this.#playback !== playback || this.#finished) return;
      this.#serverAway = answer.kind === 'unreachable';
      if (answer.kind === 'unreachable') {
        if (answer.retryAfterMs > 0) await wait(answer.retryAfterMs);
        continue;
      }
      this.#reconnecting = false;
      this.#stuckFrom = performance.now();
      if (answer.kind !== 'on-air') return this.#finish('gone');
      if (answer.session !== session) return this.#finish('rebuild');
      return playback?.resume();
    }
  }

  #play(): void {
    this.video.play().catch((error: unknown) => {
      if (!(error instanceof DOMException) || error.name !== 'NotAllowedError') return;
      if (!this.video.muted) {
        this.video.muted = true;
        this.#play();
        return;
      }
      this.#wantsPlay = false;
      this.#refused = true;
      this.#changed();
    });
  }

  #tick(): void {
    const playback = this.#playback;
    if (playback === null || this.#finished) return;
    const now = performance.now();
    const moved = this.#watchMovement(now);
    const stuckMs = now - Math.max(this.#movedAt, this.#stuckFrom);

    if (this.#rest(playback, now)) return;
    if (playback.hasEnd() && !moved && (this.video.ended || !this.#started || stuckMs > SAID_AFTER_MS)) return this.#finish('ended');

    const gap = playback.edgeIsGap();
    if (gap !== this.#inGap) {
      this.#inGap = gap;
      this.#kicked = false;
      this.#stuckFrom = now;
    }
    if (!moved && this.#wantsPlay) {
      if (this.video.paused && !this.video.ended && this.#started) this.#play();
      this.#mend(playback, now - Math.max(this.#movedAt, this.#stuckFrom));
    }
    if (moved) this.#bringBack(playback, now);
    this.#enter(this.#judge(moved, now - this.#movedAt));
  }

  /** After an outage the players go on where they stopped; who was at live wants to be there again. */
  #bringBack(playback: Playback, now: number): void {
    const live = playback.livePosition();
    if (!this.#followsLive || live === null || this.#inGap || playback.hasEnd()) return;
    if (live - this.video.currentTime < BRING_BACK_S || now - this.#broughtBackAt < BRING_BACK_EVERY_MS) return;
    this.#broughtBackAt = now;
    this.video.currentTime = live;
  }

  #watchMovement(now: number): boolean {
    const time = this.video.currentTime;
    const moved = this.#lastTime >= 0 && time !== this.#lastTime && !this.video.seeking && !this.video.paused;
    this.#lastTime = time;
    if (moved) {
      if (!this.#started) this.firstPictureMs ??= Math.round(now);
      if (now - this.#movedAt > SAID_AFTER_MS) this.#soundFrom = now;
      this.#started = true;
      this.#stalled = this.#kicked = false;
      this.#movedAt = now;
      if (now - this.#soundFrom > SOUND_AFTER_MS) {
        this.#reconnects.reset();
        this.#rebuilds.reset();
      }
    } else if (this.video.seeking || this.video.paused) {
      this.#movedAt = this.#started && !this.video.ended ? Math.max(this.#movedAt, now - STALL_MS) : this.#movedAt;
    } else if (this.#started && !this.#stalled && now - this.#movedAt > STALL_MS + TICK_MS && this.#playback?.hasEnd() !== true) {
      this.#stalled = true;
      this.stalls += 1;
    }
    return moved;
  }

  /** A long pause costs nobody anything: loading stops, and playing again begins at live. */
  #rest(playback: Playback, now: number): boolean {
    if (this.#wantsPlay) {
      this.#pausedAt = null;
      if (!this.#rested) return false;
      this.#finish('rebuild');
      return true;
    }
    this.#pausedAt ??= now;
    if (!this.#rested && now - this.#pausedAt > REST_AFTER_MS) {
      this.#rested = true;
      playback.rest();
    }
    return false;
  }

  #mend(playback: Playback, stuckMs: number): void {
    // A hidden page may be held back by its browser, and a gap is the broadcaster's to end.
    if (document.visibilityState === 'hidden' || this.#inGap || this.#reconnecting) return;
    if (stuckMs > REBUILD_AFTER_MS) return this.#finish('rebuild');
    const kickAfter = this.state === 'broken' ? KICK_AFTER_GAP_MS : KICK_AFTER_MS;
    if (!this.#kicked && this.#started && stuckMs > kickAfter) {
      this.#kicked = true;
      const live = playback.livePosition();
      if (live !== null) this.video.currentTime = live;
    }
  }

  #judge(moved: boolean, stillMs: number): StateName {
    if (moved) return 'playing';
    if (!this.#wantsPlay) return 'paused';
    const still = stillMs > SAID_AFTER_MS;
    if (this.#serverAway && (still || !this.#started)) return 'reconnecting';
    if (this.#inGap && (still || !this.#started)) return 'broken';
    if (!this.#started) return this.state === 'checking' || this.state === 'waiting' || this.state === 'ended' ? 'starting' : this.state;
    return still ? 'buffering' : this.state;
  }

  #enter(state: StateName): void {
    if (this.state === state || this.#stopped) return;
    this.state = state;
    this.#changed();
  }
}
