import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { HealthHistory, Metric } from './history';

const HEIGHT = 148;
/** Redrawn at least this often, so that a hole grows while nothing comes. */
const BEAT_MS = 1_000;
/** The nearest sample further from the cursor than this, in seconds, is not meant by it. */
const NEAR_S = 3;

export interface Line {
  metric: Metric;
  label: string;
  /** A custom property of the page that names its colour. */
  colour: `--${string}`;
}

export interface ChartText {
  /** A value as people read it, with its unit. */
  value(value: number): string;
  /** A value on the axis: short. */
  tick(value: number): string;
  /** A moment on the axis, and one under the cursor. */
  minute(at: Date): string;
  second(at: Date): string;
  /** What stands where there is no value. */
  none: string;
  /** The chart in a sentence, for who does not see it. */
  summary(line: string, now: string | null, min: string, max: string): string;
  empty: string;
}

export interface ChartOptions {
  history: HealthHistory;
  lines: readonly Line[];
  /** Seconds shown. */
  window: number;
  /** Lower and upper end of the axis for the least and the most that is shown. */
  axis(min: number, max: number): [number, number];
  text: ChartText;
  /** Charts with the same key share their cursor. */
  shared: string;
}

/** Where a chart writes: made by the component once, written without React. */
export interface ChartPlaces {
  /** The canvas goes in here; it takes the keyboard too. */
  stage: HTMLElement;
  /** One for each line, in their order. */
  values: readonly HTMLElement[];
  at: HTMLElement;
  summary: HTMLElement;
}

/** One chart over a history: draws itself at each sample, on new sizes and themes, until it is destroyed. */
export class ChartView {
  readonly #options: ChartOptions;
  readonly #places: ChartPlaces;
  readonly #plot: uPlot;
  readonly #ends: (() => void)[] = [];
  #colours: ReadonlyMap<string, string> = new Map();
  /** The second that the keyboard has chosen. */
  #chosen: number | null = null;
  #stale = false;
  #frame = 0;
  #drawnAt = 0;

  constructor(options: ChartOptions, places: ChartPlaces) {
    this.#options = options;
    this.#places = places;
    this.#readColours();
    this.#plot = new uPlot(this.#settings(), this.#data(), places.stage);
    this.#watch();
    this.#draw();
  }

