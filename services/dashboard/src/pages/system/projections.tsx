import { useState } from 'react';
import { ProgressBar } from 'react-aria-components/ProgressBar';
import { RebuildDocument, RetryDocument, SkipDocument, type ProjectionRowFragment } from '../../api/generated';
import { useAction, useMay } from '../../api/react';
import { useSpeech } from '../../messages/react';
import { Badge, type Tone } from '../../ui/badge';
import { Button } from '../../ui/button';
import { FormDialog } from '../../ui/dialog';
import { Card } from '../../ui/page';
import { FaultNotice, Notice } from '../../ui/states';
import { useToast } from '../../ui/toast';

type Projection = ProjectionRowFragment;
type ParkedLine = Projection['parkedLines'][number];
type Shown = 'LIVE' | 'BEHIND' | 'BUILDING' | 'STALLED' | 'REBUILDING';

const TONES: Record<Shown, Tone> = { LIVE: 'good', BEHIND: 'accent', BUILDING: 'accent', STALLED: 'bad', REBUILDING: 'accent' };
/** A few events on their way are no lag worth a word. */
const BEHIND_FROM = 50;

function shownState({ state, rebuildProgress, lag }: Projection): Shown {
  if (state === 'STALLED' || state === 'BUILDING') return state;
  if (rebuildProgress !== null) return 'REBUILDING';
  return lag !== null && lag >= BEHIND_FROM ? 'BEHIND' : 'LIVE';
}

