import { useDeferredValue, useState } from 'react';
import { useQuery } from 'urql';
import { NewTokenDocument, TokenChannelsDocument, TokenProjectsDocument } from '../../api/generated';
import { useAction, useMay, useSession } from '../../api/react';
import { useSpeech } from '../../messages/react';
import { Button } from '../../ui/button';
import { CopyButton } from '../../ui/copy';
import { Dialog, FormDialog } from '../../ui/dialog';
import { Checkbox, SearchField, Segments, Select, TextField } from '../../ui/fields';
import { Notice } from '../../ui/states';
import { boundTo, EXPIRIES, inputOf, mayChoose, NOTHING_WANTED, PRESETS, preset, SCOPES, wrongWith, type Preset, type Wanted, type Wrong } from './wanted';

interface NewTokenProps {
  readonly isOpen: boolean;
  readonly onClose: () => void;
  /** It was made; the list is another. */
  readonly onMade: () => void;
}

/** Asks what a token is for, makes it, and shows its text this once. */
export function NewToken({ isOpen, onClose, onMade }: NewTokenProps) {
  const { m } = useSpeech();
  const t = m.tokens;
  const { identity } = useSession();
  const [wanted, setWanted] = useState<Wanted>(NOTHING_WANTED);
  const [wrong, setWrong] = useState<Wrong>({});
  const [secret, setSecret] = useState<{ text: string | null } | null>(null);
  const { run, busy, fault, reset } = useAction(NewTokenDocument);
  const change = (next: Wanted) => {
    setWanted(next);
    if (Object.keys(wrong).length > 0) setWrong(wrongWith(next));
  };
  const close = () => {
    reset();
    setWanted(NOTHING_WANTED);
    setWrong({});
    setSecret(null);
    onClose();
  };
  const submit = async () => {
    const found = wrongWith(wanted);
    setWrong(found);
    if (Object.keys(found).length > 0) return;
    const made = await run({ input: inputOf(wanted) });
    if (made === null) return;
    onMade();
    setSecret({ text: made.createApiToken.secret });
  };
  const fieldError = (field: string) => fault?.fields.get(field) ?? null;
  if (secret !== null) return <SecretShown isOpen={isOpen} secret={secret.text} onClose={close} />;
  return (
    <FormDialog
      isOpen={isOpen} onClose={close} wide title={t.create} submit={t.submit} busy={busy} busyLabel={t.submitBusy} fault={fault}
      shownFields={['name', 'scopes', 'channelIds', 'expiresInSeconds']} onSubmit={() => void submit()}
    >
      <TextField label={t.name} help={t.nameHelp} value={wanted.name} onChange={(name) => change({ ...wanted, name })} maxLength={100} autoFocus error={wrong.name === undefined ? fieldError('name') : t.nameMissing} />
      <fieldset className="scopes">
        <legend>{t.scopes}</legend>
        <p className="help">{t.scopesHelp}</p>
        <div className="presets" role="group" aria-label={t.presets}>
          {(Object.keys(PRESETS) as Preset[]).map((name) => <Button key={name} small onPress={() => change(preset(wanted, name, identity.scopes))}>{t.presetNames[name]}</Button>)}
        </div>
        <div className="scope-list">
          {SCOPES.map((scope) => (
            <Checkbox
              key={scope} label={scope} {...(t.scopeWords[scope] === undefined ? {} : { help: t.scopeWords[scope] })} value={wanted.scopes.has(scope)} isDisabled={!mayChoose(scope, wanted, identity.scopes)}
              onChange={(chosen) => change({ ...wanted, scopes: toggled(wanted.scopes, scope, chosen) })}
            />
          ))}
        </div>
        <FieldWrong text={wrong.scopes === undefined ? fieldError('scopes') : t.scopesMissing} />
      </fieldset>
      <ChannelChoice wanted={wanted} change={change} error={wrong.channels === undefined ? fieldError('channelIds') : t.channelsMissing} />
      <Select label={t.expiry} value={wanted.expiry === '' ? 'none' : wanted.expiry} error={fieldError('expiresInSeconds')} {...(wanted.expiry === '' ? { help: t.noExpiryWarning } : {})}
        onChange={(expiry) => change({ ...wanted, expiry: expiry === 'none' ? '' : expiry })}
        choices={EXPIRIES.map((value) => ({ value: value === '' ? 'none' as const : value, label: t.expiries[value] }))} />
      {identity.project.id === DEFAULT_PROJECT && <ProjectChoice wanted={wanted} change={change} />}
    </FormDialog>
  );
}

