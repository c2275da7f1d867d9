/** "4:07", "1:02:03"; with digits behind the point, where there are any, "0:07.52". */
export function length(seconds: number, digits = 0): string {
  const unit = 10 ** digits;
  const units = Math.round(Math.max(0, seconds) * unit);
  const all = Math.floor(units / unit);
  const two = (value: number) => String(value).padStart(2, '0');
  const [hours, minutes] = [Math.floor(all / 3600), Math.floor(all / 60) % 60];
  const whole = hours > 0 ? `${hours}:${two(minutes)}:${two(all % 60)}` : `${minutes}:${two(all % 60)}`;
  const fraction = digits === 0 ? '' : String(units % unit).padStart(digits, '0').replace(/0+$/, '');
  return fraction === '' ? whole : `${whole}.${fraction}`;
}

/** The seconds of such a text, or of a plain number; null where it is neither. */
export function secondsOf(text: string): number | null {
  const parts = text.trim().split(':');
  if (parts.length > 3 || !parts.every((part, place) => (place === parts.length - 1 ? /^\d+([.,]\d+)?$/ : /^\d+$/).test(part))) return null;
  return parts.reduce((sum, part) => sum * 60 + Number(part.replace(',', '.')), 0);
}

/** Hours, minutes and seconds to be said, the empty ones left out. */
export function parts(seconds: number): readonly (readonly ['hour' | 'minute' | 'second', number])[] {
  const all = Math.max(0, Math.round(seconds));
  const split = [['hour', Math.floor(all / 3600)], ['minute', Math.floor(all / 60) % 60], ['second', all % 60]] as const;
  const told = split.filter(([, value]) => value > 0);
  return told.length > 0 ? told : [['second', 0]];
}

const clocks = new Map<string, Intl.DateTimeFormat>();

/** The time of day as the language has it; as the browser has it where none is named. */
export function timeOfDay(at: number, locale?: string): string {
  const key = locale ?? '';
  let clock = clocks.get(key);
  if (clock === undefined) clocks.set(key, (clock = new Intl.DateTimeFormat(locale, { hour: 'numeric', minute: '2-digit', second: '2-digit' })));
  return clock.format(at);
}
