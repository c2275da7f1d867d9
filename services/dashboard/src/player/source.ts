/** What a player plays: what is on air at an address, or something recorded. */
export interface Source {
  readonly kind: 'live' | 'recording';
  /** Its multivariant playlist. */
  readonly playlist: string;
}

/** What a channel's viewers see, with the window that they may go back in. */
export function liveSource(playbackId: string): Source {
  return { kind: 'live', playlist: `/live/${encodeURIComponent(playbackId)}/dvr.m3u8` };
}

export function recordingSource(assetId: string): Source {
  return { kind: 'recording', playlist: `/vod/${encodeURIComponent(assetId)}/index.m3u8` };
}
