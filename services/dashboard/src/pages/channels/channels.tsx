import { memo, useCallback, useDeferredValue, useEffect, useRef, useState } from 'react';
import { Link, useSearchParams } from 'wouter';
import type { ChannelOrder, ChannelState } from '../../api/generated';
import { useMay } from '../../api/react';
import { useSpeech } from '../../messages/react';
import { ChannelBadge } from '../../ui/badge';
import { Button } from '../../ui/button';
import { SearchField, Segments, Select } from '../../ui/fields';
import { Page } from '../../ui/page';
import { EmptyState, FaultNotice, Skeleton } from '../../ui/states';
import { Ago, Clock } from '../../ui/time';
import { CreateChannel } from './create';
import type { Row, Wish } from './list';
import { Placeholder } from './placeholder';
import { useChannels } from './use-channels';
import './channels.css';

const STATES: readonly (ChannelState | 'ALL')[] = ['ALL', 'ACTIVE', 'IDLE', 'STOP'];
const ORDERS: readonly ChannelOrder[] = ['NEWEST', 'OLDEST', 'NAME'];
/** Typing rests for this long before the platform is asked. */
const TYPING_MS = 220;
/** Rows are read on when the end is this near. */
const AHEAD = '2400px';

export default function Channels() {
  const { m } = useSpeech();
  const mayWrite = useMay('channels:write');
  const [creating, setCreating] = useState(false);
  const create = <Button look="primary" icon="plus" onPress={() => setCreating(true)}>{m.channels.create}</Button>;
  return (
    <Page title={m.channels.title} scope="channels:read" actions={mayWrite && create}>
      <List create={mayWrite ? create : null} />
      <CreateChannel isOpen={creating} onClose={() => setCreating(false)} />
    </Page>
  );
}

function List({ create }: { create: React.ReactNode }) {
  const { m } = useSpeech();
  const { wish, set, clear, isPlain } = useWish();
  const [said, setSaid] = useState('');
  const states = useRef(new Map<string, string>());
  const onChange = useCallback((row: Row) => {
    const state = row.state === 'ACTIVE' && row.currentSession != null ? m.sessionState[row.currentSession.state] : m.channelState[row.state];
    // Only what is new is said; the first word about a row is its making or its first change.
    if (states.current.get(row.id) !== state) setSaid(m.channels.changed(row.name, state));
    states.current.set(row.id, state);
  }, [m]);
  const { list, current, loading, fault, more, again } = useChannels(wish, onChange);
  // Long lists are drawn behind what is typed.
  const shown = useDeferredValue(list);
  const nothing = shown !== null && list?.rows.length === 0 && current && fault === null;
  const nothingYet = nothing && isPlain;

  if (nothingYet) {
    return (
      <EmptyState icon="channels" title={create === null ? m.channels.title : m.channels.emptyTitle} action={create}>
        {create === null ? m.channels.emptyReadOnly : m.channels.empty}
      </EmptyState>
    );
  }
  return (
    <>
      <div className="channel-tools">
        <Search value={wish.search} onChange={(search) => set({ search })} />
        <Segments label={m.channels.state} value={wish.state ?? 'ALL'} onChange={(state) => set({ state: state === 'ALL' ? null : state })}
          choices={STATES.map((value) => ({ value, label: value === 'ALL' ? m.channels.anyState : m.channelState[value] }))} />
        <Select label={m.channels.sort} hideLabel value={wish.order} onChange={(order) => set({ order })}
          choices={ORDERS.map((value) => ({ value, label: m.channels.order[value] }))} />
      </div>
      <p className="channel-count help" role="status">{shown === null ? '\u00a0' : m.channels.count(shown.rows.length, shown.next !== null)}</p>
      <p className="off-screen" role="status">{said}</p>
      {fault !== null && <FaultNotice fault={fault} title={m.faults.loadTitle} retry={again} />}
      {shown === null ? (fault === null && <Waiting />) : nothing ? (
        <EmptyState icon="search" title={m.channels.nothingTitle} action={<Button onPress={clear}>{m.channels.clear}</Button>}>{m.channels.nothing}</EmptyState>
      ) : (
        <ul className="channel-list" aria-label={m.channels.list} aria-busy={!current}>
          {shown.rows.map((row) => <ChannelItem key={row.id} row={row} />)}
        </ul>
      )}
      {shown?.next != null && <More onMore={more} loading={loading} />}
    </>
  );
}

