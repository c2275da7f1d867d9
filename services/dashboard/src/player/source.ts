/** What a player plays: what is on air at an address, or something recorded. */
export interface Source {
  readonly kind: 'live' | 'recording';
  /** Its multivariant playlist; of what is on air the one with all that can be rewound to. */
  readonly playlist: string;
  /** What is on air with the newest alone: who watches live begins with it, as a day of rewind takes its time to be read. */
  readonly newest?: string;
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
  return { kind: 'live', playlist: `${folder}/dvr.m3u8`, newest: `${folder}/index.m3u8`, storyboard: `${folder}/storyboard.vtt` };
}

export function recordingSource(assetId: string): Source {
  const folder = `/vod/${encodeURIComponent(assetId)}`;
  return { kind: 'recording', playlist: `${folder}/index.m3u8`, storyboard: `${folder}/storyboard.vtt`, chapters: `${folder}/chapters.vtt`, poster: `${folder}/thumbnail.jpg?width=1280` };
}
