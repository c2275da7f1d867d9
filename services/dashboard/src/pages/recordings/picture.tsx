import { useEffect, useState } from 'react';
import type { AssetFactsFragment } from '../../api/generated';
import { Icon } from '../../ui/icon';

/** Of what is on air a newer picture is shown so often. */
const RENEW_MS = 20_000;
/** A look shorter than this moves nothing. */
const LOOK_MS = 200;
/** A picture that was not to be had is asked for again so often, each time after so much longer. */
const AGAIN = 4;
const AGAIN_MS = 3_000;
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

/** Says nothing: its name stands below. What cannot be had leaves the place behind it; a busy server is asked again. */
function Image({ src, className }: { src: string; className?: string }) {
  const [failures, setFailures] = useState(0);
  const [waits, setWaits] = useState(false);
  useEffect(() => {
    if (!waits || failures > AGAIN) return;
    const timer = setTimeout(() => setWaits(false), AGAIN_MS * failures);
    return () => clearTimeout(timer);
  }, [waits, failures]);
  const onError = () => {
    setFailures(failures + 1);
    setWaits(true);
  };
  return waits ? null : <img src={src} alt="" loading="lazy" decoding="async" className={className} draggable={false} onError={onError} />;
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
