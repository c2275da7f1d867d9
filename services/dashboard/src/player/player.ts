import { messages, type PlayerWords, type StateName } from './messages';
import { Chapters } from './chapters';
import { h, icon, icons } from './dom';
import { helpDialog } from './help';
import { clockOffsetMs, serverNow } from './probe';
import { RewindBar, type BarWords } from './rewind-bar';
import type { Source } from './source';
import { Storyboard, type Picture } from './storyboard';
import type { Told } from './told';
import { Viewer } from './viewer';
import { Winding } from './winding';

/** The controls fade when nothing has moved for this long. */
const FADE_AFTER_MS = 2_800;
const VOLUME_STEP = 0.1;
const SEEK_S = 5;
const BACK_S = 10;
/** From here on tenths of a second behind live say nothing. */
const FAR_BEHIND_S = 60;
const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 2];
/** From key frame to key frame, silently; browsers play no faster than sixteen times. */
const WINDING = [4, 8, 16];
/** What is told once is seen for so long. */
const TOLD_FOR_MS = 6_000;
const VOLUME_KEY = 'sigma.volume';
/** The figure is renewed calmly. */
const FIGURES_MS = 500;

/** States in which the picture itself is seen. */
const PICTURE: ReadonlySet<StateName> = new Set(['playing', 'paused', 'buffering']);

/** What tests and diagnostics may read. */
export interface Diagnostics {
  latency(): number | null;
  targetLatency(): number | null;
  readonly stalls: number;
  readonly state: string;
  /** Nothing is loaded any more: the viewer has paused for long. */
  readonly rests: boolean;
  readonly firstPictureMs: number | null;
}

declare global {
  interface Window {
    sigma?: Diagnostics;
  }
}

export interface PlayerOptions {
  readonly words?: PlayerWords;
  /** Whose keys the shortcuts are: the whole page's, or only while the focus is in the player. */
  readonly keys?: 'page' | 'focused';
  /** What is offered below the words where there is no broadcast. */
  readonly offer?: HTMLElement;
  readonly on?: Listeners;
}

/** A player on a page. */
export interface Mounted {
  readonly viewer: Viewer;
  /** Takes it away. */
  destroy(): void;
}

/** Builds the player of a source into `root` and starts it. */
export function mountPlayer(root: HTMLElement, source: Source, options: PlayerOptions = {}): Mounted {
  return new Player(root, source, options);
}

export interface Listeners {
  state?(viewer: Viewer): void;
  /** Words for the distance from the camera, a few times a second; empty when there is none to show. */
  behind?(words: string): void;
}

class Player {
  readonly viewer: Viewer;
  readonly #words: PlayerWords;
  readonly #on: Listeners;
  readonly #source: Source;
  readonly #root: HTMLElement;
  readonly #listening = new AbortController();
  readonly #renewing: ReturnType<typeof setInterval>;
  readonly #diagnostics: Diagnostics;
  readonly #video = h('video', { playsinline: true, autoplay: true, muted: true, tabindex: '-1', disableremoteplayback: true });
  readonly #title = h('p', { class: 'notice-title' });
  readonly #text = h('p', { class: 'notice-text' });
  readonly #notice = h('div', { class: 'notice', role: 'status', 'aria-live': 'polite' }, h('span', { class: 'pulse', 'aria-hidden': 'true' }), this.#title, this.#text);
  /** The last picture, while another place's is on its way. */
  readonly #still = h('canvas', { class: 'still', 'aria-hidden': 'true', hidden: true });
  readonly #told = h('p', { class: 'told', role: 'status', hidden: true });
  readonly #rewind: RewindBar;
  readonly #storyboard: Storyboard | null;
  readonly #chapters = new Chapters();
  readonly #play = this.#button('play', () => this.#togglePlay());
  readonly #back = this.#button('back', () => this.#seekBy(-BACK_S));
  readonly #mute = this.#button('mute', () => this.#toggleMute());
  readonly #volume: HTMLInputElement = h('input', { class: 'volume', type: 'range', min: '0', max: '1', step: '0.05', oninput: () => this.#setVolume(Number(this.#volume.value)) });
  readonly #live = h('button', { class: 'live', type: 'button', onclick: () => this.#goLive() }, h('span', { class: 'dot', 'aria-hidden': 'true' }), h('span', { class: 'live-label' }));
  readonly #behind = h('span', { class: 'behind' });
  readonly #speed: HTMLSelectElement = h('select', { onchange: () => this.#setSpeed(Number(this.#speed.value)) });
  readonly #speedBox = h('label', { class: 'choice speed' }, this.#speed);
  readonly #quality: HTMLSelectElement = h('select', { onchange: () => this.viewer.playback?.chooseQuality(Number(this.#quality.value)) });
  readonly #qualityBox = h('label', { class: 'choice quality', hidden: true }, icon(...icons.quality), this.#quality);
  readonly #inset = this.#button('inset', () => void this.#toggleInset());
  readonly #full = this.#button('full', () => void this.#toggleFull());
  readonly #help = this.#button('help', () => this.#toggleHelp());
  readonly #sound = h('button', { class: 'pill sound', type: 'button', hidden: true, onclick: () => this.#toggleMute() }, icon(...icons.muted));
  readonly #tap = h('button', { class: 'pill tap', type: 'button', hidden: true, onclick: () => this.viewer.togglePlay() }, icon(...icons.play));
  readonly #bar: HTMLElement;
  readonly #dialog: HTMLDialogElement;
  #fade: ReturnType<typeof setTimeout> | undefined;
  #lastTouch = -Infinity;
  #telling: ReturnType<typeof setTimeout> | undefined;
  #winding: Winding | null = null;

