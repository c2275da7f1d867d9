import { secondsOf } from '../../player/lengths';
import type { RangeDraft } from './ranges';

/** Where the pieces lie in the whole. It says nothing that the fields do not. */
export function CutStrip({ ranges, chosen, whole }: { ranges: readonly RangeDraft[]; chosen: number; whole: number }) {
  const share = (seconds: number) => (whole > 0 ? 100 * Math.max(0, Math.min(1, seconds / whole)) : 0);
  return (
    <div className="cut-strip" aria-hidden="true">
      {ranges.map((range, place) => {
        const [from, to] = [secondsOf(range.from), secondsOf(range.to)];
        if (from === null || to === null || to <= from) return null;
        return <span key={range.key} className={range.key === chosen ? 'cut-piece chosen' : 'cut-piece'} style={{ left: `${share(from)}%`, width: `${share(to) - share(from)}%` }}>{ranges.length > 1 && <span>{place + 1}</span>}</span>;
      })}
    </div>
  );
}
