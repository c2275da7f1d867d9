import { length } from '../player/lengths';

export const LANGUAGES = { en: 'English', vi: 'Tiếng Việt' } as const;
export type Language = keyof typeof LANGUAGES;

const isLanguage = (name: string): name is Language => name in LANGUAGES;

/** What was chosen here before, else the first of the browser's languages that we speak, else English. */
export function preferredLanguage(chosen: string | null, offered: readonly string[]): Language {
  return [chosen ?? '', ...offered].map((tag) => tag.toLowerCase().split('-')[0] ?? '').find(isLanguage) ?? 'en';
}

/** Forms of a word by number, as Intl.PluralRules names them; `other` is always there. */
export type Forms = Partial<Record<Intl.LDMLPluralRule, string>> & { readonly other: string };

const rules = new Map<string, Intl.PluralRules>();

/** "1 session", "3 sessions": the form that the language has for the number, `#` standing for it. */
export function plural(locale: string, count: number, forms: Forms): string {
  let rule = rules.get(locale);
  if (rule === undefined) rules.set(locale, (rule = new Intl.PluralRules(locale)));
  const form = forms[rule.select(count)] ?? forms.other;
  return form.replaceAll('#', new Intl.NumberFormat(locale).format(count));
}

/** Units of the words below, in seconds, the longest first. */
const UNITS = [['day', 86_400], ['hour', 3_600], ['minute', 60], ['second', 1]] as const;

const BYTES = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;

/** Numbers, times and rates as a language writes them. */
export class Format {
  readonly locale: string;
  readonly #numbers = new Map<number, Intl.NumberFormat>();
  readonly #units = new Map<string, Intl.NumberFormat>();
  readonly #date: Intl.DateTimeFormat;
  readonly #dateTime: Intl.DateTimeFormat;
  readonly #time: Intl.DateTimeFormat;
  readonly #exact: Intl.DateTimeFormat;
  readonly #relative: Intl.RelativeTimeFormat;

  constructor(locale: string, timeZone?: string) {
    const zone = timeZone === undefined ? {} : { timeZone };
    this.locale = locale;
    this.#date = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', ...zone });
    this.#dateTime = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short', ...zone });
    this.#time = new Intl.DateTimeFormat(locale, { timeStyle: 'medium', ...zone });
    this.#exact = new Intl.DateTimeFormat(locale, { dateStyle: 'full', timeStyle: 'long', ...zone });
    this.#relative = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' });
  }

  /** With exactly that many digits behind the point. */
  number(value: number, digits = 0): string {
    let format = this.#numbers.get(digits);
    if (format === undefined) this.#numbers.set(digits, (format = new Intl.NumberFormat(this.locale, { minimumFractionDigits: digits, maximumFractionDigits: digits })));
    return format.format(value);
  }

  percent(share: number): string {
    return new Intl.NumberFormat(this.locale, { style: 'percent', maximumFractionDigits: 0 }).format(share);
  }

  date(at: string | number): string {
    return this.#date.format(new Date(at));
  }

  dateTime(at: string | number): string {
    return this.#dateTime.format(new Date(at));
  }

  /** The time of day, with seconds. */
  time(at: string | number): string {
    return this.#time.format(new Date(at));
  }

  /** Everything, for tooltips. */
  exact(at: string | number): string {
    return this.#exact.format(new Date(at));
  }

  /** "3 minutes ago", "in 2 hours"; what is nearer than a second is "1 second ago". */
  relative(at: string | number, now: number): string {
    const seconds = Math.round((new Date(at).getTime() - now) / 1_000) || -1;
    const [unit, length] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? UNITS[3];
    return this.#relative.format(Math.trunc(seconds / length), unit);
  }

  /** A clock that counts up: "0:07", "12:03", "3:05:09". */
  clock(seconds: number): string {
    return length(Math.floor(seconds));
  }

  /** An amount of data: "512 B", "1.4 GB". */
  size(bytes: number): string {
    const place = Math.max(0, BYTES.findLastIndex((_, power) => power === 0 || bytes >= 999.5 * 1_000 ** (power - 1)));
    const value = bytes / 1_000 ** place;
    return `${this.number(value, place === 0 || value >= 99.95 ? 0 : 1)}\u00a0${BYTES[place]}`;
  }

  /** A span in at most two units, in short: "12 hr", "1 min 30 sec". */
  span(seconds: number): string {
    let rest = Math.max(0, Math.round(seconds));
    const words: string[] = [];
    for (const [unit, length] of UNITS) {
      const count = Math.floor(rest / length);
      if (count > 0) words.push(this.#unit(count, unit));
      rest -= count * length;
      if (words.length === 2) break;
    }
    return words.length === 0 ? this.#unit(0, 'second') : words.join(' ');
  }

  /** A bit rate: "4.52 Mbit/s", "160 kbit/s". */
  bitrate(bitsPerSecond: number): string {
    if (bitsPerSecond >= 1_000_000) return `${this.number(bitsPerSecond / 1_000_000, bitsPerSecond >= 10_000_000 ? 1 : 2)}\u00a0Mbit/s`;
    return `${this.number(bitsPerSecond / 1_000)}\u00a0kbit/s`;
  }

  list(words: readonly string[]): string {
    return new Intl.ListFormat(this.locale, { style: 'long', type: 'conjunction' }).format(words);
  }

  #unit(value: number, unit: string): string {
    let format = this.#units.get(unit);
    if (format === undefined) this.#units.set(unit, (format = new Intl.NumberFormat(this.locale, { style: 'unit', unit, unitDisplay: 'short' })));
    return format.format(value).replaceAll(' ', '\u00a0');
  }
}
