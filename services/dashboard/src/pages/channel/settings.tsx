import type { ReactNode } from 'react';
import type { Fault } from '../../api/faults';
import type { ChannelFactsFragment, LatencyMode, UpdateChannelInput } from '../../api/generated';
import type { Messages } from '../../messages/en';
import { useSpeech } from '../../messages/react';
import { Radios, Select, Switch, TextField } from '../../ui/fields';
import { WhatGoes } from '../recordings/what-goes';

/** A channel's settings as they are typed: figures are text until they are sent. */
export interface Draft {
  readonly name: string;
  readonly latencyMode: LatencyMode;
  readonly autoGoLive: boolean;
  readonly endOnUnpublish: boolean;
  /** Seconds. */
  readonly reconnectWindow: string;
  /** Minutes. */
  readonly maxSessionDuration: string;
  /** Minutes. */
  readonly dvrWindow: string;
  readonly recordSource: boolean;
  readonly catchup: boolean;
  /** Seconds; empty: until they are deleted. */
  readonly sourceRetention: string;
  /** Seconds; empty: until they are deleted. */
  readonly catchupRetention: string;
}

export const MODES: readonly LatencyMode[] = ['NORMAL', 'LOW', 'ULTRA_LOW'];
const NAME_MOST = 100;
const WINDOW_MOST_S = 3_600;
const DURATION_MOST_MIN = 10_080;
const REWIND_MOST_MIN = 1_440;
const MINUTE = 60;
const DAY = 86_400;
/** Days that are offered; another one that stands already is offered too. */
const RETENTIONS = [1, 7, 30, 90, 365];

/** What the platform takes for what is not given. */
export const DEFAULTS: Draft = { name: '', latencyMode: 'LOW', autoGoLive: true, endOnUnpublish: true, reconnectWindow: '60', maxSessionDuration: '720', dvrWindow: '120', recordSource: true, catchup: true, sourceRetention: '', catchupRetention: '' };

export function draftOf(channel: Pick<ChannelFactsFragment, keyof Draft>): Draft {
  const { name, latencyMode, autoGoLive, endOnUnpublish, reconnectWindow, maxSessionDuration, dvrWindow, recordSource, catchup, sourceRetention, catchupRetention } = channel;
  return {
    name, latencyMode, autoGoLive, endOnUnpublish, reconnectWindow: String(reconnectWindow), maxSessionDuration: String(maxSessionDuration / MINUTE),
    dvrWindow: String(dvrWindow / MINUTE), recordSource, catchup, sourceRetention: String(sourceRetention ?? ''), catchupRetention: String(catchupRetention ?? ''),
  };
}

/** The fields that differ. */
export function changesOf(before: Draft, after: Draft): (keyof Draft)[] {
  return (Object.keys(before) as (keyof Draft)[]).filter((field) => (field === 'name' ? before.name !== after.name.trim() : before[field] !== after[field]));
}

/** What is to be sent: only what differs, in the platform's units. */
export function inputOf(before: Draft, after: Draft): UpdateChannelInput {
  const input: { -readonly [Field in keyof UpdateChannelInput]: UpdateChannelInput[Field] } = {};
  for (const field of changesOf(before, after)) {
    switch (field) {
      case 'name': input.name = after.name.trim(); break;
      case 'latencyMode': input.latencyMode = after.latencyMode; break;
      case 'autoGoLive': input.autoGoLive = after.autoGoLive; break;
      case 'endOnUnpublish': input.endOnUnpublish = after.endOnUnpublish; break;
      case 'reconnectWindow': input.reconnectWindow = Number(after.reconnectWindow); break;
      case 'maxSessionDuration': input.maxSessionDuration = Math.round(Number(after.maxSessionDuration) * MINUTE); break;
      case 'dvrWindow': input.dvrWindow = Math.round(Number(after.dvrWindow) * MINUTE); break;
      case 'recordSource': input.recordSource = after.recordSource; break;
      case 'catchup': input.catchup = after.catchup; break;
      case 'sourceRetention': input.sourceRetention = after.sourceRetention === '' ? null : Number(after.sourceRetention); break;
      case 'catchupRetention': input.catchupRetention = after.catchupRetention === '' ? null : Number(after.catchupRetention); break;
    }
  }
  return input;
}

/** What is wrong with a draft, by field. A figure that was not touched is right. */
export function problemsOf(draft: Draft, m: Messages, before: Draft = DEFAULTS): Partial<Record<keyof Draft, string>> {
  const problems: Partial<Record<keyof Draft, string>> = {};
  const name = draft.name.trim();
  if (name === '') problems.name = m.settings.nameMissing;
  else if ([...name].length > NAME_MOST) problems.name = m.settings.nameTooLong;
  const figure = (field: 'reconnectWindow' | 'maxSessionDuration' | 'dvrWindow', from: number, to: number) => {
    if (draft[field] === before[field]) return;
    const value = Number(draft[field]);
    if (!/^\s*\d+\s*$/.test(draft[field]) || value < from || value > to) problems[field] = m.settings.wholeNumber(from, to);
  };
  figure('reconnectWindow', 0, WINDOW_MOST_S);
  figure('maxSessionDuration', 1, DURATION_MOST_MIN);
  figure('dvrWindow', 0, REWIND_MOST_MIN);
  return problems;
}