  destroy(): void {
    cancelAnimationFrame(this.#frame);
    for (const end of this.#ends) end();
    this.#plot.destroy();
  }

  #settings(): uPlot.Options {
    const { lines, text, axis, shared } = this.#options;
    const colour = (name: string) => () => this.#colours.get(name) ?? 'gray';
    const line = { stroke: colour('--chart-grid'), width: 1 };
    const font = `11px ${getComputedStyle(this.#places.stage).fontFamily}`;
    return {
      width: Math.max(120, this.#places.stage.clientWidth), height: HEIGHT,
      padding: [8, 8, 0, 0],
      legend: { show: false },
      cursor: {
        y: false, drag: { x: false, y: false }, sync: { key: shared, setSeries: false }, points: { size: 7 },
        // In a hole there is nothing to point at.
        dataIdx: (plot, _, closest, x) => (Math.abs((plot.data[0][closest] ?? Infinity) - x) <= NEAR_S ? closest : null),
      },
      scales: {
        x: { time: true, range: () => this.#window() },
        y: { range: (_, min, max) => axis(min ?? 0, max ?? 0) },
      },
      axes: [
        {
          stroke: colour('--chart-label'), grid: line, ticks: { show: false }, font, size: 24, gap: 6, space: 64,
          incrs: [10, 30, 60, 120, 300, 600], values: (_, splits) => splits.map((at) => text.minute(new Date(at * 1000))),
        },
        { stroke: colour('--chart-label'), grid: line, ticks: { show: false }, font, size: 56, gap: 6, space: 32, values: (_, splits) => splits.map(text.tick) },
      ],
      series: [
        {},
        ...lines.map(({ colour: name, label }, index) => ({
          label, stroke: colour(name), width: 1.6, spanGaps: false, points: { show: false },
          ...(index === 0 ? { fill: colour(`${name}-soft`) } : {}),
        })),
      ],
      hooks: { setCursor: [() => this.#say()] },
    };
  }

  #watch(): void {
    const { stage } = this.#places;
    const { history } = this.#options;
    this.#ends.push(history.listen(() => this.#ask()));
    const beat = setInterval(() => { if (performance.now() - this.#drawnAt >= BEAT_MS - 50) this.#ask(); }, BEAT_MS);
    this.#ends.push(() => clearInterval(beat));

    const sizes = new ResizeObserver(() => {
      const width = Math.floor(stage.clientWidth);
      if (width > 0 && width !== this.#plot.width) this.#plot.setSize({ width, height: HEIGHT });
    });
    sizes.observe(stage);
    this.#ends.push(() => sizes.disconnect());

    const rethemed = () => { this.#readColours(); this.#plot.redraw(false); };
    const scheme = matchMedia('(prefers-color-scheme: light)');
    scheme.addEventListener('change', rethemed);
    const chosen = new MutationObserver(rethemed);
    chosen.observe(document.documentElement, { attributes: true, attributeFilter: ['data-scheme'] });
    this.#ends.push(() => { scheme.removeEventListener('change', rethemed); chosen.disconnect(); });

    const seen = () => { if (!document.hidden && this.#stale) this.#ask(); };
    document.addEventListener('visibilitychange', seen);
    this.#ends.push(() => document.removeEventListener('visibilitychange', seen));

    const key = (event: KeyboardEvent) => this.#onKey(event);
    const leave = () => { if (this.#chosen !== null) this.#point(null); };
    stage.addEventListener('keydown', key);
    stage.addEventListener('blur', leave);
    this.#ends.push(() => { stage.removeEventListener('keydown', key); stage.removeEventListener('blur', leave); });
  }

  /** Draws with the next picture of the screen, once for all that asked; a hidden page waits until it is seen. */
  #ask(): void {
    this.#stale = true;
    if (document.hidden || this.#frame !== 0) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.#draw();
    });
  }

  #draw(): void {
    this.#stale = false;
    this.#drawnAt = performance.now();
    const [min, max] = this.#window();
    this.#plot.batch(() => {
      this.#plot.setData(this.#data(), false);
      this.#plot.setScale('x', { min, max });
    });
    this.#keepCursor();
    this.#say();
    this.#sum();
  }

  #window(): [number, number] {
    const now = this.#options.history.now();
    return [now - this.#options.window, now];
  }

  #data(): uPlot.AlignedData {
    const { columns } = this.#options.history;
    return [columns.times as number[], ...this.#options.lines.map(({ metric }) => columns[metric] as (number | null)[])];
  }

  /** The values under the cursor, or the newest. */
  #say(): void {
    const { history, lines, text, window } = this.#options;
    const row = this.#rowUnderCursor();
    const { columns } = history;
    const time = row === null ? undefined : columns.times[row];
    set(this.#places.at, time === undefined ? '' : text.second(new Date(time * 1000)));
    lines.forEach(({ metric }, index) => {
      const place = this.#places.values[index];
      const value = row === null ? history.range(metric, window)?.now : columns[metric][row];
      if (place !== undefined) set(place, value == null ? text.none : text.value(value));
    });
  }

  #rowUnderCursor(): number | null {
    const { left, idx } = this.#plot?.cursor ?? {};
    return left == null || left < 0 || idx == null ? null : idx;
  }

  /** The cursor of the keyboard goes with its second; the pointer's stays where the pointer is, over other seconds. */
  #keepCursor(): void {
    if (this.#chosen !== null) return this.#point(this.#chosen);
    const { left, top } = this.#plot.cursor;
    if (left != null && left >= 0) this.#plot.setCursor({ left, top: top ?? 0 });
  }

  /** Puts the cursor on a second here and in the charts that share it; null takes it away. */
  #point(time: number | null): void {
    this.#chosen = time;
    const at = time === null ? { left: -10, top: -10 } : { left: this.#plot.valToPos(time, 'x'), top: 0 };
    // The third argument, which its types leave out, tells the charts that share the cursor.
    (this.#plot.setCursor as (at: { left: number; top: number }, fire: boolean, share: boolean) => void)(at, true, true);
  }

  #sum(): void {
    const { history, lines, text, window } = this.#options;
    const sentences = lines.flatMap(({ metric, label }) => {
      const range = history.range(metric, window);
      return range === null ? [] : [text.summary(label, range.now === null ? null : text.value(range.now), text.value(range.min), text.value(range.max))];
    });
    set(this.#places.summary, sentences.length === 0 ? text.empty : sentences.join(' '));
  }

  /** Arrows read the samples one by one, Home and End the ends, Escape goes back to the newest. */
  #onKey(event: KeyboardEvent): void {
    const { times } = this.#options.history.columns;
    const last = times.length - 1;
    if (last < 0) return;
    const [from] = this.#window();
    const first = times.findIndex((time) => time >= from);
    const row = this.#rowUnderCursor() ?? last;
    const target = { ArrowLeft: row - 1, ArrowRight: row + 1, PageUp: row - 60, PageDown: row + 60, Home: first, End: last }[event.key];
    if (event.key === 'Escape') return this.#point(null);
    if (target === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const chosen = Math.max(first, Math.min(last, target));
    this.#point(times[chosen] as number);
    const { stage, at, values } = this.#places;
    stage.setAttribute('aria-valuenow', String(chosen - first));
    stage.setAttribute('aria-valuemax', String(last - first));
    stage.setAttribute('aria-valuetext', `${at.textContent}: ${values.map(({ textContent }) => textContent).join(', ')}`);
  }

  /** A canvas knows no custom properties: what each is here and now is read off an element that wears it. */
  #readColours(): void {
    const names = ['--chart-grid', '--chart-label', ...this.#options.lines.flatMap(({ colour }) => [colour, `${colour}-soft`])];
    const wearer = document.createElement('span');
    this.#places.stage.append(wearer);
    this.#colours = new Map(names.map((name) => {
      wearer.style.color = `var(${name})`;
      return [name, getComputedStyle(wearer).color];
    }));
    wearer.remove();
  }
}

/** Touches the page only when the words change. */
function set(element: HTMLElement, words: string): void {
  if (element.textContent !== words) element.textContent = words;
}
