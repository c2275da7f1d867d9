import { useEffect, useState } from 'react';
import { PlatformDocument, type PlatformQuery } from '../../api/generated';
import type { Fault } from '../../api/faults';
import { useApi, useRefresh } from '../../api/react';
import { useSpeech } from '../../messages/react';
import { Badge, type Tone } from '../../ui/badge';
import { SearchField } from '../../ui/fields';
import { Icon } from '../../ui/icon';
import { Card, Facts, Page } from '../../ui/page';
import { EmptyState, FaultNotice, Loading, Notice } from '../../ui/states';
import { Clock, Moment } from '../../ui/time';
import { Nodes } from './nodes';
import { Projections } from './projections';
import './system.css';

type Health = PlatformQuery['health'];
type Status = Health['status'];

const TONES: Record<Status, Tone> = { READY: 'good', DEGRADED: 'warn', NOT_READY: 'bad' };
const LOOK_EVERY_MS = 3_000;
/** A rebuild moves: it is looked at more often. */
const LOOK_OFTEN_MS = 1_000;

/** The state of the platform, for who runs it. */
export default function System() {
  const { m } = useSpeech();
  return <Page title={m.system.title} scope="health:read"><SystemView /></Page>;
}

/** The platform's state, looked at again and again while the page is seen. The last answer stays when there is no new one. */
function usePlatform() {
  const api = useApi();
  const [health, setHealth] = useState<Health | null>(null);
  const [readAt, setReadAt] = useState(0);
  const [fault, setFault] = useState<Fault | null>(null);
  const [round, setRound] = useState(0);
  const again = () => setRound((before) => before + 1);
  useRefresh(again);
  const busy = health?.projections.some(({ state, rebuildProgress }) => rebuildProgress !== null || state === 'BUILDING') === true;
  useEffect(() => {
    let current = true;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = async () => {
      if (document.visibilityState === 'visible') {
        const answer = await api.ask(PlatformDocument, {});
        if (!current) return;
        setFault(answer.fault);
        if (answer.data !== null) {
          setHealth(answer.data.health);
          setReadAt(Date.now());
        }
      }
      timer = setTimeout(() => void look(), busy ? LOOK_OFTEN_MS : LOOK_EVERY_MS);
    };
    const seen = () => {
      if (document.visibilityState !== 'visible') return;
      clearTimeout(timer);
      void look();
    };
    void look();
    document.addEventListener('visibilitychange', seen);
    return () => {
      current = false;
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', seen);
    };
  }, [api, round, busy]);
  return { health, readAt, fault, again };
}

function SystemView() {
  const { m, f } = useSpeech();
  const t = m.system;
  const { health, readAt, fault, again } = usePlatform();
  if (health === null) {
    if (fault === null) return <Loading />;
    if (fault.reason === 'DEFAULT_PROJECT_ONLY') return <EmptyState icon="system" title={m.faults.noScopeTitle}>{t.needsDefault}</EmptyState>;
    return <FaultNotice fault={fault} title={m.faults.loadTitle} retry={again} />;
  }
  return (
    <>
      {fault !== null && (fault.code === 'OFFLINE' ? <Notice warned icon="cloudOff"><p>{t.stale(f.time(readAt))}</p></Notice> : <FaultNotice fault={fault} />)}
      <div className="system-columns">
        <Card title={t.components} actions={<StatusBadge status={health.status} />}>
          <p className="help" role="status">{t.statusText[health.status]}</p>
          <ul className="components">
            {health.components.map(({ name, status, message }) => (
              <li key={name} className={`component ${TONES[status]}`}>
                <Icon name={status === 'READY' ? 'check' : 'warning'} />
                <div>
                  <p className="component-name">{t.componentNames[name] ?? name}</p>
                  {(status !== 'READY' || message !== null) && <p className="help">{message ?? t.status[status]}</p>}
                </div>
                <StatusBadge status={status} />
              </li>
            ))}
          </ul>
        </Card>
        <Card title={t.build}>
          <Facts facts={[
            [t.buildVersion, <span className="mono">{health.version}</span>],
            [t.startedAt, <Moment at={health.startedAt} seconds />],
            [t.uptime, <Clock since={health.startedAt} />],
            ['GraphQL', <a href="/graphql">{t.explorer}</a>],
          ]} />
        </Card>
      </div>
      <Nodes nodes={health.nodes} />
      <Projections projections={health.projections} changed={again} />
      <Settings settings={health.settings} />
    </>
  );
}

function StatusBadge({ status }: { status: Status }) {
  const { m } = useSpeech();
  return <Badge tone={TONES[status]} dot>{m.system.status[status]}</Badge>;
}

function Settings({ settings }: { settings: Health['settings'] }) {
  const { m } = useSpeech();
  const t = m.system;
  const [typed, setTyped] = useState('');
  const word = typed.trim().toLowerCase();
  const shown = settings.filter(({ name, value }) => name.toLowerCase().includes(word) || value.toLowerCase().includes(word));
  return (
    <Card title={t.settings} actions={<SearchField label={t.settingsSearch} value={typed} onChange={setTyped} />}>
      <p className="help settings-help">{t.settingsHelp}</p>
      {shown.length === 0 ? <p className="help">{t.settingsNone}</p> : (
        <div className="table-scroll">
          <table className="table as-cards settings">
            <thead><tr><th scope="col">{t.setting}</th><th scope="col">{t.value}</th><th scope="col">{t.source}</th></tr></thead>
            <tbody>
              {shown.map(({ name, value, source }) => (
                <tr key={name}>
                  <th scope="row" className="mono">{name}</th>
                  <td data-label={t.value}><span className="mono">{value}</span></td>
                  <td data-label={t.source}><span className={source === 'default' ? 'help' : 'mono'}>{t.sources[source] ?? source}</span></td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Card>
  );
}