/** What the platform said of a field. */
export function faultOfField(fault: Fault | null, field: keyof Draft): string | undefined {
  return fault?.fields.get(field);
}

interface SettingFieldsProps {
  readonly draft: Draft;
  readonly onChange: (draft: Draft) => void;
  readonly error: (field: keyof Draft) => string | undefined;
  readonly isDisabled?: boolean;
  /** On air some settings cannot be changed; which, and why, is said at them. */
  readonly onAir?: boolean;
  /** Where there is one already: what is kept of it. */
  readonly channelId?: string;
}

/** Every setting but the name, each with a sentence that explains it. */
export function SettingFields({ draft, onChange, error, isDisabled = false, onAir = false, channelId }: SettingFieldsProps): ReactNode {
  const { m } = useSpeech();
  return (
    <>
      <Radios label={m.settings.latencyMode} help={onAir ? `${m.settings.latencyModeHelp} ${m.settings.fixedOnAir}` : m.settings.latencyModeHelp} isDisabled={isDisabled || onAir}
        value={draft.latencyMode} onChange={(latencyMode) => onChange({ ...draft, latencyMode })} error={error('latencyMode')}
        choices={MODES.map((value) => ({ value, label: m.latencyMode[value], help: m.latencyModeHelp[value] }))} />
      <Switch label={m.settings.autoGoLive} help={m.settings.autoGoLiveHelp} isDisabled={isDisabled} value={draft.autoGoLive} onChange={(autoGoLive) => onChange({ ...draft, autoGoLive })} />
      <Switch label={m.settings.endOnUnpublish} help={m.settings.endOnUnpublishHelp} isDisabled={isDisabled} value={draft.endOnUnpublish} onChange={(endOnUnpublish) => onChange({ ...draft, endOnUnpublish })} />
      <div className="figures-row">
        <TextField label={m.settings.reconnectWindow} help={m.settings.reconnectWindowHelp} unit={m.settings.seconds} inputMode="numeric" autoComplete="off" isDisabled={isDisabled}
          value={draft.reconnectWindow} onChange={(reconnectWindow) => onChange({ ...draft, reconnectWindow })} error={error('reconnectWindow')} />
        <TextField label={m.settings.maxSessionDuration} help={m.settings.maxSessionDurationHelp} unit={m.settings.minutes} inputMode="numeric" autoComplete="off" isDisabled={isDisabled}
          value={draft.maxSessionDuration} onChange={(maxSessionDuration) => onChange({ ...draft, maxSessionDuration })} error={error('maxSessionDuration')} />
      </div>
      <fieldset className="recording-settings">
        <legend>{m.recordings.settings}</legend>
        <div className="figures-row">
          <TextField label={m.recordings.dvrWindow} help={m.recordings.dvrWindowHelp} unit={m.settings.minutes} inputMode="numeric" autoComplete="off" isDisabled={isDisabled}
            value={draft.dvrWindow} onChange={(dvrWindow) => onChange({ ...draft, dvrWindow })} error={error('dvrWindow')} />
        </div>
        <Switch label={m.recordings.recordSource} help={onAir ? `${m.recordings.recordSourceHelp} ${m.settings.fixedOnAir}` : m.recordings.recordSourceHelp} isDisabled={isDisabled || onAir} value={draft.recordSource} onChange={(recordSource) => onChange({ ...draft, recordSource })} />
        <RetentionField label={m.recordings.sourceRetention} kept={channelId === undefined ? null : <WhatGoes channelId={channelId} kind="SOURCE" />} isDisabled={isDisabled || !draft.recordSource} value={draft.sourceRetention} onChange={(sourceRetention) => onChange({ ...draft, sourceRetention })} error={error('sourceRetention')} />
        <Switch label={m.recordings.catchup} help={m.recordings.catchupHelp} isDisabled={isDisabled} value={draft.catchup} onChange={(catchup) => onChange({ ...draft, catchup })} />
        <RetentionField label={m.recordings.catchupRetention} kept={channelId === undefined ? null : <WhatGoes channelId={channelId} kind="CATCHUP" />} isDisabled={isDisabled || !draft.catchup} value={draft.catchupRetention} onChange={(catchupRetention) => onChange({ ...draft, catchupRetention })} error={error('catchupRetention')} />
      </fieldset>
    </>
  );
}

/** For how long something is kept, and what that will delete, and when. */
function RetentionField({ label, kept, value, onChange, isDisabled, error }: { label: string; kept: ReactNode; value: string; onChange: (value: string) => void; isDisabled: boolean; error: string | undefined }): ReactNode {
  const { m, f } = useSpeech();
  const t = m.recordings;
  const offered = [...new Set([...RETENTIONS.map((days) => String(days * DAY)), ...(value === '' ? [] : [value])])].sort((a, b) => Number(a) - Number(b));
  const help = value === '' ? t.retentionForever : t.retentionHelp(f.span(Number(value)), f.date(Date.now() + Number(value) * 1_000));
  return (
    <Select label={label} help={<>{help} {kept}</>} value={value === '' ? 'never' : value} onChange={(chosen) => onChange(chosen === 'never' ? '' : chosen)} isDisabled={isDisabled} error={error}
      choices={[{ value: 'never', label: t.untilDeleted }, ...offered.map((seconds) => ({ value: seconds, label: t.forSpan(f.span(Number(seconds))) }))]} />
  );
}
