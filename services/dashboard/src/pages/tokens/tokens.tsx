import { useState } from 'react';
import { useQuery } from 'urql';
import { RevokeTokenDocument, TokensDocument, type TokenRowFragment } from '../../api/generated';
import { faultIn, useAction, useLastKnown, useMay } from '../../api/react';
import { useNow } from '../../api/time';
import { useSpeech } from '../../messages/react';
import { Badge } from '../../ui/badge';
import { Button } from '../../ui/button';
import { FormDialog } from '../../ui/dialog';
import { Switch } from '../../ui/fields';
import { Card, Page } from '../../ui/page';
import { EmptyState, FaultNotice, Loading } from '../../ui/states';
import { Ago, Moment } from '../../ui/time';
import { useToast } from '../../ui/toast';
import { NewToken } from './new-token';
import { standing } from './wanted';
import './tokens.css';

/** API tokens: who may do what. */
export default function Tokens() {
  const { m } = useSpeech();
  const [making, setMaking] = useState(false);
  const may = useMay('tokens:admin');
  return (
    <Page title={m.tokens.title} scope="tokens:admin" actions={<Button look="primary" icon="plus" onPress={() => setMaking(true)}>{m.tokens.create}</Button>}>
      {may && <TokenList making={making} stopMaking={() => setMaking(false)} startMaking={() => setMaking(true)} />}
    </Page>
  );
}

function TokenList({ making, startMaking, stopMaking }: { making: boolean; startMaking: () => void; stopMaking: () => void }) {
  const { m } = useSpeech();
  const t = m.tokens;
  const now = useNow();
  const [{ data, error }, read] = useQuery({ query: TokensDocument, requestPolicy: 'cache-and-network' });
  const [withEnded, setWithEnded] = useState(false);
  const [revoking, setRevoking] = useState<TokenRowFragment | null>(null);
  const readAnew = () => read({ requestPolicy: 'network-only' });
  const fault = faultIn(error);
  const list = useLastKnown(data?.apiTokens);
  const tokens = list?.map((token) => ({ token, stands: standing(token, now) }));
  const ended = tokens?.filter(({ stands }) => stands !== 'active').length ?? 0;
  const shown = tokens?.filter(({ stands }) => withEnded || stands === 'active') ?? [];
  const projects = new Set(list?.map(({ project }) => project.id)).size;
  return (
    <>
      <p className="help">{t.intro}</p>
      {fault !== null && <FaultNotice fault={fault} title={m.faults.loadTitle} retry={readAnew} />}
      {tokens === undefined ? fault === null && <Loading />
        : tokens.length === 0 ? <EmptyState icon="tokens" title={t.empty} action={<Button look="primary" icon="plus" onPress={startMaking}>{t.create}</Button>}>{t.intro}</EmptyState>
        : (
          <Card className="tokens-card">
            {ended > 0 && <div className="tokens-ended"><Switch label={t.showEnded(ended)} value={withEnded} onChange={setWithEnded} /></div>}
            {shown.length > 0 && (
              <div className="table-scroll">
                <table className="table as-cards tokens">
                  <thead>
                    <tr>
                      <th scope="col">{t.name}</th><th scope="col">{t.scopes}</th><th scope="col">{t.lastUsed}</th><th scope="col">{t.expires}</th>
                      <th scope="col"><span className="off-screen">{m.channel.actions}</span></th>
                    </tr>
                  </thead>
                  <tbody>{shown.map(({ token, stands }) => <TokenLine key={token.id} token={token} stands={stands} withProject={projects > 1} revoke={() => setRevoking(token)} />)}</tbody>
                </table>
              </div>
            )}
          </Card>
        )}
      <NewToken isOpen={making} onClose={stopMaking} onMade={readAnew} />
      <RevokeToken token={revoking} onClose={() => setRevoking(null)} />
    </>
  );
}

function TokenLine({ token, stands, withProject, revoke }: { token: TokenRowFragment; stands: ReturnType<typeof standing>; withProject: boolean; revoke: () => void }) {
  const { m } = useSpeech();
  const t = m.tokens;
  const { name, prefix, scopes, channelIds, createdAt, createdBy, lastUsedAt, expiresAt, revokedAt, project } = token;
  const maker = createdBy.kind === 'ADMIN' ? m.events.by.ADMIN : createdBy.name ?? createdBy.id;
  return (
    <tr className={stands === 'active' ? undefined : 'ended'}>
      <th scope="row">
        <span className="token-name">{name}</span>
        <code>{prefix}…</code>
        <span className="help"><Moment at={createdAt} /> {t.createdBy(maker)}{withProject && ` · ${project.name}`}</span>
      </th>
      <td data-label={t.scopes}>
        <ul className="scope-tags">{scopes.map((scope) => <li key={scope} title={t.scopeWords[scope]}>{scope}</li>)}</ul>
        {channelIds !== null && <span className="help">{t.bound(channelIds.length)}</span>}
      </td>
      <td data-label={t.lastUsed}>{lastUsedAt === null ? <span className="help">{t.neverUsed}</span> : <Ago at={lastUsedAt} />}</td>
      <td data-label={t.expires}>
        {stands === 'revoked' && revokedAt !== null ? <Badge tone="bad">{t.revoked}</Badge>
          : stands === 'expired' ? <Badge tone="warn">{t.expired}</Badge>
          : expiresAt === null ? <span className="help">{t.noExpiry}</span> : <Ago at={expiresAt} />}
        {stands === 'revoked' && revokedAt !== null && <span className="help"><Moment at={revokedAt} /></span>}
      </td>
      <td className="table-act">{stands === 'active' && <Button small look="danger" aria-label={t.revokeNamed(name)} onPress={revoke}>{t.revoke}</Button>}</td>
    </tr>
  );
}

function RevokeToken({ token, onClose }: { token: TokenRowFragment | null; onClose: () => void }) {
  const { m } = useSpeech();
  const t = m.tokens;
  const toast = useToast();
  const { run, busy, fault, reset } = useAction(RevokeTokenDocument);
  const close = () => { reset(); onClose(); };
  const submit = async () => {
    if (token === null || (await run({ id: token.id })) === null) return;
    toast.say(t.revokedNow(token.name));
    close();
  };
  return (
    <FormDialog role="alertdialog" isOpen={token !== null} onClose={close} title={t.revokeTitle(token?.name ?? '')} submit={t.revokeConfirm} submitLook="danger" busy={busy} busyLabel={t.revokeBusy} fault={fault} onSubmit={() => void submit()}>
      <p>{t.revokeText}</p>
    </FormDialog>
  );
}