const DEFAULT_PROJECT = 'pr_default';

function ProjectChoice({ wanted, change }: { wanted: Wanted; change: (wanted: Wanted) => void }) {
  const { m } = useSpeech();
  const { identity } = useSession();
  const [{ data }] = useQuery({ query: TokenProjectsDocument });
  const projects = data?.projects ?? [];
  if (projects.length < 2) return null;
  return (
    <Select label={m.tokens.project} value={wanted.project ?? identity.project.id} choices={projects.map(({ id, name }) => ({ value: id, label: name }))}
      onChange={(project) => change({ ...boundTo(wanted, false), channels: new Map(), project: project === identity.project.id ? null : project })} />
  );
}

function ChannelChoice({ wanted, change, error }: { wanted: Wanted; change: (wanted: Wanted) => void; error: string | null }) {
  const { m } = useSpeech();
  const t = m.tokens;
  const maySee = useMay('channels:read');
  // Another project's channels are not ours to see.
  if (!maySee || wanted.project !== null) return null;
  return (
    <fieldset className="channel-choice">
      <legend>{t.channels}</legend>
      <Segments label={t.channels} value={wanted.bound ? 'some' : 'all'} onChange={(which) => change(boundTo(wanted, which === 'some'))}
        choices={[{ value: 'all', label: t.allChannels }, { value: 'some', label: t.someChannels }]} />
      {wanted.bound && <ChannelList wanted={wanted} change={change} />}
      <FieldWrong text={error} />
    </fieldset>
  );
}

function ChannelList({ wanted, change }: { wanted: Wanted; change: (wanted: Wanted) => void }) {
  const { m } = useSpeech();
  const t = m.tokens;
  const [typed, setTyped] = useState('');
  const search = useDeferredValue(typed.trim());
  const [{ data }] = useQuery({ query: TokenChannelsDocument, variables: { search: search === '' ? null : search } });
  const found = data?.channels.nodes ?? [];
  // Those that were chosen stay in sight, whatever is searched for.
  const chosen = [...wanted.channels].map(([id, name]) => ({ id, name }));
  const listed = [...chosen, ...found.filter(({ id }) => !wanted.channels.has(id))];
  return (
    <>
      <p className="help">{t.channelsNot}</p>
      <SearchField label={t.channelsSearch} value={typed} onChange={setTyped} />
      <div className="channel-list" role="group" aria-label={t.channels} tabIndex={0}>
        {listed.map(({ id, name }) => (
          <Checkbox key={id} label={name} value={wanted.channels.has(id)} onChange={(add) => {
            const channels = new Map(wanted.channels);
            if (add) channels.set(id, name);
            else channels.delete(id);
            change({ ...wanted, channels });
          }} />
        ))}
        {listed.length === 0 && data !== undefined && <p className="help">{t.channelsNone}</p>}
      </div>
      {data?.channels.pageInfo.hasNextPage === true && <p className="help">{t.channelsMore}</p>}
    </>
  );
}

/** The token's text, once. It goes away only when it was said to be copied. */
function SecretShown({ isOpen, secret, onClose }: { isOpen: boolean; secret: string | null; onClose: () => void }) {
  const { m } = useSpeech();
  const t = m.tokens;
  return (
    <Dialog role="alertdialog" isOpen={isOpen} onClose={onClose} title={t.secretTitle} wide>
      <div className="dialog-body secret-shown">
        {secret === null ? <Notice warned icon="warning"><p>{t.secretLost}</p></Notice> : (
          <>
            <Notice warned icon="warning"><p className="notice-box-title">{t.secretText}</p><p>{t.secretCare}</p></Notice>
            <div className="secret-row"><code tabIndex={0} aria-label={t.secret}>{secret}</code><CopyButton text={secret} what={t.secret} look="primary" small={false} /></div>
          </>
        )}
      </div>
      <footer className="dialog-foot"><Button onPress={onClose}>{secret === null ? m.common.close : t.secretDone}</Button></footer>
    </Dialog>
  );
}

function FieldWrong({ text }: { text: string | null }) {
  return text === null ? null : <p className="field-error" role="alert">{text}</p>;
}

function toggled(set: ReadonlySet<string>, member: string, has: boolean): ReadonlySet<string> {
  const next = new Set(set);
  if (has) next.add(member);
  else next.delete(member);
  return next;
}
