/** Where a viewer left recordings, kept in his browser. */
const KEY = 'sigma.places';
/** The oldest are forgotten first. */
const RECORDINGS = 50;
/** Who saw so little, or has so little left, begins at the beginning. */
const EDGE_S = 15;

type Places = readonly (readonly [playlist: string, seconds: number])[];

export function placeIn(playlist: string): number {
  return stored().find(([name]) => name === playlist)?.[1] ?? 0;
}

export function keepPlace(playlist: string, seconds: number, length: number): void {
  const others = stored().filter(([name]) => name !== playlist);
  const isWithin = seconds > EDGE_S && seconds < length - EDGE_S;
  const places: Places = isWithin ? [[playlist, Math.floor(seconds)], ...others] : others;
  try {
    localStorage.setItem(KEY, JSON.stringify(places.slice(0, RECORDINGS)));
  } catch {
    // A browser that keeps nothing for this page: it begins at the beginning.
  }
}

function stored(): Places {
  try {
    const read: unknown = JSON.parse(localStorage.getItem(KEY) ?? '[]');
    const isPlace = (one: unknown): one is readonly [string, number] => Array.isArray(one) && typeof one[0] === 'string' && typeof one[1] === 'number' && one[1] > 0;
    return Array.isArray(read) ? read.filter(isPlace) : [];
  } catch {
    return [];
  }
}
