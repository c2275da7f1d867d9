import { useEffect, useState } from 'react';
import type { AssetFactsFragment } from '../../api/generated';
import { Icon } from '../../ui/icon';

/** Of what is on air a newer picture is shown so often. */
const RENEW_MS = 20_000;
/** A look shorter than this moves nothing. */
const LOOK_MS = 200;
const WIDTH = 320;

interface Shown {
  readonly asset: Pick<AssetFactsFragment, 'state' | 'thumbnailUrl' | 'previewUrl'>;
  /** Somebody looks at it: it shows what happens in it, where there is a picture that moves. */
  readonly moves: boolean;
}

/** The picture of a recording; a quiet place where there is none. */
export function AssetPicture({ asset: { state, thumbnailUrl, previewUrl }, moves }: Shown) {
  const round = useRound(state === 'STARTED');
  const [looked, setLooked] = useState(false);
  useEffect(() => {
    if (!moves) return setLooked(false);
    const timer = setTimeout(() => setLooked(true), LOOK_MS);
    return () => clearTimeout(timer);
  }, [moves]);
  return (
    <span className="asset-picture">
      <Icon name={state === 'FAILED' ? 'warning' : 'recordings'} />
      {thumbnailUrl !== null && <Image key={round} src={`${pathIn(thumbnailUrl)}?width=${WIDTH}${round === 0 ? '' : `&round=${round}`}`} />}
      {looked && state === 'READY' && previewUrl !== null && <Image src={pathIn(previewUrl)} className="moving" />}
    </span>
  );
}

/** The address as this page sees it: the cookie goes to our own origin only. */
export function pathIn(url: string): string {
  return new URL(url, location.href).pathname;
}

/** Says nothing: its name stands below. What cannot be had leaves the place behind it. */
function Image({ src, className }: { src: string; className?: string }) {
  const [isThere, setIsThere] = useState(true);
  return isThere ? <img src={src} alt="" loading="lazy" decoding="async" className={className} draggable={false} onError={() => setIsThere(false)} /> : null;
}

/** How often it was renewed. */
function useRound(when: boolean): number {
  const [round, setRound] = useState(0);
  useEffect(() => {
    if (!when) return;
    const timer = setInterval(() => setRound((before) => before + 1), RENEW_MS);
    return () => clearInterval(timer);
  }, [when]);
  return round;
}
