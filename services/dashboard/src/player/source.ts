/** What a player plays: what is on air at an address, or something recorded. */
export interface Source {
  readonly kind: 'live' | 'recording';
  /** Its multivariant playlist. */
  readonly playlist: string;
  /** Where its preview pictures are told, where there are any. */
  readonly storyboard?: string;
  /** Where its chapters are told. */
  readonly chapters?: string;
  /** What is seen of it before it plays. */
  readonly poster?: string;
}

/** What a channel's viewers see, with the window that they may go back in. */
export function liveSource(playbackId: string): Source {
  const folder = `/live/${encodeURIComponent(playbackId)}`;
  return { kind: 'live', playlist: `${folder}/dvr.m3u8`, storyboard: `${folder}/storyboard.vtt` };
}

export function recordingSource(assetId: string): Source {
  const folder = `/vod/${encodeURIComponent(assetId)}`;
  return { kind: 'recording', playlist: `${folder}/index.m3u8`, storyboard: `${folder}/storyboard.vtt`, chapters: `${folder}/chapters.vtt`, poster: `${folder}/thumbnail.jpg?width=1280` };
}
