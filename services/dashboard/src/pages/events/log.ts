import { useEffect, useRef, useState, useSyncExternalStore } from 'react';
import { LogEndDocument, LogPageDocument, LogTailDocument, type LoggedEventFragment } from '../../api/generated';
import type { Api } from '../../api/api';
import type { Fault } from '../../api/faults';
import { useApi } from '../../api/react';
import { wait } from '../../player/wait';
import { Backoff } from '../../player/backoff';
import { EventTail, matches, type Filter, type TailState } from './tail';

export type LoggedEvent = LoggedEventFragment;

const PAGE = 50;
/** Live events are put on the page together, at most so often: a burst costs one rendering. */
const GATHER_MS = 150;

export interface LogView {
  readonly tail: TailState<LoggedEvent>;
  /** `reading`: the first page is on its way. `waiting`: the live tail is not there (yet). */
  readonly phase: 'reading' | 'waiting' | 'live';
  /** Why the page could not be read. */
  readonly fault: Fault | null;
  readonly readingOlder: boolean;
  readonly pause: () => void;
  readonly resume: () => void;
  readonly older: () => void;
  readonly again: () => void;
}

/** The log through a filter: its newest page, what comes live after it, and older pages as they are asked for. */
export function useLog(filter: Filter): LogView {
  const api = useApi();
  const [tail] = useState(() => new EventTail<LoggedEvent>());
  const state = useSyncExternalStore(tail.listen, tail.state);
  const [phase, setPhase] = useState<LogView['phase']>('reading');
  const [fault, setFault] = useState<Fault | null>(null);
  /** Of which an older page is on its way. */
  const [readingOlder, setReadingOlder] = useState<string | null>(null);
  const [round, setRound] = useState(0);
  const { type, aggregateId, channelId } = filter;
  /** Another filter, and another beginning, is another one. */
  const key = JSON.stringify([type, aggregateId, channelId, round]);
  const latest = useRef(key);
  useEffect(() => { latest.current = key; });

  useEffect(() => {
    let current = true;
    let stop = () => {};
    const gathered: LoggedEvent[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;
    const show = () => {
      timer = undefined;
      tail.come(gathered.splice(0));
    };
    const follow = async () => {
      setPhase('reading');
      setFault(null);
      // The log's end first: what is written between the two questions then comes twice rather than never, and the tail knows it by its id.
      const end = await api.ask(LogEndDocument, {});
      const page = await pageOf(api, { type, aggregateId, channelId }, null);
      if (!current) return;
      if (end.fault !== null) return setFault(end.fault);
      if (page.fault !== null) return setFault(page.fault);
      const { nodes, pageInfo } = page.data.events;
      tail.start({ events: nodes, hasOlder: pageInfo.hasPreviousPage });
      setPhase('waiting');
      let after = end.data.events.pageInfo.endCursor;
      const waits = new Backoff({ first: 500, most: 10_000, growth: 1.7 });
      while (current) {
        const ended = new Promise<void>((resolve) => {
          stop = api.follow(LogTailDocument, () => ({ after }), {
            sent: () => { if (current) setPhase('live'); },
            lost: () => { if (current) setPhase('waiting'); },
            next: ({ events: event }) => {
              after = event.position;
              waits.reset();
              if (!current || !matches({ type, aggregateId, channelId }, event)) return;
              gathered.push(event);
              timer ??= setTimeout(show, GATHER_MS);
            },
            done: resolve,
          });
        });
        await ended;
        if (!current) return;
        setPhase('waiting');
        await wait(waits.next());
      }
    };
    void follow();
    return () => {
      current = false;
      clearTimeout(timer);
      stop();
    };
  }, [api, tail, type, aggregateId, channelId, round]);

  const older = async () => {
    // Until its first page is there the rows are those of another filter.
    if (readingOlder === key || phase === 'reading') return;
    setReadingOlder(key);
    const page = await pageOf(api, filter, tail.oldest);
    setReadingOlder((now) => (now === key ? null : now));
    if (key !== latest.current) return;
    if (page.fault !== null) return setFault(page.fault);
    tail.older({ events: page.data.events.nodes, hasOlder: page.data.events.pageInfo.hasPreviousPage });
  };
  const again = () => setRound((before) => before + 1);
  return { tail: state, phase, fault, readingOlder: readingOlder === key, pause: () => tail.pause(), resume: () => { if (!tail.resume()) again(); }, older: () => void older(), again };
}

function pageOf(api: Api, { type, aggregateId, channelId }: Filter, before: string | null) {
  const asked = (word: string) => (word === '' ? null : word);
  return api.ask(LogPageDocument, { type: asked(type), aggregateId: asked(aggregateId), channelId: asked(channelId), before, last: PAGE });
}
