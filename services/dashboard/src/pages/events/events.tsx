import { memo, useState, type FormEvent } from 'react';
import { Disclosure, DisclosurePanel } from 'react-aria-components/Disclosure';
import { Button as AriaButton } from 'react-aria-components/Button';
import { Link } from 'wouter';
import { useSpeech } from '../../messages/react';
import { Badge } from '../../ui/badge';
import { Button } from '../../ui/button';
import { CopyButton } from '../../ui/copy';
import { TextField } from '../../ui/fields';
import { Icon } from '../../ui/icon';
import { Json } from '../../ui/json';
import { Card, Facts, Page } from '../../ui/page';
import { EmptyState, FaultNotice, Loading, Notice } from '../../ui/states';
import { Moment } from '../../ui/time';
import { useLog, type LoggedEvent, type LogView } from './log';
import { KEPT_ROWS, typeAsked, type Filter } from './tail';
import './events.css';

const NO_FILTER: Filter = { type: '', aggregateId: '', channelId: '' };

/** The log of all that happens: a live tail that can be paused, filtered and read backwards. */
export default function Events() {
  const { m } = useSpeech();
  return <Page title={m.events.title} scope="events:read" className="events-page"><Log /></Page>;
}

function Log() {
  const { m, f } = useSpeech();
  const t = m.events;
  const [filter, setFilter] = useState<Filter>(() => fromAddress(location.search));
  const choose = (wanted: Filter) => {
    setFilter(wanted);
    history.replaceState(history.state, '', toAddress(wanted));
  };
  const log = useLog(filter);
  const { rows, hasOlder, detached } = log.tail;
  const filtered = filter !== NO_FILTER && Object.values(filter).some((word) => word !== '');
  return (
    <>
      <FilterBar key={JSON.stringify(filter)} filter={filter} choose={choose} />
      <Card className="log-card">
        <TailBar log={log} />
        {detached && <Notice><p>{t.detached}</p></Notice>}
        {log.fault !== null && <FaultNotice fault={log.fault} title={m.faults.loadTitle} retry={log.again} />}
        {log.phase === 'reading' && log.fault === null ? <Loading />
          : rows.length === 0 ? log.fault === null && <EmptyState icon="events" title={filtered ? t.empty : t.emptyAll} />
          : <ol className="log" aria-label={t.list}>{rows.map((event) => <EventRow key={event.id} event={event} filter={filter} choose={choose} />)}</ol>}
        {rows.length > 0 && (
          <div className="log-foot">
            {hasOlder ? <Button icon="clock" isPending={log.readingOlder} pendingLabel={t.olderBusy} onPress={log.older}>{t.older}</Button> : <p className="help">{t.begin}</p>}
            {rows.length >= KEPT_ROWS && <p className="help">{t.kept(f.number(KEPT_ROWS))}</p>}
          </div>
        )}
      </Card>
    </>
  );
}

/** Whether the tail is live, and the button that holds it. */
function TailBar({ log }: { log: LogView }) {
  const { m } = useSpeech();
  const t = m.events;
  const { paused, held, detached } = log.tail;
  const stopped = paused || detached;
  return (
    <div className="tail-bar">
      <span role="status">
        {stopped ? <Badge tone="warn">{t.paused}</Badge> : log.phase === 'live' ? <Badge tone="good" dot pulse>{t.live}</Badge> : <Badge dot>{t.waiting}</Badge>}
      </span>
      <span className="tail-held figures">{held > 0 ? t.held(held) : ''}</span>
      {stopped ? <Button small look="primary" icon="play" onPress={log.resume}>{detached ? t.toNow : t.resume}</Button> : <Button small icon="pause" onPress={log.pause}>{t.pause}</Button>}
    </div>
  );
}

