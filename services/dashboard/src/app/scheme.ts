import { useCallback, useState } from 'react';
import { remember, remembered } from './memory';

export const SCHEMES = ['system', 'light', 'dark'] as const;
export type Scheme = (typeof SCHEMES)[number];

/** The colour scheme: the system's unless another was chosen. `scheme-first.js` sets it before the first paint. */
export function useScheme(): [Scheme, (scheme: Scheme) => void] {
  const [scheme, setScheme] = useState<Scheme>(() => {
    const kept = remembered('sigma.scheme');
    return kept === 'light' || kept === 'dark' ? kept : 'system';
  });
  const choose = useCallback((wanted: Scheme) => {
    setScheme(wanted);
    remember('sigma.scheme', wanted === 'system' ? null : wanted);
    if (wanted === 'system') delete document.documentElement.dataset['scheme'];
    else document.documentElement.dataset['scheme'] = wanted;
    window.dispatchEvent(new Event('sigma:scheme'));
  }, []);
  return [scheme, choose];
}
