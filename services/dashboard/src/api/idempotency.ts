/** A name for one wish, so that asking again after a lost answer does nothing twice. `crypto.randomUUID` wants HTTPS; this does not. */
export function freshKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(18));
  return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_');
}