function FilterBar({ filter, choose }: { filter: Filter; choose: (filter: Filter) => void }) {
  const { m } = useSpeech();
  const t = m.events;
  const [typed, setTyped] = useState(filter);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    choose({ type: typeAsked(typed.type), aggregateId: typed.aggregateId.trim(), channelId: typed.channelId.trim() });
  };
  const isSet = Object.values(filter).some((word) => word !== '');
  // On a phone the fields would push the events out of sight: they are folded away until they are wanted.
  const [unfolded, setUnfolded] = useState(isSet);
  return (
    <form className={unfolded ? 'filter-bar' : 'filter-bar folded'} role="search" aria-label={t.filter} onSubmit={submit}>
      <Button className="filter-unfold" icon="filter" aria-expanded={unfolded} onPress={() => setUnfolded(!unfolded)}>{t.filter}</Button>
      <TextField label={t.type} help={t.typeHelp} mono value={typed.type} onChange={(type) => setTyped({ ...typed, type })} />
      <TextField label={t.aggregate} help={t.aggregateHelp} mono value={typed.aggregateId} onChange={(aggregateId) => setTyped({ ...typed, aggregateId })} />
      <TextField label={t.channel} help={t.channelHelp} mono value={typed.channelId} onChange={(channelId) => setTyped({ ...typed, channelId })} />
      <div className="filter-buttons">
        <Button type="submit" look="primary" icon="filter">{t.apply}</Button>
        {isSet && <Button look="quiet" icon="close" onPress={() => choose(NO_FILTER)}>{t.clear}</Button>}
      </div>
    </form>
  );
}

interface RowProps {
  readonly event: LoggedEvent;
  readonly filter: Filter;
  readonly choose: (filter: Filter) => void;
}

/** One event: a line, and all of it below when it is opened. A row never changes, so that what comes live draws only itself. */
const EventRow = memo(function EventRow({ event, filter, choose }: RowProps) {
  const { m, f } = useSpeech();
  const t = m.events;
  const [open, setOpen] = useState(false);
  const who = event.actor.name ?? (event.actor.kind === 'TOKEN' ? event.actor.id : t.by[event.actor.kind]);
  return (
    <li>
      <Disclosure className="event" isExpanded={open} onExpandedChange={setOpen}>
        <AriaButton slot="trigger" className="event-line">
          <Icon name="chevronRight" />
          <time className="event-at figures" dateTime={event.at} title={f.exact(event.at)}>{f.time(event.at)}</time>
          <span className={`event-type family-${event.aggregateType}`}>{event.type}</span>
          <span className="event-about mono">{event.aggregateId}</span>
          <span className="event-who">{who}</span>
        </AriaButton>
        <DisclosurePanel className="event-more">
          {open && <EventDetails event={event} filter={filter} choose={choose} who={who} />}
        </DisclosurePanel>
      </Disclosure>
    </li>
  );
}, (before, after) => before.event === after.event && before.filter === after.filter);

function EventDetails({ event, filter, choose, who }: RowProps & { who: string }) {
  const { m, f } = useSpeech();
  const t = m.events;
  const { type, aggregateId, channelId } = event;
  return (
    <>
      <Facts facts={[
        [t.at, <Moment at={event.at} seconds />],
        [t.who, who],
        [t.about, <span className="mono">{aggregateId} #{f.number(event.sequence)}</span>],
        channelId === null ? null : [t.channel, <Link href={`/channels/${channelId}`} className="mono">{channelId}</Link>],
      ]} />
      <div className="event-actions">
        <Button small icon="filter" onPress={() => choose({ ...filter, type })}>{t.onlyType(type)}</Button>
        <Button small icon="filter" onPress={() => choose({ ...filter, aggregateId })}>{t.onlyAggregate}</Button>
        {channelId !== null && <Button small icon="filter" onPress={() => choose({ ...filter, channelId })}>{t.onlyChannel}</Button>}
        <CopyButton text={() => Promise.resolve(JSON.stringify(event, null, 2))} what={t.the} label={t.copyJson} />
      </div>
      <Json value={event} label={t.json} />
    </>
  );
}

/** The filter stands in the address, so that it can be passed on. */
function fromAddress(search: string): Filter {
  const words = new URLSearchParams(search);
  return { type: words.get('type') ?? '', aggregateId: words.get('aggregate') ?? '', channelId: words.get('channel') ?? '' };
}

function toAddress({ type, aggregateId, channelId }: Filter): string {
  const words = new URLSearchParams(Object.entries({ type, aggregate: aggregateId, channel: channelId }).filter(([, word]) => word !== ''));
  return words.size === 0 ? location.pathname : `${location.pathname}?${words}`;
}
