import { h } from './dom';
import type { Picture } from './storyboard';
import type { Stretch } from './timeline';

/** Page up and down. */
const LEAP_S = 60;
/** Arrow up and down, as sliders have it; left and right are the player's. */
const STEP_S = 5;
/** While nobody touches it, what a screen reader finds is renewed so often: read aloud each time it would be a chatterbox. */
const SPOKEN_EVERY_MS = 10_000;
/** A change of place by more than this is one that somebody made. */
const JUMP_S = 3;

export interface BarWords {
  /** Its name. */
  readonly name: string;
  /** What a place is called under the pointer. */
  told(time: number, scale: Stretch): string;
  /** The same to be read aloud. */
  spoken(time: number, scale: Stretch): string;
  /** The name of the chapter that it is in. */
  chapter(time: number): string | null;
}

export interface BarState {
  /** What can be gone to. */
  readonly scale: Stretch;
  readonly time: number;
  readonly gaps: readonly Stretch[];
  readonly breaks: readonly number[];
  /** Where chapters begin. */
  readonly chapters: readonly number[];
}

export interface BarEvents {
  goTo(time: number): void;
  /** Somebody is at it. */
  touched(): void;
  /** The picture of a place, where one is at hand. */
  picture(time: number): Picture | null;
}

/** The slider over what can be gone to. */
export class RewindBar {
  readonly #words: BarWords;
  readonly #events: BarEvents;
  readonly #marks = h('div', { class: 'rewind-marks' });
  readonly #filled = h('div', { class: 'rewind-filled' });
  readonly #thumb = h('div', { class: 'rewind-thumb' });
  readonly #picture = h('div', { class: 'rewind-picture', hidden: true });
  readonly #chapter = h('div', { class: 'rewind-chapter', hidden: true });
  readonly #moment = h('div', { class: 'rewind-moment' });
  readonly #tip = h('div', { class: 'rewind-tip', hidden: true }, this.#picture, this.#chapter, this.#moment);
  readonly element = h('div', { class: 'rewind', role: 'slider', tabindex: '0', hidden: true },
    h('div', { class: 'rewind-track' }, this.#filled, this.#marks), this.#thumb, this.#tip);
  #state: BarState | null = null;
  #marked = '';
  /** Where a finger or the mouse holds it. */
  #held: number | null = null;
  /** What the tip is of. */
  #tipped: number | null = null;
  #spokenAt = -Infinity;
  #shownTime = -Infinity;

  constructor(words: BarWords, events: BarEvents) {
    this.#words = words;
    this.#events = events;
    const { element } = this;
    element.setAttribute('aria-label', words.name);
    element.addEventListener('pointerdown', (event) => this.#hold(event));
    element.addEventListener('pointermove', (event) => this.#point(event));
    element.addEventListener('pointerup', () => this.#letGo(true));
    element.addEventListener('pointercancel', () => this.#letGo(false));
    element.addEventListener('pointerleave', () => { if (this.#held === null) this.#untip(); });
    element.addEventListener('keydown', (event) => this.#onKey(event));
    element.addEventListener('focus', () => this.#say());
  }

  /** Null: there is nothing to go to. */
  show(state: BarState | null): void {
    this.#state = state;
    this.element.hidden = state === null;
    if (state === null) return;
    this.#place(this.#held ?? state.time);
    this.#mark(state);
    const jumped = Math.abs(state.time - this.#shownTime) > JUMP_S;
    this.#shownTime = state.time;
    if (jumped || performance.now() - this.#spokenAt > SPOKEN_EVERY_MS) this.#say();
  }

  #place(time: number): void {
    const share = `${100 * this.#share(time)}%`;
    this.#filled.style.width = share;
    this.#thumb.style.left = share;
  }

  #share(time: number): number {
    const { start, end } = this.#state?.scale ?? { start: 0, end: 0 };
    return end > start ? Math.max(0, Math.min(1, (time - start) / (end - start))) : 1;
  }

  /** Gaps as stretches, breaks and chapters as lines; drawn anew only where they changed by something that can be seen. */
  #mark({ scale, gaps, breaks, chapters }: BarState): void {
    const percent = (time: number) => `${(100 * this.#share(time)).toFixed(1)}%`;
    const shown = gaps.filter(({ start, end }) => end > scale.start && start < scale.end).map(({ start, end }) => [percent(start), (100 * (this.#share(end) - this.#share(start))).toFixed(1)] as const);
    const within = (times: readonly number[]) => times.filter((time) => time > scale.start && time < scale.end).map(percent);
    const [lines, parts] = [within(breaks), within(chapters)];
    const key = `${shown.join(';')}|${lines.join(';')}|${parts.join(';')}`;
    if (key === this.#marked) return;
    this.#marked = key;
    this.#marks.replaceChildren(
      ...shown.map(([left, width]) => placed(h('span', { class: 'rewind-gap' }), left, `${width}%`)),
      ...lines.map((left) => placed(h('span', { class: 'rewind-break' }), left)),
      ...parts.map((left) => placed(h('span', { class: 'rewind-chapter-mark' }), left)));
  }

  #say(): void {
    const state = this.#state;
    if (state === null) return;
    const { scale } = state;
    const time = this.#held ?? state.time;
    this.#spokenAt = performance.now();
    this.element.setAttribute('aria-valuemin', '0');
    this.element.setAttribute('aria-valuemax', String(Math.round(scale.end - scale.start)));
    this.element.setAttribute('aria-valuenow', String(Math.round(Math.max(0, Math.min(scale.end, time) - scale.start))));
    const chapter = this.#words.chapter(time);
    this.element.setAttribute('aria-valuetext', chapter === null ? this.#words.spoken(time, scale) : `${this.#words.spoken(time, scale)}, ${chapter}`);
  }

  #timeAt(event: PointerEvent): number | null {
    const { left, width } = this.element.getBoundingClientRect();
    const scale = this.#state?.scale;
    if (scale === undefined || width === 0) return null;
    const share = Math.max(0, Math.min(1, (event.clientX - left) / width));
    return scale.start + share * (scale.end - scale.start);
  }

  #hold(event: PointerEvent): void {
    if (event.button !== 0) return;
    const time = this.#timeAt(event);
    if (time === null) return;
    this.element.setPointerCapture(event.pointerId);
    this.element.classList.add('held');
    this.#held = time;
    this.#point(event);
  }

  #point(event: PointerEvent): void {
    const time = this.#timeAt(event);
    const state = this.#state;
    if (time === null || state === null || event.pointerType !== 'mouse' && this.#held === null) return;
    this.#events.touched();
    if (this.#held !== null) {
      this.#held = time;
      this.#place(time);
      this.#say();
    }
    this.#tipped = time;
    this.renewTip();
  }

  /** What is said and shown of the place under the pointer, if there is one. */
  renewTip(): void {
    const [time, scale] = [this.#tipped, this.#state?.scale];
    if (time === null || scale === undefined) return;
    this.#moment.textContent = this.#words.told(time, scale);
    const chapter = this.#words.chapter(time);
    this.#chapter.textContent = chapter;
    this.#chapter.hidden = chapter === null;
    this.#show(this.#events.picture(time));
    this.#tip.hidden = false;
    // It stays inside the bar at both ends.
    const half = this.#tip.offsetWidth / 2;
    const { width } = this.element.getBoundingClientRect();
    this.#tip.style.left = `${Math.max(half, Math.min(width - half, this.#share(time) * width))}px`;
  }

  #show(picture: Picture | null): void {
    this.#picture.hidden = picture === null;
    if (picture === null) return;
    const { style } = this.#picture;
    style.width = `${picture.width}px`;
    style.height = `${picture.height}px`;
    style.backgroundImage = `url(${JSON.stringify(picture.sheet)})`;
    style.backgroundPosition = `-${picture.x}px -${picture.y}px`;
  }

  #untip(): void {
    this.#tipped = null;
    this.#tip.hidden = true;
  }

  #letGo(goes: boolean): void {
    const time = this.#held;
    if (time === null) return;
    this.#held = null;
    this.#untip();
    this.element.classList.remove('held');
    if (goes) this.#goTo(time);
    else if (this.#state !== null) this.#place(this.#state.time);
  }

  #goTo(time: number): void {
    this.#events.goTo(time);
    this.#events.touched();
    if (this.#state !== null) this.show({ ...this.#state, time });
    this.#say();
  }

  #onKey(event: KeyboardEvent): void {
    const state = this.#state;
    if (state === null || event.ctrlKey || event.metaKey || event.altKey) return;
    const time = this.#keyTime(event.key, state);
    if (time === null) return;
    event.preventDefault();
    event.stopPropagation();
    this.#goTo(Math.max(state.scale.start, Math.min(state.scale.end, time)));
  }

  #keyTime(key: string, { scale, time }: BarState): number | null {
    switch (key) {
      case 'Home': return scale.start;
      case 'End': return scale.end;
      case 'PageUp': return time + LEAP_S;
      case 'PageDown': return time - LEAP_S;
      case 'ArrowUp': case 'ArrowRight': return time + STEP_S;
      case 'ArrowDown': case 'ArrowLeft': return time - STEP_S;
      default: return null;
    }
  }
}

function placed(mark: HTMLElement, left: string, width?: string): HTMLElement {
  mark.style.left = left;
  if (width !== undefined) mark.style.width = width;
  return mark;
}
