import { useEffect, useId, useRef, useState, type FormEvent } from 'react';
import { signIn, type SignInOutcome } from '../../app/signing';
import { minutesSince, pathOf, publicLive, type PublicLive } from '../../channels';
import { LANGUAGES, type Language } from '../../messages/format';
import { useSpeech } from '../../messages/react';
import { Backoff } from '../../player/backoff';
import { wait } from '../../player/wait';
import { Button } from '../../ui/button';
import { Copyable } from '../../ui/copy';
import { Segments, TextField } from '../../ui/fields';
import { Icon } from '../../ui/icon';
import { Notice } from '../../ui/states';
import './sign-in.css';

export default function SignIn({ ended, onSignedIn }: { ended: boolean; onSignedIn: () => void }) {
  const { m, language, speak } = useSpeech();
  const live = usePublicLive();
  useEffect(() => { document.title = m.title(m.signIn.title); }, [m]);
  return (
    <div className="sign-in">
      <main className="sign-in-main">
        <header className="hero">
          <span className="mark" aria-hidden="true">Σ</span>
          <div>
            <h1>{m.product}</h1>
            <p>{m.signIn.tagline}</p>
          </div>
        </header>
        <SignInForm ended={ended} onSignedIn={onSignedIn} adminToken={live?.adminToken ?? null} />
        {live !== undefined && <LiveNow live={live} />}
      </main>
      {/* What stands below the first answer comes with it: it would be pushed down under somebody's finger. */}
      {live !== undefined && (
        <footer className="sign-in-foot">
          <Segments<Language> label={m.nav.language} value={language} onChange={speak} choices={(Object.keys(LANGUAGES) as Language[]).map((value) => ({ value, label: LANGUAGES[value] }))} />
        </footer>
      )}
    </div>
  );
}

function SignInForm({ ended, onSignedIn, adminToken }: { ended: boolean; onSignedIn: () => void; adminToken: string | null }) {
  const { m } = useSpeech();
  const [token, setToken] = useState('');
  const [busy, setBusy] = useState(false);
  const [outcome, setOutcome] = useState<Exclude<SignInOutcome, 'in'> | 'missing' | null>(null);
  const form = useRef<HTMLFormElement>(null);

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (busy) return;
    const given = token.trim();
    const came = given === '' ? 'missing' : await (setBusy(true), signIn(given));
    setBusy(false);
    if (came === 'in') return onSignedIn();
    setOutcome(came);
    form.current?.querySelector('input')?.focus();
  }

  return (
    <section className="card sign-in-card" aria-label={m.signIn.title}>
      {ended && outcome === null && <Notice icon="info">{m.signIn.ended}</Notice>}
      <form ref={form} onSubmit={(event) => void submit(event)} noValidate>
        <TextField
          label={m.signIn.token} help={m.signIn.tokenHelp} placeholder={m.signIn.tokenPlaceholder} mono autoFocus name="token"
          autoComplete="current-password" value={token} onChange={(value) => { setToken(value); setOutcome(null); }}
          secret={{ show: m.signIn.showToken, hide: m.signIn.hideToken }} error={outcome === null ? null : m.signIn[outcome]}
        />
        <Button type="submit" look="primary" className="wide" isPending={busy} pendingLabel={m.signIn.busy}>{m.signIn.submit}</Button>
      </form>
      <div className="token-place">
        {adminToken === null ? <p className="help">{m.signIn.adminTokenElse}</p> : (
          <>
            <p className="help">{m.signIn.adminTokenAt}</p>
            <Copyable text={adminToken} what={m.signIn.token} wrap />
          </>
        )}
      </div>
    </section>
  );
}

function LiveNow({ live }: { live: PublicLive | null }) {
  const { m, f } = useSpeech();
  const id = useId();
  const since = (liveAt: string | null) => {
    const minutes = minutesSince(liveAt, Date.now());
    return minutes === null ? '' : minutes < 1 ? m.signIn.justNow : m.signIn.onAirFor(f.span(minutes * 60));
  };
  return (
    <section className="live-now" aria-labelledby={id}>
      <h2 id={id}>{m.signIn.liveNow}</h2>
      {live === null ? <p className="help">{m.signIn.unreachableList}</p> : live.channels.length === 0 ? <p className="help">{m.signIn.nothingLive}</p> : (
        <ul>
          {live.channels.map((channel) => (
            <li key={channel.watchUrl}>
              <a href={pathOf(channel.watchUrl)}>
                <span className="badge-dot pulsing" aria-hidden="true" />
                <span className="name">{channel.name}</span>
                <span className="help">{since(channel.liveAt)}</span>
                <Icon name="chevronRight" />
              </a>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

/** Undefined before the first answer, null when there was none. */
function usePublicLive(): PublicLive | null | undefined {
  const [live, setLive] = useState<PublicLive | null>();
  useEffect(() => {
    let shown = true;
    const looks = new Backoff({ first: 8_000, most: 20_000, growth: 1.1 });
    void (async () => {
      while (shown) {
        const answer = await publicLive();
        if (!shown) return;
        setLive(answer);
        if (answer !== null) looks.reset();
        await wait(looks.next());
      }
    })();
    return () => { shown = false; };
  }, []);
  return live;
}
