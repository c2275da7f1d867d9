/** What the viewer should know, said once. */
export type Told =
  /** His place is no longer kept: the picture goes on with the oldest that is. */
  | { readonly what: 'too-old' }
  /** There was no broadcast for so many seconds; the picture went on behind them. */
  | { readonly what: 'skipped'; readonly seconds: number }
  /** A recording goes on where he left it. */
  | { readonly what: 'resumed'; readonly seconds: number };

export interface ViewerEvents {
  changed(): void;
  /** The picture goes, and another place's is to come: it may stand until then. */
  leaves(): void;
  told(told: Told): void;
}
