import { useMemo } from 'react';

/** A picture for a channel that has none: its first letter on a colour of its own, the same each time. */
export function Placeholder({ id, name, live = false }: { id: string; name: string; live?: boolean }) {
  const hue = useMemo(() => hueOf(id), [id]);
  return (
    <span className={live ? 'picture live' : 'picture'} aria-hidden="true" style={{ '--hue': hue } as React.CSSProperties}>
      <span>{initialOf(name)}</span>
    </span>
  );
}

/** A number from 0 to 359, spread evenly over ids, like ones too (FNV-1a, and MurmurHash3's last mixing). */
export function hueOf(id: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < id.length; at += 1) hash = Math.imul(hash ^ id.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) % 360;
}

/** The first letter or digit, whole also where it is made of several code units. */
export function initialOf(name: string): string {
  const found = /[\p{Letter}\p{Number}]/u.exec(name.normalize('NFC'));
  return (found?.[0] ?? '#').toUpperCase();
}
