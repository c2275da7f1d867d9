import type { AssetFactsFragment } from '../../api/generated';
import type { Messages } from '../../messages/en';

/** "0:07.5", "1:02:03": a place in media as people type it. Tenths only where there are any. */
export function clockOf(seconds: number): string {
  const tenths = Math.round(Math.max(0, seconds) * 10);
  const whole = Math.floor(tenths / 10);
  const [h, m, s] = [Math.floor(whole / 3_600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (value: number) => String(value).padStart(2, '0');
  return `${h > 0 ? `${h}:${two(m)}` : m}:${two(s)}${tenths % 10 === 0 ? '' : `.${tenths % 10}`}`;
}

/** The seconds of such a text, or of a plain number; null where it is neither. */
export function secondsOf(text: string): number | null {
  const parts = text.trim().split(':');
  if (parts.length > 3 || !parts.every((part, place) => (place === parts.length - 1 ? /^\d+([.,]\d+)?$/ : /^\d+$/).test(part))) return null;
  return parts.reduce((sum, part) => sum * 60 + Number(part.replace(',', '.')), 0);
}

/** "1.4 GB". */
export function sizeOf(bytes: number, number: (value: number, digits: number) => string): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let place = 0;
  let value = bytes;
  while (value >= 999.5 && place < units.length - 1) {
    value /= 1_000;
    place += 1;
  }
  return `${number(value, place === 0 || value >= 99.95 ? 0 : 1)}\u00a0${units[place]}`;
}

/** What an asset is called: by its owner, else by what it is. */
export function nameOf({ title, kind }: Pick<AssetFactsFragment, 'title' | 'kind'>, m: Messages): string {
  return title ?? m.recordings.kinds[kind];
}

/** What is wrong with a range of media that is so long, by field; nothing where it is right. */
export function rangeProblems(from: number | null, to: number | null, length: number, m: Messages): { from?: string; to?: string } {
  const t = m.recordings;
  if (from === null) return { from: t.notATime };
  if (to === null) return { to: t.notATime };
  if (from >= length) return { from: t.beyond(clockOf(length)) };
  // The last tenth is rounded away where the length is shown.
  if (to > length + 0.1) return { to: t.beyond(clockOf(length)) };
  return to <= from ? { to: t.backwards } : {};
}