  constructor(root: HTMLElement, source: Source, { words = messages, keys = 'page', offer, on = {} }: PlayerOptions) {
    const text = words.controls;
    const isRecording = source.kind === 'recording';
    this.#root = root;
    this.#words = words;
    this.#source = source;
    this.#on = on;
    this.viewer = new Viewer(this.#video, source, { changed: () => this.#render(), leaves: () => this.#keepPicture(), told: (told) => this.#tell(told) });
    this.#storyboard = source.storyboard === undefined ? null : new Storyboard(source.storyboard, !isRecording, () => this.#rewind.renewTip());
    this.#rewind = new RewindBar(this.#barWords(), {
      goTo: (time) => { this.#endWinding(); this.viewer.seekTo(time); this.#figures(); },
      touched: () => { this.viewer.lookBack(); this.#wake(); },
      picture: (time) => this.#pictureOf(time),
    });
    this.#bar = h('div', { class: 'bar', role: 'group', 'aria-label': text.bar },
      this.#rewind.element,
      h('div', { class: 'row' },
        this.#play, this.#back, this.#mute, this.#volume, ...(isRecording ? [] : [this.#live]), this.#behind,
        h('span', { class: 'space' }), this.#speedBox, this.#qualityBox, this.#inset, this.#help, this.#full));
    this.#dialog = helpDialog(words, isRecording ? words.recordingKeys : words.keys);
    if (offer !== undefined) this.#notice.append(h('div', { class: 'offer' }, offer));
    root.classList.add('player');
    root.classList.toggle('recording', isRecording);
    root.setAttribute('role', 'region');
    root.setAttribute('aria-label', isRecording ? text.recordingPlayer : text.player);
    root.append(this.#video, this.#still, h('div', { class: 'scrim', 'aria-hidden': 'true' }), this.#notice, this.#sound, this.#tap, this.#told, this.#bar, this.#dialog);

    this.#volume.setAttribute('aria-label', text.volume);
    this.#live.lastElementChild?.setAttribute('data-short', text.live);
    const speeds = [...(isRecording ? SPEEDS : [1]), ...WINDING];
    this.#speed.append(...speeds.map((speed) => h('option', { value: String(speed) }, `${speed}×`)));
    this.#speed.setAttribute('aria-label', text.speed);
    this.#speedBox.title = text.speed;
    this.#speed.value = '1';
    this.#label(this.#back, text.back10, 'J', icons.back);
    this.#back.append(h('span', { class: 'ten', 'aria-hidden': 'true' }, String(BACK_S)));
    this.#quality.setAttribute('aria-label', text.quality);
    this.#qualityBox.title = text.quality;
    this.#sound.append(h('span', {}, text.tapForSound));
    this.#tap.append(h('span', {}, text.tapToPlay));
    this.#label(this.#help, text.help, '?', icons.help);
    this.#label(this.#inset, text.pictureInPicture, 'P', icons.inset);
    this.#inset.hidden = !document.pictureInPictureEnabled;
    this.#full.hidden = !document.fullscreenEnabled && !('webkitEnterFullscreen' in this.#video);
    this.#video.muted = true;
    this.#video.volume = storedVolume();
    if (source.poster !== undefined) this.#video.poster = source.poster;
    if (source.chapters !== undefined) void this.#chapters.read(source.chapters).then(() => this.#figures());
    this.#listen(keys === 'page' ? document : root);
    this.#render();
    this.#renewing = setInterval(() => this.#figures(), FIGURES_MS);

    const { viewer } = this;
    window.sigma = this.#diagnostics = {
      latency: () => viewer.latency(),
      targetLatency: () => viewer.targetLatency(),
      get stalls() { return viewer.stalls; },
      get state() { return viewer.state; },
      get rests() { return viewer.rests; },
      get firstPictureMs() { return viewer.firstPictureMs; },
    };
    viewer.start();
  }

  destroy(): void {
    this.#endWinding();
    this.viewer.stop();
    this.#listening.abort();
    clearInterval(this.#renewing);
    clearTimeout(this.#fade);
    clearTimeout(this.#telling);
    if (window.sigma === this.#diagnostics) delete window.sigma;
    this.#root.replaceChildren();
    this.#root.classList.remove('player', 'recording', 'on-air', 'awake');
    delete this.#root.dataset['state'];
  }

  #button(name: string, act: () => void): HTMLButtonElement {
    return h('button', { class: `control ${name}`, type: 'button', onclick: act });
  }

  /** Asks for the pictures with the first look at one. */
  #pictureOf(time: number): Picture | null {
    this.#storyboard?.want();
    const place = this.viewer.isRecording ? time : this.viewer.dateAt(time);
    return place == null ? null : this.#storyboard?.at(place) ?? null;
  }

  /** What the bar says of a place: how far behind live it is and when it was, or how far into the recording. */
  #barWords(): BarWords {
    const text = this.#words.controls;
    const dateAt = (time: number) => this.viewer.dateAt(time);
    if (this.viewer.isRecording) {
      return {
        name: text.place,
        told: (time, { start }) => text.length(time - start),
        spoken: (time, { start, end }) => text.ofLengthSpoken(time - start, end - start),
        chapter: (time) => this.#chapters.nameAt(time),
      };
    }
    return {
      name: text.rewind,
      told: (time, { end }) => text.moment(end - time, dateAt(time)),
      spoken: (time, { end }) => text.momentSpoken(end - time, dateAt(time)),
      chapter: () => null,
    };
  }

  #keepPicture(): void {
    const { videoWidth: width, videoHeight: height } = this.#video;
    if (width === 0) return;
    Object.assign(this.#still, { width, height });
    this.#still.getContext('2d')?.drawImage(this.#video, 0, 0, width, height);
    this.#still.hidden = false;
  }

  #tell(told: Told): void {
    const words = this.#words.told;
    this.#told.textContent = told.what === 'too-old' ? words.tooOld : told.what === 'skipped' ? words.skipped(told.seconds) : words.resumed(told.seconds);
    this.#told.hidden = false;
    clearTimeout(this.#telling);
    this.#telling = setTimeout(() => { this.#told.hidden = true; }, TOLD_FOR_MS);
  }

  #setSpeed(speed: number): void {
    this.#endWinding();
    // Where the browser plays HLS by itself, it winds by itself.
    if (WINDING.includes(speed) && 'MediaSource' in window) return this.#wind(speed);
    // By default too: a playback that is built anew keeps it.
    this.#video.defaultPlaybackRate = this.#video.playbackRate = speed;
    this.#speed.value = String(speed);
  }

  #wind(speed: number): void {
    const { viewer } = this;
    const date = viewer.isRecording ? null : viewer.dateAt(viewer.time);
    const from = date === null ? { at: 'time', seconds: viewer.time } as const : { at: 'date', date } as const;
    if (!this.#video.paused) viewer.togglePlay();
    const pictures = h('video', { class: 'winding', playsinline: true, tabindex: '-1', hidden: true });
    pictures.muted = true;
    this.#video.after(pictures);
    this.#winding = new Winding(pictures, this.#source.playlist, from, speed, (how) => this.#endWinding(how));
    viewer.isWinding = true;
    this.#speed.value = String(speed);
    this.#render();
  }

  /** Media time that the winding has come to; null where there is none. */
  get #woundTo(): number | null {
    const place = this.#winding?.place ?? null;
    return place?.at === 'date' ? this.viewer.timeAt(place.date) : place?.seconds ?? null;
  }

  /** Plays on where the winding has come to, unless that is the end; of a broadcast that is live. */
  #endWinding(how: 'ended' | 'failed' | 'left' = 'left'): void {
    const time = this.#woundTo;
    if (!this.#stopWinding()) return;
    const { viewer } = this;
    if (how === 'ended' && !viewer.isRecording) return viewer.goLive();
    if (time !== null) viewer.seekTo(how === 'ended' ? Number.MAX_VALUE : time);
    if (how !== 'ended' && this.#video.paused) viewer.togglePlay();
  }

  /** False where there is none. */
  #stopWinding(): boolean {
    const winding = this.#winding;
    if (winding === null) return false;
    this.#winding = null;
    this.viewer.isWinding = false;
    winding.stop();
    winding.video.remove();
    this.#setSpeed(1);
    return true;
  }

  #goLive(): void {
    this.#stopWinding();
    this.viewer.goLive();
  }

