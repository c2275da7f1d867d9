/** What the browser keeps for this page between visits. Where it keeps nothing, choices hold until the page is closed. */
type Name = 'sigma.language' | 'sigma.scheme' | 'sigma.push-with';

export function remembered(name: Name): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

export function remember(name: Name, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(name);
    else localStorage.setItem(name, value);
  } catch {
    // Refused by the browser: nothing to be done about it.
  }
}
