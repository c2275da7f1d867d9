import { useMemo, useState } from 'react';
import type { ChartText, Line } from '../../charts/chart-view';
import { LiveChart } from '../../charts/live-chart';
import type { Messages } from '../../messages/en';
import type { Format } from '../../messages/format';
import { useSpeech } from '../../messages/react';
import { Segments } from '../../ui/fields';
import { Card } from '../../ui/page';
import type { Feed } from './feed';

interface Chart {
  readonly title: string;
  readonly help: string;
  readonly lines: readonly Line[];
  readonly axis: (min: number, max: number) => [number, number];
  readonly text: ChartText;
}

/** From zero, so that a fall looks as large as it is; at least up to `least`. */
const fromZero = (least: number) => (_: number, max: number): [number, number] => [0, Math.max(least, max * 1.15)];
/** Zero stays inside, and a few milliseconds stay small. */
const aroundZero = (least: number) => (min: number, max: number): [number, number] => [Math.min(-least, min * 1.15), Math.max(least, max * 1.15)];

const BITRATE_AXIS = fromZero(500_000);
const RATE_AXIS = fromZero(30);
const KEY_FRAME_AXIS = fromZero(3);
const AV_AXIS = aroundZero(60);
const BEHIND_AXIS = fromZero(500);
const DROPPED_AXIS = fromZero(5);

function chartsOf(m: Messages, f: Format): Chart[] {
  const t = m.sessionPage;
  const minutes = new Intl.DateTimeFormat(f.locale, { hour: '2-digit', minute: '2-digit', hour12: false });
  const text = (value: (value: number) => string, tick: (value: number) => string): ChartText => ({
    value, tick,
    minute: (at) => minutes.format(at), second: (at) => f.time(at.getTime()),
    none: t.chartNone, summary: t.chartSummary, empty: t.chartEmpty,
  });
  const ms = text((value) => `${f.number(value)}\u00a0ms`, (value) => `${f.number(value)} ms`);
  return [
    {
      title: t.bitrateTitle, help: t.bitrateHelp, axis: BITRATE_AXIS,
      lines: [{ metric: 'videoBitrate', label: t.videoLine, colour: '--chart-1' }, { metric: 'audioBitrate', label: t.audioLine, colour: '--chart-2' }],
      text: text((value) => f.bitrate(value), (value) => `${f.number(value / 1_000_000, value % 1_000_000 === 0 ? 0 : 1)} M`),
    },
    {
      title: t.frameRateTitle, help: t.frameRateHelp, axis: RATE_AXIS, lines: [{ metric: 'frameRate', label: t.frameRateTitle, colour: '--chart-1' }],
      text: text((value) => t.aSecond(f.number(value, 1)), (value) => f.number(value)),
    },
    {
      title: t.keyFrameTitle, help: t.keyFrameHelp, axis: KEY_FRAME_AXIS, lines: [{ metric: 'keyFrameInterval', label: t.keyFrameTitle, colour: '--chart-1' }],
      text: text((value) => `${f.number(value, 1)}\u00a0${m.common.seconds}`, (value) => `${f.number(value, value % 1 === 0 ? 0 : 1)} ${m.common.seconds}`),
    },
    { title: t.avTitle, help: t.avHelp, axis: AV_AXIS, lines: [{ metric: 'avOffsetMs', label: t.avTitle, colour: '--chart-1' }], text: ms },
    { title: t.behindTitle, help: t.behindHelp, axis: BEHIND_AXIS, lines: [{ metric: 'behindMs', label: t.behindTitle, colour: '--chart-1' }], text: ms },
    {
      title: t.droppedTitle, help: t.droppedHelp, axis: DROPPED_AXIS, lines: [{ metric: 'droppedFrames', label: t.droppedTitle, colour: '--chart-3' }],
      text: text((value) => t.aSecond(f.number(value)), (value) => f.number(value)),
    },
  ];
}

const WINDOWS = ['1', '5', '15'] as const;

/** The feed, second by second. */
export function FeedCharts({ feed, session }: { feed: Feed; session: string }) {
  const { m, f } = useSpeech();
  const [minutes, setMinutes] = useState<(typeof WINDOWS)[number]>('5');
  const charts = useMemo(() => chartsOf(m, f), [m, f]);
  return (
    <Card
      title={m.sessionPage.charts} className="feed-charts"
      actions={<Segments label={m.sessionPage.window} value={minutes} onChange={setMinutes} choices={WINDOWS.map((value) => ({ value, label: m.sessionPage.minutes(Number(value)) }))} />}
    >
      <div className="charts">
        {charts.map((chart) => (
          <LiveChart key={chart.title} {...chart} history={feed.history} window={Number(minutes) * 60} keys={m.sessionPage.chartKeys} shared={session} />
        ))}
      </div>
    </Card>
  );
}