  #togglePlay(): void {
    if (this.#winding === null) this.viewer.togglePlay();
    else this.#endWinding();
  }

  #listen(keys: Document | HTMLElement): void {
    const root = this.#root;
    const { signal } = this.#listening;
    for (const name of ['play', 'pause', 'volumechange', 'seeking', 'seeked', 'loadeddata'] as const) this.#video.addEventListener(name, () => this.#render(), { signal });
    document.addEventListener('fullscreenchange', () => this.#render(), { signal });
    root.addEventListener('pointermove', (event) => { if (event.pointerType === 'mouse') this.#wake(); }, { signal });
    // A finger leaves whenever it is lifted.
    root.addEventListener('pointerleave', (event) => { if (event.pointerType === 'mouse') this.#sleep(); }, { signal });
    root.addEventListener('focusin', () => this.#wake(), { signal });
    this.#video.addEventListener('pointerup', (event) => {
      if (event.pointerType === 'mouse') {
        if (event.button === 0) this.#togglePlay();
        return;
      }
      // A touch shows the controls or puts them away; the buttons do the rest.
      this.#lastTouch = event.timeStamp;
      if (root.classList.contains('awake')) this.#sleep();
      else this.#wake();
    });
    this.#video.addEventListener('dblclick', (event) => { if (event.timeStamp - this.#lastTouch > 1000) void this.#toggleFull(); });
    keys.addEventListener('keydown', (event) => this.#onKey(event as KeyboardEvent), { signal });
  }

  #onKey(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const target = event.target instanceof HTMLElement ? event.target : null;
    if (target?.closest('input:not(.volume), textarea, select, dialog') !== null && target !== null) return;
    const onButton = target?.closest('button, a, summary, input') != null;
    const act = this.#keyAction(event.key, onButton);
    if (act === null) return;
    event.preventDefault();
    act();
    this.#wake();
  }

  #keyAction(key: string, onButton: boolean): (() => void) | null {
    switch (key.toLowerCase()) {
      case ' ': return onButton ? null : () => this.#togglePlay();
      case 'k': return () => this.#togglePlay();
      case 'm': return () => this.#toggleMute();
      case 'f': return () => void this.#toggleFull();
      case 'j': return () => this.#seekBy(-BACK_S);
      case 'l': return () => { if (this.viewer.isRecording) this.#seekBy(BACK_S); else this.#goLive(); };
      case ',': return this.viewer.isRecording ? () => this.#step(-1) : null;
      case '.': return this.viewer.isRecording ? () => this.#step(1) : null;
      case 'p': return () => void this.#toggleInset();
      case '?': return () => this.#toggleHelp();
      case 'arrowup': return () => this.#setVolume(this.#video.volume + VOLUME_STEP);
      case 'arrowdown': return () => this.#setVolume(this.#video.volume - VOLUME_STEP);
      case 'arrowleft': return () => this.#seekBy(-SEEK_S);
      case 'arrowright': return () => this.#seekBy(SEEK_S);
      default: return null;
    }
  }

  #seekBy(seconds: number): void {
    this.#endWinding();
    this.viewer.seekBy(seconds);
  }

  #step(frames: 1 | -1): void {
    this.#endWinding();
    this.viewer.step(frames);
  }

  #toggleMute(): void {
    const video = this.#video;
    video.muted = !video.muted;
    if (!video.muted && video.volume === 0) video.volume = 0.5;
  }

