import { useEffect, useRef } from 'react';
import { useQuery } from 'urql';
import { SessionTimelineDocument, type SessionTimelineQuery } from '../../api/generated';
import { faultIn, useLastKnown } from '../../api/react';
import type { Messages } from '../../messages/en';
import { useSpeech } from '../../messages/react';
import { Icon, type IconName } from '../../ui/icon';
import { Card } from '../../ui/page';
import { FaultNotice, Loading } from '../../ui/states';
import { Moment } from '../../ui/time';
import { timelineWords, warningWords } from './warnings';

type Entry = NonNullable<SessionTimelineQuery['session']>['timeline'][number];

/** A change is in the timeline at once or, where it was seen before it was written down, a moment later. */
const READ_AFTER_MS = [250, 2_000];

const ICONS: Record<string, IconName> = {
  'session.opened': 'play', 'session.processing': 'eye', 'session.live': 'live', 'session.error': 'cloudOff', 'session.feed_opened': 'rotate',
  'session.recovered': 'check', 'session.ended': 'stop', 'health.warning_raised': 'warning', 'health.warning_cleared': 'check',
};
const TONES: Record<string, string> = { 'session.live': 'live', 'session.error': 'bad', 'session.recovered': 'good', 'health.warning_raised': 'warn', 'health.warning_cleared': 'good' };

/** All that happened to a session, the newest first. It is read anew whenever `change` is another. */
export function Timeline({ id, change }: { id: string; change: string }) {
  const { m } = useSpeech();
  const [{ data, error }, read] = useQuery({ query: SessionTimelineDocument, variables: { id }, requestPolicy: 'cache-and-network' });
  const known = useRef(change);
  useEffect(() => {
    if (known.current === change) return undefined;
    known.current = change;
    const timers = READ_AFTER_MS.map((ms) => setTimeout(() => read({ requestPolicy: 'network-only' }), ms));
    return () => timers.forEach(clearTimeout);
  }, [change, read]);
  const fault = faultIn(error);
  const entries = useLastKnown(data?.session?.timeline);
  return (
    <Card title={m.sessionPage.timeline} className="timeline-card">
      {entries === undefined ? (fault === null ? <Loading /> : <FaultNotice fault={fault} title={m.faults.loadTitle} retry={() => read({ requestPolicy: 'network-only' })} />)
        : entries.length === 0 ? <p className="help">{m.sessionPage.timelineEmpty}</p>
        : <ol className="timeline" reversed tabIndex={0} aria-label={m.sessionPage.timeline}>{entries.toReversed().map((entry, index) => <TimelineEntry key={`${entries.length - index} ${entry.at}`} entry={entry} />)}</ol>}
    </Card>
  );
}

function TimelineEntry({ entry }: { entry: Entry }) {
  const { m, f } = useSpeech();
  const title = entry.type === 'health.warning_raised' ? titleOf(entry, m, f) : null;
  return (
    <li className={`timeline-entry ${TONES[entry.type] ?? ''}`}>
      <Icon name={ICONS[entry.type] ?? 'info'} />
      <div>
        {title !== null && <p className="timeline-title">{title}</p>}
        <p>{timelineWords(entry, m, f)}</p>
        <p className="help"><Moment at={entry.at} seconds /> {m.sessionPage.byLabel} {whoOf(entry.actor, m)}</p>
      </div>
    </li>
  );
}

function titleOf({ data, message }: Entry, m: Messages, f: Parameters<typeof timelineWords>[2]): string | null {
  const name = typeof data === 'object' && data !== null ? (data as Record<string, unknown>)['name'] : undefined;
  return typeof name === 'string' ? warningWords({ name, message, data: null }, m, f).title : null;
}

function whoOf({ kind, id, name }: Entry['actor'], m: Messages): string {
  return kind === 'TOKEN' ? m.sessionPage.by.TOKEN(name ?? id) : m.sessionPage.by[kind];
}
