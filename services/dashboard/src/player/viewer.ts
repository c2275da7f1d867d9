import { absenceAt, absenceBefore, absenceBetween, behind } from './absence';
import type { StateName } from './messages';
import { Backoff } from './backoff';
import { Frames } from './frames';
import { HlsPlayback, hlsIsSupported } from './hls-playback';
import { NativePlayback, nativeHlsIsSupported } from './native-playback';
import { Movement } from './movement';
import type { Beginning, Playback, PlaybackEvents, Trouble } from './playback';
import { probe, REWIND, serverNow } from './probe';
import { keepPlace, placeIn } from './resume';
import { Rewind } from './rewind';
import type { Source } from './source';
import type { Stretch } from './timeline';
import type { ViewerEvents } from './told';
import { wait } from './wait';

/** How often the picture is looked at. */
const TICK_MS = 200;
/** No movement for this long is said to the viewer. */
const SAID_AFTER_MS = 700;
/** No movement for this long though the broadcast goes on: jump to live. */
const KICK_AFTER_MS = 4_000;
/** The same when the broadcaster has just come back. */
const KICK_AFTER_GAP_MS = 1_500;
/** Still none: build the player anew. */
const REBUILD_AFTER_MS = 10_000;
/** Paused for longer than this: stop loading; when the viewer comes back, the playback is built anew. */
const REST_AFTER_MS = 60_000;
/** Paused for so long he is given a playback that has all of the past, unseen: the newest media would leave him behind. */
const LOOK_BACK_AFTER_MS = 3_000;
/** A viewer who follows live and was thrown back further than this, in seconds, is brought back; less is caught up by playing faster. */
const BRING_BACK_S = 4;
/** Not more often than this: on a poor line a jump would follow a jump. */
const BRING_BACK_EVERY_MS = 10_000;
/** A broadcast in a format this browser lacks, or an unknown address, is asked for again at this distance. */
const SELDOM_MS = 45_000;
/** Played for this long without trouble: waits start short again. */
const SOUND_AFTER_MS = 5_000;
/** A place in a recording is kept so often. */
const KEEP_PLACE_EVERY_MS = 5_000;

/** There is a broadcast, moving or not. */
const ON_AIR: ReadonlySet<StateName> = new Set(['starting', 'playing', 'paused', 'buffering', 'broken', 'reconnecting']);

type Outcome = 'ended' | 'gone' | 'rebuild' | 'rewind' | 'format';

/** The life of one player: waits for a broadcast, plays it, says what is the matter, goes on by itself. */
export class Viewer {
  state: StateName = 'checking';
  /** From opening the page to the first picture, in milliseconds. */
  firstPictureMs: number | null = null;

  readonly video: HTMLVideoElement;
  /** Key frames are shown in the picture's place: it pauses, and is no pause of his. */
  isWinding = false;
  readonly isRecording: boolean;
  readonly #playlist: string;
  readonly #newest: string | null;
  readonly #events: ViewerEvents;
  readonly #movement: Movement;
  readonly #frames: Frames;

  #playback: Playback | null = null;
  #ticking: ReturnType<typeof setInterval> | undefined;
  #stopped = false;
  #session: string | null = null;
  #endedSession: string | null = null;
  #finish: (outcome: Outcome) => void = () => undefined;
  #finished = true;

  #wantsPlay = true;
  #refused = false;
  #reconnecting = false;
  /** The origin did not answer when it was last asked, or has a segment for nobody again and again. */
  #serverAway = false;
  /** Troubles with the network since the picture moved. */
  #troubles = 0;
  #inGap = false;
  #kicked = false;
  #stuckFrom = 0;
  #pausedAt: number | null = null;
  #rested = false;
  /** False once the viewer chose to be behind, by pausing or going back; in a recording always. */
  #followsLive: boolean;
  #broughtBackAt = -Infinity;
  /** Where the next playback begins. */
  #from: Beginning;
  #hasRewind = false;
  /** It plays from the newest media alone: to go back, another playback is built. */
  #isNewest = false;
  readonly #rewind = new Rewind();
  #keptAt = 0;
  /** Media time when it was looked at last, and when that was. */
  #seenAt = 0;
  #lookedAt = 0;

