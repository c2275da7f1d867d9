import { useEffect, useRef } from 'react';
import { useSpeech } from '../messages/react';
import { liveSource, recordingSource, type Source } from './source';
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

/** The player of the watch page inside the dashboard. Its code comes when it is first shown. Shortcuts hold while the focus is in it. */
export function Player({ source, onBehind, className }: { source: PlayerSource; onBehind?: (words: string) => void; className?: string }) {
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
      destroy = mountPlayer(root.current, wanted.current, { words: m.player, keys: 'focused', on: { behind: (words) => behind.current?.(words) } });
    });
    return () => {
      shown = false;
      destroy();
    };
  }, [made.kind, made.playlist, m]);
  return <div ref={root} className={className === undefined ? 'stage' : `stage ${className}`} />;
}
