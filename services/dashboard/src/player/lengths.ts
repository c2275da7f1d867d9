/** "4:07", "1:02:03": whole seconds. */
export function length(seconds: number): string {
  const all = Math.max(0, Math.round(seconds));
  const two = (value: number) => String(value).padStart(2, '0');
  const [hours, minutes] = [Math.floor(all / 3600), Math.floor(all / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(all % 60)}` : `${minutes}:${two(all % 60)}`;
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