  readonly #polls = new Backoff({ first: 2_000, most: 10_000, growth: 1.2 });
  readonly #reconnects = new Backoff({ first: 300, most: 5_000, growth: 1.6 });
  readonly #rebuilds = new Backoff({ first: 200, most: 10_000, growth: 2 });

  constructor(video: HTMLVideoElement, { kind, playlist, newest }: Source, events: ViewerEvents) {
    this.video = video;
    this.isRecording = kind === 'recording';
    this.#playlist = playlist;
    this.#newest = newest ?? null;
    this.#events = events;
    this.#frames = new Frames(video);
    this.#movement = new Movement(video, TICK_MS, SAID_AFTER_MS);
    this.#followsLive = !this.isRecording;
    this.#from = this.isRecording ? { at: 'time', seconds: placeIn(playlist) } : { at: 'live' };
  }

  /** Times the picture stood still against the viewer's will since the page was opened. */
  get stalls(): number {
    return this.#movement.stalls;
  }

  start(): void {
    if (!hlsIsSupported() && !nativeHlsIsSupported(this.video)) return this.#enter('unsupported');
    this.video.addEventListener('play', () => { this.#wantsPlay = true; this.#refused = false; });
    this.video.addEventListener('pause', () => {
      // The end of the media and the taking down of a player pause too; only a person's wish counts.
      if (this.#playback !== null && !this.video.ended && this.video.readyState > 1) this.#wantsPlay = this.#followsLive = false;
      this.#keepPlace();
    });
    this.#ticking = setInterval(() => this.#tick(), TICK_MS);
    void this.#run();
  }

  /** The player leaves the page. Nothing is loaded or said any more. */
  stop(): void {
    this.#keepPlace();
    this.#stopped = true;
    clearInterval(this.#ticking);
    this.#finish('gone');
    this.#drop();
  }

  /** Seconds between the picture's own date and now; null when there is none. */
  latency(): number | null {
    const date = this.#movement.started ? this.#playback?.playingDate() : null;
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

  /** He did not choose to be behind. */
  get followsLive(): boolean {
    return this.#followsLive;
  }

  /** The browser wants a tap before it plays at all. */
  get needsTap(): boolean {
    return this.#refused;
  }

  /** Nothing is loaded any more: the pause is long. */
  get rests(): boolean {
    return this.#rested;
  }

  get isOnAir(): boolean {
    return ON_AIR.has(this.state) || this.isRecording && this.state === 'ended';
  }

  get playback(): Playback | null {
    return this.#playback;
  }

  /** What the viewer can go to; null where he cannot choose. */
  get window(): Stretch | null {
    const [playback, { sought }] = [this.#playback, this.#rewind];
    if (sought !== null) return sought.scale;
    if (playback === null || !this.#hasRewind && !this.isRecording) return null;
    return this.#isNewest ? this.#rewind.window(playback) : playback.window();
  }

  /** Media time of the picture, or of the place that it is on the way to. */
  get time(): number {
    return this.#rewind.sought?.time ?? this.video.currentTime;
  }

  /** The date of a media time, in milliseconds since the epoch. */
  dateAt(time: number): number | null {
    const { sought } = this.#rewind;
    return sought === null ? this.#playback?.dateAt(time) ?? null : sought.date + (time - sought.time) * 1000;
  }

  /** The media time of a date. */
  timeAt(date: number): number | null {
    const { sought } = this.#rewind;
    return sought === null ? this.#playback?.timeAt(date) ?? null : sought.time + (date - sought.date) / 1000;
  }

  /** He went back, and the picture of that place is not there yet. */
  get isOnTheWay(): boolean {
    return this.#rewind.sought !== null;
  }

  /** Somebody looks at what can be gone to. */
  lookBack(): void {
    if (this.#isNewest && this.#session !== null) this.#rewind.look(`${this.#session}${REWIND}`);
  }

  togglePlay(): void {
    if (this.#playback === null) return;
    if (this.video.paused) {
      this.#wantsPlay = true;
      this.#play();
    } else {
      this.#pause();
    }
  }

  goLive(): void {
    this.#followsLive = true;
    if (this.#rewind.sought !== null) {
      this.#wantsPlay = true;
      return this.#leave({ at: 'live' });
    }
    const live = this.#playback?.livePosition();
    if (live != null) this.video.currentTime = live;
    if (this.#playback !== null && this.video.paused) this.togglePlay();
  }

  /** Moves by seconds inside what can be played, never past live. */
  seekBy(seconds: number): void {
    this.seekTo(this.time + seconds);
  }

  /** Goes to a media time, or as near as there is a picture. */
  seekTo(wanted: number): void {
    const window = this.window ?? this.#playback?.window();
    if (window == null) return;
    if (this.#rewind.sought !== null && wanted >= window.end) return this.goLive();
    this.#followsLive = !this.isRecording && wanted >= window.end;
    const within = Math.max(window.start, Math.min(window.end, wanted));
    if (!this.#reaches(within) && this.#goBackTo(within, window)) return;
    this.video.currentTime = this.#seenAt = behind(absenceAt(this.#gaps, within), window.end) ?? within;
    if (this.#rested) this.#wake();
  }

  /** Media time of the frame on screen, in seconds; while it plays, of the moment. */
  get frameTime(): number {
    return this.#frames.time;
  }

  /** The playback that there is has media of that time. */
  #reaches(time: number): boolean {
    return this.#rewind.sought === null && (!this.#isNewest || time >= (this.#playback?.window()?.start ?? 0));
  }

  /** Has a playback of all of the past built, which begins there; false where that is not to be had. */
  #goBackTo(time: number, scale: Stretch): boolean {
    const date = this.#hasRewind ? this.dateAt(time) : null;
    if (date === null) return false;
    this.#followsLive = false;
    this.#leave({ at: 'date', date });
    this.#rewind.sought = { scale, time, date };
    return true;
  }

  /** The next playback begins elsewhere, at once. */
  #leave(from: Beginning): void {
    this.#rewind.sought = null;
    if (!this.#finished) this.#events.leaves();
    this.#finish('rewind');
    this.#from = from;
  }

  /** One frame on or back, standing still. */
  step(frames: 1 | -1): void {
    const playback = this.#playback;
    if (playback === null) return;
    this.#pause();
    this.seekTo(this.#frames.next(frames, playback.frameSeconds()));
    this.#frames.note();
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const answer = await probe(this.#playlist);
      if (this.#stopped) return;
      switch (answer.kind) {
        case 'on-air':
          this.#hasRewind = answer.hasRewind;
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
    if (!this.isRecording && session !== this.#session) {
      this.#from = { at: 'live' };
      this.#rewind.sought = null;
    }
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
      case 'rewind':
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
    const from = this.#from;
    this.#followsLive = from.at === 'live';
    this.#troubles = 0;
    this.#reconnecting = this.#serverAway = this.#inGap = this.#kicked = this.#rested = false;
    this.#movement.begin(now);
    this.#stuckFrom = this.#lookedAt = now;
    // Building anew is no reason to play for who had paused.
    this.video.autoplay = this.#wantsPlay;
    if (this.#rewind.sought === null && this.state !== 'reconnecting' && this.state !== 'broken' && this.state !== 'buffering') this.#enter('starting');
    if (from.at === 'time' && from.seconds > 0 && this.firstPictureMs === null) this.#events.told({ what: 'resumed', seconds: from.seconds });
    return new Promise((resolve) => {
      this.#finish = (outcome) => {
        this.#finish = () => undefined;
        this.#from = this.#place();
        this.#playback?.rest();
        this.#finished = true;
        resolve(outcome);
      };
      this.#finished = false;
      const events: PlaybackEvents = {
        trouble: (trouble) => this.#onTrouble(trouble, session),
        qualitiesChanged: () => this.#events.changed(),
        windowMoved: () => this.#stayInside(),
        tooOld: () => this.#events.told({ what: 'too-old' }),
      };
      this.#isNewest = from.at === 'live' && this.#hasRewind && this.#newest !== null && hlsIsSupported();
      const url = this.#isNewest ? this.#newest ?? this.#playlist : this.#playlist;
      this.#playback = hlsIsSupported() ? new HlsPlayback(this.video, url, from, events) : new NativePlayback(this.video, url, from, events);
      if (this.#wantsPlay) this.#play();
    });
  }

  /** Where he is who did not follow live: the next playback begins there. */
  #place(): Beginning {
    const { currentTime } = this.video;
    if (this.isRecording) return this.#movement.started || currentTime > 0 ? { at: 'time', seconds: currentTime } : this.#from;
    if (this.#followsLive || !this.#hasRewind) return { at: 'live' };
    if (this.#rewind.sought !== null) return { at: 'date', date: this.#rewind.sought.date };
    const date = this.#movement.started || currentTime > 0 ? this.#playback?.dateAt(currentTime) : null;
    return date == null ? this.#from : { at: 'date', date };
  }

  #keepPlace(): void {
    const end = this.isRecording && this.#movement.started ? this.#playback?.window()?.end : undefined;
    if (end !== undefined) keepPlace(this.#playlist, this.video.ended ? 0 : this.video.currentTime, end);
  }

  /** Goes on loading after a rest. */
  #wake(): void {
    this.#rested = false;
    this.#pausedAt = performance.now();
    if (this.#playback !== null) this.#resume(this.#playback);
  }

  /** The window has moved on and left the picture behind; a picture that stands with its media at hand may stay. */
  #stayInside(): void {
    const window = this.#followsLive ? null : this.window;
    const { video } = this;
    if (window === null || !this.#movement.started || this.#playback?.isLeftBehind(video.currentTime) !== true || video.paused && video.readyState > 3) return;
    if (this.#isNewest) return void this.#goBackTo(video.currentTime, window);
    video.currentTime = window.start;
    this.#events.told({ what: 'too-old' });
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
      this.#troubles += 1;
      this.#serverAway = this.#troubles > 1;
      return playback === null ? undefined : this.#resume(playback);
    }
  }

  /** Goes on loading, and playing where he wants to see it play. */
  #resume(playback: Playback): void {
    this.video.autoplay = this.#wantsPlay;
    playback.resume(this.#place());
    if (this.#wantsPlay) this.#play();
  }

  #pause(): void {
    // The event comes later, when the picture may be looked for already.
    this.#wantsPlay = this.#followsLive = false;
    this.video.pause();
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
      this.#events.changed();
    });
  }

  #tick(): void {
    const playback = this.#playback;
    if (playback === null || this.#finished) return;
    const now = performance.now();
    const moved = this.#watchMovement(now);
    const { started, movedAt } = this.#movement;
    const stuckMs = now - Math.max(movedAt, this.#stuckFrom);
    if (this.video.readyState > 1 && !this.video.seeking) this.#rewind.sought = null;

    if (this.#rest(playback, now)) return;
    if (this.isRecording && this.video.ended) return this.#enter('ended');
    if (!this.isRecording && playback.hasEnd() && !moved && (this.video.ended || !started || stuckMs > SAID_AFTER_MS)) return this.#finish('ended');

    const gap = !this.isRecording && playback.edgeIsGap();
    if (gap !== this.#inGap) {
      this.#inGap = gap;
      this.#kicked = false;
      this.#stuckFrom = now;
    }
    if (!moved && this.#wantsPlay) {
      if (this.video.paused && !this.video.ended && started) this.#play();
      if (!this.#skipGap(playback)) this.#mend(playback, now - Math.max(movedAt, this.#stuckFrom));
    }
    this.#tellOfGap(now);
    if (moved) this.#bringBack(playback, now);
    if (moved && this.#hasRewind) this.lookBack();
    this.#enter(this.#judge(moved, now - movedAt));
  }

  /** Who is behind does not wait through a gap whose end is known. */
  #skipGap(playback: Playback): boolean {
    const { video } = this;
    if (this.#followsLive || !this.#movement.started || video.seeking) return false;
    const after = behind(absenceBefore(this.#gaps, video.currentTime), playback.window()?.end ?? 0);
    if (after === null) return false;
    video.currentTime = after;
    return true;
  }

  /** Whoever went over a gap, we or hls.js, the viewer is told. */
  #tellOfGap(now: number): void {
    const { currentTime: to, playbackRate } = this.video;
    const [from, played] = [this.#seenAt, playbackRate * (now - this.#lookedAt) / 1000];
    [this.#seenAt, this.#lookedAt] = [to, now];
    const gap = this.#followsLive ? null : absenceBetween(this.#gaps, from, to, played);
    if (gap !== null) this.#events.told({ what: 'skipped', seconds: gap.end - gap.start });
  }

  /** Where the broadcaster was away. */
  get #gaps(): readonly Stretch[] {
    return this.#playback?.gaps() ?? [];
  }

  /** The picture stands because the broadcaster is away, not for a reason that we could mend. */
  #waitsForBroadcaster(): boolean {
    return this.#inGap && (this.#followsLive || !this.#movement.started || absenceBefore(this.#gaps, this.video.currentTime) !== null);
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
    const movement = this.#movement;
    const moved = movement.look(now, this.#playback?.hasEnd() === true);
    if (!moved) return false;
    this.#troubles = 0;
    this.firstPictureMs ??= Math.round(now);
    this.#kicked = false;
    if (now - movement.soundFrom > SOUND_AFTER_MS) {
      this.#reconnects.reset();
      this.#rebuilds.reset();
    }
    if (now - this.#keptAt > KEEP_PLACE_EVERY_MS) {
      this.#keptAt = now;
      this.#keepPlace();
    }
    return true;
  }

  /** A long pause costs nobody anything: loading stops until he plays again. */
  #rest(playback: Playback, now: number): boolean {
    if (this.#wantsPlay) {
      this.#pausedAt = null;
      if (!this.#rested) return false;
      if (this.isRecording) this.#wake();
      else this.#finish('rebuild');
      return !this.isRecording;
    }
    this.#pausedAt = this.isWinding ? now : this.#pausedAt ?? now;
    if (this.#isNewest && this.#movement.started && now - this.#pausedAt > LOOK_BACK_AFTER_MS) {
      const window = this.window;
      if (window !== null && this.#goBackTo(this.video.currentTime, window)) return true;
    }
    if (!this.#rested && now - this.#pausedAt > REST_AFTER_MS) {
      this.#rested = true;
      playback.rest();
    }
    return false;
  }

  #mend(playback: Playback, stuckMs: number): void {
    // A hidden page may be held back by its browser, and a gap is the broadcaster's to end.
    if (document.visibilityState === 'hidden' || this.#waitsForBroadcaster() || this.#reconnecting) return;
    if (stuckMs > REBUILD_AFTER_MS) return this.#finish('rebuild');
    const kickAfter = this.state === 'broken' ? KICK_AFTER_GAP_MS : KICK_AFTER_MS;
    if (!this.#kicked && this.#movement.started && stuckMs > kickAfter) {
      this.#kicked = true;
      const live = playback.livePosition();
      if (!this.#followsLive) this.video.currentTime += playback.frameSeconds();
      else if (live !== null) this.video.currentTime = live;
    }
  }

  #judge(moved: boolean, stillMs: number): StateName {
    if (moved) return 'playing';
    if (!this.#wantsPlay) return 'paused';
    const still = stillMs > SAID_AFTER_MS;
    const { started } = this.#movement;
    if (this.#serverAway && (still || !started)) return 'reconnecting';
    if ((still || !started) && this.#waitsForBroadcaster()) return 'broken';
    if (!started && this.#rewind.sought !== null && still) return 'buffering';
    if (!started) return this.state === 'checking' || this.state === 'waiting' || this.state === 'ended' ? 'starting' : this.state;
    return still ? 'buffering' : this.state;
  }

  #enter(state: StateName): void {
    if (this.state === state || this.#stopped) return;
    this.state = state;
    this.#events.changed();
  }
}
