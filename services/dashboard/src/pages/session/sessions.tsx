import { useState } from 'react';
import { Link } from 'wouter';
import { AnySessionChangesDocument, SessionListDocument, type SessionListQuery, type SessionState } from '../../api/generated';
import { useMay } from '../../api/react';
import { useRows } from '../../api/use-rows';
import { useSpeech } from '../../messages/react';
import { SessionBadge } from '../../ui/badge';
import { Button } from '../../ui/button';
import { Segments } from '../../ui/fields';
import { Card, Page } from '../../ui/page';
import { EmptyState, FaultNotice, Loading } from '../../ui/states';
import { Clock, Moment } from '../../ui/time';
import '../../ui/table.css';

type Row = SessionListQuery['sessions']['nodes'][number];
const STATES = ['LIVE', 'PROCESSING', 'ERROR', 'ENDED'] as const satisfies readonly SessionState[];
type Wanted = (typeof STATES)[number] | 'ALL';

/** The sessions of all channels, newest first. */
export default function Sessions() {
  const { m } = useSpeech();
  const may = useMay('sessions:read');
  return <Page title={m.sessionPage.list} scope="sessions:read">{may && <SessionTable />}</Page>;
}

function SessionTable() {
  const { m } = useSpeech();
  const [wanted, setWanted] = useState<Wanted>('ALL');
  const { rows, more, loading, fault, again } = useSessions(wanted);
  return (
    <>
      <div className="state-filter"><Segments label={m.session.state} value={wanted} onChange={setWanted} choices={[{ value: 'ALL', label: m.channels.anyState }, ...STATES.map((value) => ({ value, label: m.sessionState[value] }))]} /></div>
      {fault !== null && <FaultNotice fault={fault} title={m.faults.loadTitle} retry={again} />}
      {rows === null ? fault === null && <Loading /> : rows.length === 0 ? <EmptyState icon="clock" title={m.sessionPage.listEmpty} /> : (
        <Card>
          <div className="table-scroll">
            <table className="table as-cards">
              <thead>
                <tr>
                  <th scope="col">{m.sessionPage.channel}</th><th scope="col">{m.session.state}</th><th scope="col">{m.session.startedAt}</th><th scope="col">{m.session.duration}</th><th scope="col">{m.session.reason}</th>
                </tr>
              </thead>
              <tbody>{rows.map((row) => <SessionLine key={row.id} row={row} />)}</tbody>
            </table>
          </div>
          {more !== null && <div className="table-foot"><Button isPending={loading} onPress={more}>{m.common.more}</Button></div>}
        </Card>
      )}
    </>
  );
}

function SessionLine({ row: { id, state, startedAt, endedAt, endReason, channel } }: { row: Row }) {
  const { m } = useSpeech();
  return (
    <tr>
      <th scope="row"><Link href={`/sessions/${id}`}>{channel?.name ?? m.sessionPage.ofDeleted}</Link></th>
      <td data-label={m.session.state}><SessionBadge state={state} /></td>
      <td data-label={m.session.startedAt}><Moment at={startedAt} /></td>
      <td data-label={m.session.duration}><Clock since={startedAt} until={endedAt} /></td>
      <td data-label={m.session.reason}><span>{endReason === null ? '–' : m.endReason[endReason]}</span></td>
    </tr>
  );
}

function useSessions(wanted: Wanted) {
  return useRows({
    list: SessionListDocument,
    variables: (paging) => ({ state: wanted === 'ALL' ? null : wanted, ...paging }),
    key: wanted,
    rowsIn: ({ sessions }) => sessions,
    changes: AnySessionChangesDocument,
    changesOf: {},
  });
}