  #setVolume(volume: number): void {
    const clamped = Math.round(Math.max(0, Math.min(1, volume)) * 20) / 20;
    this.#video.volume = clamped;
    this.#video.muted = clamped === 0;
    try {
      localStorage.setItem(VOLUME_KEY, String(clamped));
    } catch {
      // A browser that keeps nothing for this page: the volume holds until it is closed.
    }
  }

  async #toggleFull(): Promise<void> {
    try {
      if (document.fullscreenElement !== null) await document.exitFullscreen();
      else if (document.fullscreenEnabled) await this.#root.requestFullscreen();
      else (this.#video as HTMLVideoElement & { webkitEnterFullscreen?(): void }).webkitEnterFullscreen?.();
    } catch {
      // Refused by the browser or by the frame around: the page stays as it is.
    }
  }

  async #toggleInset(): Promise<void> {
    try {
      if (document.pictureInPictureElement !== null) await document.exitPictureInPicture();
      else await this.#video.requestPictureInPicture();
    } catch {
      // No picture yet, or refused.
    }
  }

  #toggleHelp(): void {
    if (this.#dialog.open) this.#dialog.close();
    else this.#dialog.showModal();
  }

  #wake(): void {
    this.#root.classList.add('awake');
    clearTimeout(this.#fade);
    this.#fade = setTimeout(() => this.#sleep(), FADE_AFTER_MS);
  }

  #sleep(): void {
    clearTimeout(this.#fade);
    if (this.#bar.matches(':has(:focus-visible)')) {
      // Who leaves it with the keyboard says so to nobody.
      this.#fade = setTimeout(() => this.#sleep(), FADE_AFTER_MS);
      return;
    }
    this.#root.classList.remove('awake');
  }

  #render(): void {
    const { viewer } = this;
    const video = this.#video;
    const text = this.#words.controls;
    const states: Partial<PlayerWords['states']> = viewer.isRecording ? this.#words.recordingStates : {};
    const state = states[viewer.state] ?? this.#words.states[viewer.state];
    // Whoever has just got a picture is shown what can be done with it.
    if (viewer.state === 'playing' && this.#root.dataset['state'] !== 'playing') this.#wake();
    if (viewer.state === 'ended' || viewer.state === 'waiting') this.#storyboard?.forget();
    this.#root.dataset['state'] = viewer.state;
    set(this.#title, state.title);
    set(this.#text, state.text);

    const onAir = viewer.isOnAir;
    if (!onAir) this.#stopWinding();
    this.#root.classList.toggle('on-air', onAir);
    for (const control of [this.#play, this.#inset]) control.disabled = !onAir;
    const rests = video.paused && this.#winding === null;
    this.#label(this.#play, rests ? text.play : text.pause, 'K', rests ? icons.play : icons.pause);
    const silent = video.muted || video.volume === 0;
    this.#label(this.#mute, silent ? text.unmute : text.mute, 'M', silent ? icons.muted : icons.sound);
    this.#volume.value = String(video.muted ? 0 : video.volume);
    this.#volume.setAttribute('aria-valuetext', text.volumeValue(Math.round((video.muted ? 0 : video.volume) * 100)));
    this.#volume.style.setProperty('--filled', `${(video.muted ? 0 : video.volume) * 100}%`);
    const full = document.fullscreenElement !== null;
    this.#label(this.#full, full ? text.leaveFullScreen : text.fullScreen, 'F', full ? icons.leave : icons.enter);
    this.#sound.hidden = !(PICTURE.has(viewer.state) && video.muted && !viewer.needsTap);
    this.#tap.hidden = !viewer.needsTap;
    this.#renderQualities();
    this.#figures();
    this.#on.state?.(viewer);
  }

  #label(button: HTMLButtonElement, name: string, key: string, paths: readonly string[]): void {
    if (button.getAttribute('aria-label') === name) return;
    button.setAttribute('aria-label', name);
    button.setAttribute('aria-keyshortcuts', key);
    button.title = this.#words.controls.shortcut(name, key);
    button.replaceChildren(icon(...paths));
  }

  #renderQualities(): void {
    const playback = this.viewer.playback;
    const qualities = playback?.qualities() ?? [];
    this.#qualityBox.hidden = qualities.length < 2;
    if (playback === null || qualities.length < 2) return;
    const text = this.#words.controls;
    const active = qualities.find((quality) => quality.id === playback.activeQuality());
    const options = [
      h('option', { value: '-1' }, active !== undefined && playback.quality() === -1 ? text.qualityAutoNow(active.name) : text.qualityAuto),
      ...qualities.map((quality) => h('option', { value: String(quality.id) }, quality.name)),
    ];
    this.#quality.replaceChildren(...options);
    this.#quality.value = String(playback.quality());
  }

  #figures(): void {
    const { viewer } = this;
    const text = this.#words.controls;
    const shown = PICTURE.has(viewer.state);
    const atLive = shown && !viewer.isRecording && viewer.state !== 'paused' && viewer.isAtLive();
    this.#live.classList.toggle('at', atLive);
    this.#live.hidden = !shown;
    set(this.#live.lastElementChild as HTMLElement, atLive ? text.live : text.goLive);
    this.#live.setAttribute('aria-label', atLive ? text.atLive : text.shortcut(text.goLive, 'L'));
    this.#live.title = atLive ? text.atLive : text.shortcut(text.goLive, 'L');

    const window = viewer.isOnAir ? viewer.window : null;
    this.#back.hidden = window === null;
    const wound = this.#woundTo;
    const time = wound ?? viewer.time;
    if (wound !== null && this.#winding !== null) this.#winding.video.hidden = false;
    // At live there is nothing to wind to; where the browser plays HLS by itself, it winds by itself.
    this.#speedBox.hidden = !viewer.isRecording && (window === null || !('MediaSource' in globalThis) || viewer.followsLive && this.#winding === null);
    // On the way to a place the marks of the next playback are not on the scale that is shown.
    const playback = viewer.isOnTheWay ? null : viewer.playback;
    if (!viewer.isOnTheWay && this.#video.readyState > 1) this.#still.hidden = true;
    this.#rewind.show(window === null ? null
      : { scale: window, time: viewer.followsLive && wound === null ? window.end : time, gaps: playback?.gaps() ?? [], breaks: playback?.breaks() ?? [], chapters: this.#chapters.marks });

    const words = viewer.isRecording ? (window === null ? '' : text.ofLength(Math.min(time, window.end) - window.start, window.end - window.start)) : this.#distance(shown);
    set(this.#behind, words);
    this.#on.behind?.(words);
    if (!viewer.isRecording) this.#behind.title = clockOffsetMs() === 0 ? text.behindHelp : `${text.behindHelp}. ${text.clockOff}`;
  }

  /** How far the picture is behind the camera; while another is being looked for, how far that one is. */
  #distance(shown: boolean): string {
    const { viewer } = this;
    const text = this.#words.controls;
    const place = this.#woundTo ?? (viewer.isOnTheWay || this.#video.seeking ? viewer.time : null);
    const sought = place === null ? null : viewer.dateAt(place);
    const latency = !shown ? null : sought == null ? viewer.latency() : (serverNow() - sought) / 1000;
    if (latency === null) return '';
    return latency < FAR_BEHIND_S ? text.behind(latency < 10 ? latency.toFixed(1) : Math.round(latency).toString()) : text.behindLong(latency);
  }
}

/** Touches the page only when the words change, so that a screen reader is not told twice. */
function set(element: HTMLElement, words: string): void {
  if (element.textContent !== words) element.textContent = words;
}

function storedVolume(): number {
  try {
    const stored = Number(localStorage.getItem(VOLUME_KEY) ?? 1);
    return stored > 0 && stored <= 1 ? stored : 1;
  } catch {
    return 1;
  }
}
