import { useEffect, useId, useRef } from 'react';
import { ChartView, type ChartText, type Line } from './chart-view';
import type { HealthHistory } from './history';
import './charts.css';

interface LiveChartProps {
  history: HealthHistory;
  title: string;
  /** What the figure means, in a sentence. */
  help: string;
  lines: readonly Line[];
  /** Seconds shown. */
  window: number;
  axis(min: number, max: number): [number, number];
  text: ChartText;
  /** How the arrows read the chart, for a screen reader. */
  keys: string;
  shared: string;
}

/**
 * A chart that moves. React makes its places once; each second's point is drawn and written by the view alone. `lines`, `axis` and `text`
 * should be the same objects from one rendering to the next: when they change, the chart is made anew.
 */
export function LiveChart({ history, title, help, lines, window, axis, text, keys, shared }: LiveChartProps) {
  const id = useId();
  const stage = useRef<HTMLDivElement>(null);
  const values = useRef<HTMLDListElement>(null);
  const at = useRef<HTMLSpanElement>(null);
  const summary = useRef<HTMLParagraphElement>(null);
  useEffect(() => {
    if (stage.current === null || values.current === null || at.current === null || summary.current === null) return undefined;
    const view = new ChartView({ history, lines, window, axis, text, shared }, {
      stage: stage.current, values: [...values.current.querySelectorAll('dd')], at: at.current, summary: summary.current,
    });
    return () => view.destroy();
  }, [history, lines, window, axis, text, shared]);
  return (
    <figure className="chart" aria-labelledby={`${id}-title`}>
      <figcaption className="chart-head">
        <h3 id={`${id}-title`} title={help}>{title}</h3>
        <span className="chart-at" ref={at} />
        <dl className="chart-values" ref={values}>
          {lines.map(({ metric, label, colour }, index) => (
            <div key={metric}>
              <dt className={lines.length === 1 ? 'off-screen' : undefined}><ChartKey colour={colour} seen={lines.length > 1} />{label}</dt>
              <dd data-line={index} />
            </div>
          ))}
        </dl>
      </figcaption>
      <div
        className="chart-stage" ref={stage} tabIndex={0} role="slider" aria-roledescription={title} aria-labelledby={`${id}-title`}
        aria-describedby={`${id}-summary ${id}-keys`} aria-valuemin={0} aria-valuemax={0} aria-valuenow={0} aria-orientation="horizontal"
      />
      <p className="off-screen" id={`${id}-summary`} ref={summary} />
      <p className="off-screen" id={`${id}-keys`}>{help} {keys}</p>
    </figure>
  );
}

function ChartKey({ colour, seen }: { colour: string; seen: boolean }) {
  return seen ? <span className="chart-key" data-colour={colour} aria-hidden="true" /> : null;
}
