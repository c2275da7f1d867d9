import { useCallback, useEffect, useRef, useState } from 'react';
import { Link } from 'wouter';
import { ChannelSessionsDocument, type ChannelSessionsQuery } from '../../api/generated';
import type { Fault } from '../../api/faults';
import { useApi, useRefresh } from '../../api/react';
import { useSpeech } from '../../messages/react';
import { SessionBadge } from '../../ui/badge';
import { Button } from '../../ui/button';
import { Card } from '../../ui/page';
import { EmptyState, FaultNotice, Loading, Skeleton } from '../../ui/states';
import { Clock, Moment } from '../../ui/time';

type Row = NonNullable<ChannelSessionsQuery['channel']>['sessions']['nodes'][number];

const PAGE = 20;

/** The channel's sessions, newest first. `version` is another whenever one has begun, changed or ended. */
export function SessionHistory({ channelId, version }: { channelId: string; version: string }) {
  const { m } = useSpeech();
  const { rows, next, loading, fault, more, again } = useSessions(channelId, version);
  return (
    <Card title={m.session.history} className="history">
      {rows === null ? (fault === null && <Loading><Skeleton lines={4} /></Loading>) : rows.length === 0 ? <EmptyState level={3} icon="clock" title={m.session.historyEmpty} /> : (
        <div className="table-scroll">
          <table className="table sessions-table">
            <thead>
              <tr><th scope="col">{m.session.startedAt}</th><th scope="col">{m.session.state}</th><th scope="col">{m.session.duration}</th><th scope="col">{m.session.picture}</th><th scope="col">{m.session.reason}</th></tr>
            </thead>
            <tbody>{rows.map((row) => <SessionRow key={row.id} row={row} />)}</tbody>
          </table>
        </div>
      )}
      {fault !== null && <FaultNotice fault={fault} title={m.faults.loadTitle} retry={again} />}
      {next !== null && <div className="channel-more"><Button isPending={loading} onPress={more}>{m.common.more}</Button></div>}
    </Card>
  );
}

function SessionRow({ row }: { row: Row }) {
  const { m } = useSpeech();
  const { input } = row;
  return (
    <tr>
      <td><Link href={`/sessions/${encodeURIComponent(row.id)}`}><Moment at={row.startedAt} /></Link></td>
      <td><SessionBadge state={row.state} /></td>
      <td><Clock since={row.startedAt} until={row.endedAt} /></td>
      <td>{input?.height == null ? '–' : `${input.width}×${input.height}`}{input?.videoCodec == null ? '' : ` ${input.videoCodec}`}</td>
      <td className={row.endReason === null ? 'nothing-known' : undefined}>{row.endReason === null ? '–' : m.endReason[row.endReason]}</td>
    </tr>
  );
}

function useSessions(channelId: string, version: string) {
  const api = useApi();
  const [rows, setRows] = useState<readonly Row[] | null>(null);
  const [next, setNext] = useState<string | null>(null);
  const [loading, setLoading] = useState(false);
  const [fault, setFault] = useState<Fault | null>(null);
  const round = useRef(0);
  const shown = useRef(0);
  useEffect(() => { shown.current = rows?.length ?? 0; }, [rows]);

  const read = useCallback(async (first: number, after: string | null) => {
    const mine = (round.current += 1);
    setLoading(true);
    const { data, fault } = await api.ask(ChannelSessionsDocument, { id: channelId, first, after });
    if (mine !== round.current) return;
    setLoading(false);
    setFault(fault);
    const page = data?.channel?.sessions;
    if (page === undefined) return;
    setRows((before) => (after === null || before === null ? page.nodes : [...before, ...page.nodes]));
    setNext(page.pageInfo.hasNextPage ? page.pageInfo.endCursor : null);
  }, [api, channelId]);

  const again = useCallback(() => void read(Math.min(100, Math.max(PAGE, shown.current)), null), [read]);
  useEffect(again, [again, version]);
  useRefresh(again);
  const more = useCallback(() => { if (!loading && next !== null) void read(PAGE, next); }, [loading, next, read]);
  return { rows, next, loading, fault, more, again };
}