const ChannelItem = memo(function ChannelItem({ row }: { row: Row }) {
  const { m } = useSpeech();
  const session = row.state === 'ACTIVE' ? row.currentSession : null;
  return (
    <li className="channel-item">
      <Link href={`/channels/${encodeURIComponent(row.id)}`} className="channel-link">
        <Placeholder id={row.id} name={row.name} live={session?.state === 'LIVE'} />
        <span className="channel-what">
          <span className="channel-name">{row.name}</span>
          <span className="channel-line help">
            <span className="channel-since">
              {session?.liveAt != null && session.state !== 'ENDED' ? <>{m.channels.liveFor} <Clock since={session.liveAt} /></> : <>{m.channels.made} <Ago at={row.createdAt} /></>}
            </span>
            <span>{m.latencyModeLong[row.latencyMode]}</span>
          </span>
        </span>
        <ChannelBadge state={row.state} session={session?.state} />
      </Link>
    </li>
  );
});

/** As many grey rows as a first look shows. */
function Waiting() {
  const { m } = useSpeech();
  return (
    <div role="status" aria-label={m.common.loading}>
      <ul className="channel-list" aria-hidden="true">
        {Array.from({ length: 8 }, (_, row) => (
          <li key={row} className="channel-item"><span className="channel-link waiting"><Skeleton className="picture" /><Skeleton className="channel-what" lines={2} /></span></li>
        ))}
      </ul>
    </div>
  );
}

function Search({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const { m } = useSpeech();
  const [typed, setTyped] = useState(value);
  const sent = useRef(value);
  useEffect(() => {
    // Changed from elsewhere: cleared, or the browser's back button.
    if (value !== sent.current) setTyped(value);
    sent.current = value;
  }, [value]);
  useEffect(() => {
    if (typed === sent.current) return;
    const timer = setTimeout(() => {
      sent.current = typed.trim();
      onChange(sent.current);
    }, TYPING_MS);
    return () => clearTimeout(timer);
  });
  return <SearchField label={m.channels.search} value={typed} onChange={setTyped} />;
}

/** Reads on when it comes near, and by hand for who moves with the keyboard. */
function More({ onMore, loading }: { onMore: () => void; loading: boolean }) {
  const { m } = useSpeech();
  const end = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (end.current === null || loading) return;
    // A busy page is told of several looks at once: the last one counts.
    const observer = new IntersectionObserver((seen) => { if (seen.at(-1)?.isIntersecting === true) onMore(); }, { rootMargin: AHEAD });
    observer.observe(end.current);
    return () => observer.disconnect();
  }, [onMore, loading]);
  return <div ref={end} className="channel-more"><Button isPending={loading} onPress={onMore}>{m.common.more}</Button></div>;
}

/** The wish stands in the address, so that it outlives a reload and a link can carry it. */
function useWish() {
  const [params, setParams] = useSearchParams();
  const search = params.get('search') ?? '';
  const stateName = params.get('state');
  const orderName = params.get('sort');
  const state = STATES.find((one) => one === stateName && one !== 'ALL') as ChannelState | undefined ?? null;
  const order = ORDERS.find((one) => one === orderName) ?? 'NEWEST';
  const wish: Wish = { search, state, order };
  const set = (change: Partial<Wish>) => {
    const next = { ...wish, ...change };
    setParams({
      ...(next.search === '' ? {} : { search: next.search }),
      ...(next.state === null ? {} : { state: next.state }),
      ...(next.order === 'NEWEST' ? {} : { sort: next.order }),
    }, { replace: true });
  };
  return { wish, set, clear: () => set({ search: '', state: null }), isPlain: search === '' && state === null };
}