/** The read models: how far they are, what is parked, and how to mend it. */
export function Projections({ projections, changed }: { projections: readonly Projection[]; changed: () => void }) {
  const { m, f } = useSpeech();
  const t = m.system;
  const mayAdmin = useMay('platform:admin');
  const [rebuilding, setRebuilding] = useState<string | null>(null);
  return (
    <Card title={t.projections}>
      <p className="help projections-help">{t.projectionsHelp}</p>
      <div className="table-scroll">
        <table className="table as-cards projections">
          <thead>
            <tr>
              <th scope="col">{t.name}</th><th scope="col">{t.state}</th><th scope="col" className="number">{t.lag}</th><th scope="col" className="number">{t.generation}</th><th scope="col" className="number">{t.parked}</th>
              {mayAdmin && <th scope="col"><span className="off-screen">{m.channel.actions}</span></th>}
            </tr>
          </thead>
          <tbody>
            {projections.map((projection) => {
              const { name, version, generation, lag, parked, rebuildProgress } = projection;
              const shown = shownState(projection);
              return (
                <tr key={name}>
                  <th scope="row"><span className="projection-name">{name}</span> <span className="help">{t.version(version)}</span></th>
                  <td data-label={t.state}>
                    <Badge tone={TONES[shown]} dot>{t.states[shown]}</Badge>
                    {rebuildProgress !== null && <Progress name={name} share={rebuildProgress} />}
                  </td>
                  <td data-label={t.lag} className="number"><span>{lag === null ? '–' : lag === 0 ? t.lagNone : f.number(lag)}</span></td>
                  <td data-label={t.generation} className="number"><span>{generation === null ? '–' : f.number(generation)}</span></td>
                  <td data-label={t.parked} className="number"><span>{parked === 0 ? t.lagNone : <Badge tone="warn">{f.number(parked)}</Badge>}</span></td>
                  {mayAdmin && <td className="table-act"><Button small icon="rotate" aria-label={t.rebuildNamed(name)} isDisabled={rebuildProgress !== null} onPress={() => setRebuilding(name)}>{t.rebuild}</Button></td>}
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      {projections.filter(({ lastError }) => lastError !== null).map(({ name, lastError }) => (
        <Notice key={name} warned icon="warning"><p className="notice-box-title">{name}: {t.lastError}</p><p>{lastError}</p></Notice>
      ))}
      <ParkedLines projections={projections} changed={changed} />
      <RebuildDialog name={rebuilding} onClose={() => setRebuilding(null)} changed={changed} />
    </Card>
  );
}

function Progress({ name, share }: { name: string; share: number }) {
  const { m, f } = useSpeech();
  const percent = Math.round(Math.max(0, Math.min(1, share)) * 100);
  return (
    <ProgressBar className="progress" aria-label={m.system.progress(name)} value={percent}>
      <span className="progress-track"><progress className="progress-fill" max={100} value={percent} aria-hidden="true" /></span>
      <span className="figures help">{f.percent(percent / 100)}</span>
    </ProgressBar>
  );
}

function RebuildDialog({ name, onClose, changed }: { name: string | null; onClose: () => void; changed: () => void }) {
  const { m } = useSpeech();
  const t = m.system;
  const toast = useToast();
  const { run, busy, fault, reset } = useAction(RebuildDocument);
  const close = () => { reset(); onClose(); };
  const submit = async () => {
    if (name === null || (await run({ name })) === null) return;
    toast.say(t.rebuildStarted(name));
    changed();
    close();
  };
  return (
    <FormDialog isOpen={name !== null} onClose={close} title={t.rebuildTitle(name ?? '')} submit={t.rebuildConfirm} busy={busy} busyLabel={t.rebuildBusy} fault={fault} onSubmit={() => void submit()}>
      <p>{t.rebuildText}</p>
    </FormDialog>
  );
}

interface Parked {
  readonly projection: string;
  readonly line: ParkedLine;
}

function ParkedLines({ projections, changed }: { projections: readonly Projection[]; changed: () => void }) {
  const { m } = useSpeech();
  const t = m.system;
  const [skipping, setSkipping] = useState<Parked | null>(null);
  const parked = projections.flatMap(({ name, parkedLines }): Parked[] => parkedLines.map((line) => ({ projection: name, line })));
  return (
    <>
      {parked.length > 0 && (
        <section className="parked" aria-label={t.parkedTitle}>
          <h3>{t.parkedTitle}</h3>
          <p className="help">{t.parkedHelp}</p>
          <ul>{parked.map((one) => <ParkedEntry key={`${one.projection} ${one.line.aggregateId}`} parked={one} changed={changed} skip={() => setSkipping(one)} />)}</ul>
        </section>
      )}
      <SkipDialog parked={skipping} onClose={() => setSkipping(null)} changed={changed} />
    </>
  );
}

function ParkedEntry({ parked: { projection, line }, changed, skip }: { parked: Parked; changed: () => void; skip: () => void }) {
  const { m, f } = useSpeech();
  const t = m.system;
  const toast = useToast();
  const mayAdmin = useMay('platform:admin');
  const { run, busy, fault } = useAction(RetryDocument);
  const { aggregateId, sequence, eventType, cause, waiting } = line;
  const retry = async () => {
    const answer = await run({ projection, aggregateId });
    if (answer === null) return;
    const still = answer.retryParked.projection.parkedLines.some((other) => other.aggregateId === aggregateId);
    if (still) toast.warn(t.retriedStill);
    else toast.say(t.retried);
    changed();
  };
  return (
    <li className="parked-line">
      <div>
        <p><strong>{projection}</strong> · <span className="mono">{aggregateId}</span></p>
        <p>{t.parkedAt(f.number(sequence), eventType)} · {t.waitingBehind(waiting)}</p>
        <p className="help">{t.cause}: {cause}</p>
        {fault !== null && <FaultNotice fault={fault} />}
      </div>
      {mayAdmin && (
        <div className="parked-act">
          <Button small icon="rotate" aria-label={t.retryNamed(aggregateId)} isPending={busy} onPress={() => void retry()}>{t.retry}</Button>
          <Button small look="danger" aria-label={t.skipNamed(aggregateId)} onPress={skip}>{t.skip}</Button>
        </div>
      )}
    </li>
  );
}

function SkipDialog({ parked, onClose, changed }: { parked: Parked | null; onClose: () => void; changed: () => void }) {
  const { m, f } = useSpeech();
  const t = m.system;
  const toast = useToast();
  const { run, busy, fault, reset } = useAction(SkipDocument);
  const close = () => { reset(); onClose(); };
  const submit = async () => {
    if (parked === null || (await run({ projection: parked.projection, aggregateId: parked.line.aggregateId })) === null) return;
    toast.say(t.skipped);
    changed();
    close();
  };
  return (
    <FormDialog role="alertdialog" isOpen={parked !== null} onClose={close} title={t.skipTitle} submit={t.skipConfirm} submitLook="danger" busy={busy} busyLabel={t.skipBusy} fault={fault} onSubmit={() => void submit()}>
      {parked !== null && <p><span className="mono">{parked.line.aggregateId}</span>: {t.parkedAt(f.number(parked.line.sequence), parked.line.eventType)}</p>}
      <p>{t.skipText}</p>
    </FormDialog>
  );
}
