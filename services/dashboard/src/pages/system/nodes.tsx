import type { PlatformQuery } from '../../api/generated';
import { useSpeech } from '../../messages/react';
import { Badge, type Tone } from '../../ui/badge';
import { Card } from '../../ui/page';
import { Moment } from '../../ui/time';

type Node = PlatformQuery['health']['nodes'][number];

const TONES: Record<Node['state'], Tone> = { UP: 'good', SILENT: 'warn', LOST: 'bad' };

/** The processes that the platform is made of. One that is alone says nothing that the page does not say already. */
export function Nodes({ nodes }: { nodes: readonly Node[] }) {
  const { m, f } = useSpeech();
  const t = m.system;
  if (nodes.length < 2 && nodes.every(({ state }) => state === 'UP')) return null;
  return (
    <Card title={t.nodes}>
      <p className="help nodes-help">{t.nodesHelp}</p>
      <div className="table-scroll">
        <table className="table as-cards nodes">
          <thead>
            <tr><th scope="col">{t.name}</th><th scope="col">{t.state}</th><th scope="col">{t.roles}</th><th scope="col" className="number">{t.onAir}</th><th scope="col">{t.holds}</th><th scope="col">{t.since}</th></tr>
          </thead>
          <tbody>
            {nodes.map(({ id, state, roles, version, url, startedAt, silentSeconds, sessions, leases }) => (
              <tr key={id}>
                <th scope="row"><span className="projection-name">{id}</span> <span className="help">{version}</span><br /><span className="help mono">{url}</span></th>
                <td data-label={t.state}>
                  <Badge tone={TONES[state]} dot>{t.nodeStates[state]}</Badge>
                  {state !== 'UP' && <p className="help">{t.silentFor(silentSeconds)}</p>}
                </td>
                <td data-label={t.roles}><span>{roles.join(', ')}</span></td>
                <td data-label={t.onAir} className="number"><span>{sessions === 0 ? t.lagNone : f.number(sessions)}</span></td>
                <td data-label={t.holds}><span className="mono node-leases">{leases.length === 0 ? '–' : leases.join(', ')}</span></td>
                <td data-label={t.since}><Moment at={startedAt} seconds /></td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Card>
  );
}
