import { cueAt, cuesOf, datedFrom, readVtt, type Cue } from './vtt';

/** A piece of a sheet (Media Fragments URI §4.2.2), in its pixels. */
export interface Picture {
  readonly sheet: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Of what is on air it is asked for anew while somebody looks, but not more often than this. */
const RENEW_MS = 10_000;
/** Where there is none it is asked for again after this. */
const AGAIN_MS = 30_000;
/** So long the last picture stands for what came after it. */
const LAST_STANDS_S = 15;
/** A sheet that a busy server did not make is asked for again after this. */
const SHEET_AGAIN_MS = 4_000;
/** No tile is larger, in pixels. */
const MOST_PIXELS = 4_096;

/** The preview pictures of a recording or of what is on air; nothing is asked for before somebody wants to see one. */
export class Storyboard {
  readonly #url: string;
  readonly #isLive: boolean;
  readonly #came: () => void;
  #cues: readonly Cue[] = [];
  #from: number | null = null;
  #askedAt = -Infinity;
  #waitMs = 0;
  #asking = false;
  /** Sheets that are at hand, or asked for; of one that was not to be had, when that was. */
  readonly #sheets = new Map<string, 'there' | 'asked' | number>();

  /** `came`: there are other pictures than before. */
  constructor(url: string, isLive: boolean, came: () => void) {
    this.#url = url;
    this.#isLive = isLive;
    this.#came = came;
  }

  /** Somebody looks. */
  want(): void {
    const now = performance.now();
    if (this.#asking || now - this.#askedAt < this.#waitMs) return;
    this.#asking = true;
    this.#askedAt = now;
    void readVtt(this.#url).then((vtt) => {
      this.#asking = false;
      this.#waitMs = vtt === null ? AGAIN_MS : this.#isLive ? RENEW_MS : Infinity;
      if (vtt === null) return;
      this.#cues = cuesOf(vtt);
      this.#from = datedFrom(vtt);
      this.#came();
    });
  }

  /** Another session has begun: its pictures are others. */
  forget(): void {
    this.#cues = [];
    this.#sheets.clear();
    this.#waitMs = 0;
  }

  /** The picture of a place: seconds of a recording; a date, in milliseconds since the epoch, of what is on air. */
  at(place: number): Picture | null {
    if (this.#isLive && this.#from === null) return null;
    const time = this.#isLive ? (place - (this.#from ?? 0)) / 1000 : place;
    const last = this.#cues.at(-1);
    const cue = cueAt(this.#cues, time) ?? (last !== undefined && time >= last.end && time < last.end + LAST_STANDS_S ? last : null);
    const picture = cue === null ? null : this.#pictureOf(cue);
    return picture !== null && this.#isThere(picture.sheet) ? picture : null;
  }

  /** Has a sheet fetched at the first look at it: an empty frame is never shown. */
  #isThere(sheet: string): boolean {
    const stands = this.#sheets.get(sheet);
    if (stands === undefined || typeof stands === 'number' && performance.now() - stands > SHEET_AGAIN_MS) {
      this.#sheets.set(sheet, 'asked');
      const image = new Image();
      image.onload = () => {
        this.#sheets.set(sheet, 'there');
        this.#came();
      };
      image.onerror = () => this.#sheets.set(sheet, performance.now());
      image.src = sheet;
    }
    return stands === 'there';
  }

  #pictureOf({ text }: Cue): Picture | null {
    const [, name = '', ...numbers] = /^(\S+)#xywh=(?:pixel:)?(\d+),(\d+),(\d+),(\d+)$/.exec(text) ?? [];
    const [x = 0, y = 0, width = 0, height = 0] = numbers.map(Number);
    if (width === 0 || height === 0 || Math.max(x, y, width, height) > MOST_PIXELS) return null;
    const sheet = new URL(name, new URL(this.#url, location.href));
    // What a text names is loaded from our own server only.
    return sheet.origin === location.origin ? { sheet: sheet.href, x, y, width, height } : null;
  }
}
