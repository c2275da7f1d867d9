import { useEffect, useRef, type RefObject } from 'react';
import { useSpeech } from '../messages/react';
import { liveSource, recordingSource, type Source } from './source';
import type { Viewer } from './viewer';
import '../styles/player.css';

/** What is played: what viewers of a channel see, a session on air before it is public, or a recording. */
export type PlayerSource =
  | { readonly kind: 'live'; readonly playbackId: string }
  | { readonly kind: 'preview'; readonly url: string }
  | { readonly kind: 'recording'; readonly assetId: string };

function sourceOf(source: PlayerSource): Source {
  switch (source.kind) {
    case 'live': return liveSource(source.playbackId);
    // The address as the page sees it: the cookie goes to our own origin only.
    case 'preview': return { kind: 'live', playlist: new URL(source.url, location.href).pathname };
    case 'recording': return recordingSource(source.assetId);
  }
}

/** What a page may do with a recording that it shows. */
export type Viewing = Pick<Viewer, 'frameTime' | 'step' | 'seekTo'>;

interface PlayerProps {
  readonly source: PlayerSource;
  readonly onBehind?: (words: string) => void;
  /** The one who looks, once the player is there. */
  readonly viewing?: RefObject<Viewing | null>;
  readonly className?: string;
}

/** The player of the watch page inside the dashboard. Its code comes when it is first shown. Shortcuts hold while the focus is in it. */
export function Player({ source, onBehind, viewing, className }: PlayerProps) {
  const { m } = useSpeech();
  const root = useRef<HTMLDivElement>(null);
  const behind = useRef(onBehind);
  useEffect(() => { behind.current = onBehind; });
  const made = sourceOf(source);
  const wanted = useRef(made);
  useEffect(() => { wanted.current = made; });
  useEffect(() => {
    let destroy = () => {};
    let shown = true;
    void import('./player').then(({ mountPlayer }) => {
      if (!shown || root.current === null) return;
      const mounted = mountPlayer(root.current, wanted.current, { words: m.player, keys: 'focused', on: { behind: (words) => behind.current?.(words) } });
      if (viewing !== undefined) viewing.current = mounted.viewer;
      destroy = () => {
        if (viewing !== undefined) viewing.current = null;
        mounted.destroy();
      };
    });
    return () => {
      shown = false;
      destroy();
    };
  }, [viewing, made.kind, made.playlist, m]);
  return <div ref={root} className={className === undefined ? 'stage' : `stage ${className}`} />;
}
