import { Link } from 'wouter';
import { ChannelSessionsDocument, type ChannelSessionsQuery } from '../../api/generated';
import { usePages, type Rows } from '../../api/use-rows';
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
  const { rows, loading, fault, more, again } = useSessions(channelId, version);
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
      {more !== null && <div className="channel-more"><Button isPending={loading} onPress={more}>{m.common.more}</Button></div>}
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

function useSessions(id: string, version: string): Rows<Row> {
  return usePages({
    list: ChannelSessionsDocument,
    variables: (paging) => ({ id, ...paging }),
    page: PAGE,
    key: `${id} ${version}`,
    rowsIn: (data) => data.channel?.sessions,
  });
}
