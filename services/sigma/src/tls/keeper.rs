//! Keeps the certificate that the doors show: as it stands in its files, and again when they change.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sigma_api::http::{Component, Condition, Exposition, MetricSource, PROTOCOLS};
use sigma_clock::{Clock, Timestamp};
use sigma_door::rustls::ServerConfig;
use sigma_door::{Certificate, Identity};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::WARN_DAYS;
use super::files::{Contents, Files, days_left};
use crate::fault::Fault;

/// How often the files are looked at. They are small, and what stands in them counts, not what the file system says of
/// them: a link that is laid anew (as orchestrators do) is a change too.
const LOOK: Duration = Duration::from_secs(2);

/// The certificate in force, and what was wrong with the newest that was found.
pub(crate) struct Keeper {
    files: Files,
    /// The served certificate for client commands on this data folder.
    copy: PathBuf,
    clock: Arc<dyn Clock>,
    http: watch::Sender<Arc<ServerConfig>>,
    rtmps: watch::Sender<Arc<ServerConfig>>,
    state: Mutex<State>,
    taken: AtomicU64,
    refused: AtomicU64,
}

struct State {
    certificate: Certificate,
    /// What it was read from.
    in_force: Contents,
    /// What stood in the files when they were looked at last.
    seen: Option<Contents>,
    /// What was seen was bad, and is judged when it has stood for a round.
    doubted: bool,
    /// Why the newest is not in force.
    wrong: Option<Fault>,
}

impl Keeper {
    /// Reads the certificate.
    ///
    /// # Errors
    /// The files hold none.
    pub(crate) fn open(files: Files, copy: PathBuf, clock: Arc<dyn Clock>) -> Result<Self, Fault> {
        let contents = files.contents()?;
        let certificate = files.understood(&contents)?;
        let (http, rtmps) = configurations(&certificate)?;
        let keeper = Self {
            files,
            copy,
            clock,
            http: watch::Sender::new(http),
            rtmps: watch::Sender::new(rtmps),
            state: Mutex::new(State {
                certificate,
                in_force: contents.clone(),
                seen: Some(contents),
                doubted: false,
                wrong: None,
            }),
            taken: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        };
        keeper.lay_copy();
        Ok(keeper)
    }

    /// What the HTTP door shakes hands with.
    pub(crate) fn http(&self) -> Identity {
        self.http.subscribe()
    }

    /// What the RTMPS door shakes hands with.
    pub(crate) fn rtmps(&self) -> Identity {
        self.rtmps.subscribe()
    }

    /// Looks at the files until `stop` is cancelled.
    pub(crate) async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut rounds = sigma_clock::interval(LOOK);
        loop {
            tokio::select! {
                _ = rounds.tick() => {}
                () = stop.cancelled() => return,
            }
            let keeper = Arc::clone(&self);
            if tokio::task::spawn_blocking(move || keeper.look()).await.is_err() {
                warn!("the certificate's files could not be looked at");
            }
        }
    }

    /// Takes what is new and good; says what is new and is not, once it has stood for two rounds: two files are not
    /// changed in one moment.
    fn look(&self) {
        let found = self.files.contents();
        let mut state = self.lock();
        let settled = match &found {
            Ok(contents) => {
                let settled = state.seen.as_ref() == Some(contents);
                state.seen = Some(contents.clone());
                settled
            }
            Err(_) => state.seen.take().is_none(),
        };
        // What stood there last time was judged then, unless it was bad and may have been under way.
        if settled && found.is_ok() && !state.doubted {
            return;
        }
        state.doubted = false;
        let judged = found.and_then(|contents| {
            if contents == state.in_force {
                return Ok(None);
            }
            let certificate = self.files.understood(&contents)?;
            Ok(Some((configurations(&certificate)?, certificate, contents)))
        });
        match judged {
            Ok(None) => state.wrong = None,
            Ok(Some(((http, rtmps), certificate, contents))) => {
                let (fingerprint, days) =
                    (certificate.fingerprint(), days_left(&certificate, self.clock.now()));
                state.certificate = certificate;
                state.in_force = contents;
                state.wrong = None;
                drop(state);
                self.http.send_replace(http);
                self.rtmps.send_replace(rtmps);
                self.lay_copy();
                self.taken.fetch_add(1, Ordering::Relaxed);
                info!(fingerprint, days, "a new certificate is in force for new connections");
            }
            Err(fault) if settled && state.wrong.as_ref() != Some(&fault) => {
                warn!(%fault, "the new certificate cannot be used; the old one goes on");
                state.wrong = Some(fault);
                self.refused.fetch_add(1, Ordering::Relaxed);
            }
            Err(_) => state.doubted = !settled,
        }
    }

    /// Lays the served certificate (no key) into the data folder, whole or not at all.
    fn lay_copy(&self) {
        let text = pem(self.lock().certificate.leaf());
        let beside = self.copy.with_extension("new");
        let laid = std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, &self.copy));
        if let Err(error) = laid {
            warn!(%error, path = %self.copy.display(), "client commands will not know the new certificate");
        }
    }

    fn not_after(&self) -> Timestamp {
        self.lock().certificate.not_after()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn configurations(certificate: &Certificate) -> Result<(Arc<ServerConfig>, Arc<ServerConfig>), Fault> {
    let config = |protocols| {
        certificate.server_config(protocols).map_err(|error| {
            Fault::new(
                format!("TLS cannot be set up: {error}"),
                "see that this machine's processor is supported",
            )
        })
    };
    // RTMP has no name among protocols: its encoders ask for none.
    Ok((config(PROTOCOLS)?, config(&[])?))
}

/// RFC 7468 §5: lines of 64 characters.
fn pem(der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let mut pem = "-----BEGIN CERTIFICATE-----\n".to_owned();
    for line in text.as_bytes().chunks(64) {
        pem.extend(line.iter().map(|byte| char::from(*byte)));
        pem.push('\n');
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}

#[async_trait]
impl Component for Keeper {
    fn name(&self) -> &'static str {
        "tls"
    }

    async fn check(&self) -> Condition {
        let (days, wrong) = {
            let state = self.lock();
            (days_left(&state.certificate, self.clock.now()), state.wrong.clone())
        };
        let path = self.files.chain.display();
        match (days, wrong) {
            (..0, _) => Condition::Degraded(format!(
                "the certificate in {path} has run out: players and browsers refuse it; put a new one there"
            )),
            (_, Some(fault)) => Condition::Degraded(format!(
                "the old certificate goes on, good for {days} days more: {fault}"
            )),
            (..WARN_DAYS, None) => Condition::Degraded(format!(
                "the certificate in {path} runs out in {days} days; put a new one there, it is taken without a restart"
            )),
            _ => Condition::Ready,
        }
    }
}

#[async_trait]
impl MetricSource for Keeper {
    async fn collect(&self, out: &mut Exposition) {
        let name = "sigma_tls_certificate_expiry_timestamp_seconds";
        let help = "When the certificate in force runs out, in seconds since 1970.";
        out.single(name, "gauge", help, self.not_after().millis() / 1_000);
        let name = "sigma_tls_reloads_total";
        out.family(name, "counter", "Changed certificates, by whether they could be used.");
        out.sample(name, &[("outcome", "taken")], self.taken.load(Ordering::Relaxed));
        out.sample(name, &[("outcome", "refused")], self.refused.load(Ordering::Relaxed));
    }
}

#[cfg(test)]
mod tests {
    use sigma_clock::ManualClock;

    use super::*;

    struct Desk {
        folder: tempfile::TempDir,
        clock: Arc<ManualClock>,
        keeper: Keeper,
    }

    fn lay(folder: &std::path::Path, chain: Option<&str>, key: Option<&str>) {
        for (name, text) in [("chain.pem", chain), ("key.pem", key)] {
            if let Some(text) = text {
                std::fs::write(folder.join(name), text).expect("written");
            }
        }
    }

    fn pair() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    fn desk() -> Desk {
        let folder = tempfile::tempdir().expect("a folder");
        let (chain, key) = pair();
        lay(folder.path(), Some(&chain), Some(&key));
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_800_000_000_000)));
        let files = Files { chain: folder.path().join("chain.pem"), key: folder.path().join("key.pem") };
        let copy = folder.path().join("certificate.pem");
        let keeper = Keeper::open(files, copy, Arc::clone(&clock) as Arc<dyn Clock>).expect("a keeper");
        Desk { folder, clock, keeper }
    }

    impl Desk {
        fn copy(&self) -> String {
            std::fs::read_to_string(self.folder.path().join("certificate.pem")).expect("a copy")
        }

        /// Two rounds: what is bad is said when it has stood for one.
        fn look(&self) {
            self.keeper.look();
            self.keeper.look();
        }

        fn degraded(&self) -> Option<String> {
            match futures_util::FutureExt::now_or_never(self.keeper.check()) {
                Some(Condition::Ready) => None,
                Some(Condition::Degraded(why)) => Some(why),
                _ => panic!("another condition"),
            }
        }
    }

    #[test]
    fn a_changed_certificate_is_taken_and_laid_where_clients_find_it() {
        let desk = desk();
        let (mut http, before) = (desk.keeper.http(), desk.copy());
        desk.look();
        assert!(!http.has_changed().expect("it stands"), "nothing changed");
        let (chain, key) = pair();
        lay(desk.folder.path(), Some(&chain), None);
        desk.keeper.look();
        assert_eq!(desk.degraded(), None, "half of a change is waited for");
        lay(desk.folder.path(), None, Some(&key));
        desk.keeper.look();
        assert!(http.has_changed().expect("it stands"));
        http.mark_unchanged();
        assert_eq!((desk.degraded(), desk.keeper.taken.load(Ordering::Relaxed)), (None, 1));
        assert_ne!(desk.copy(), before);
        assert!(chain.replace("\r\n", "\n").contains(desk.copy().trim()), "{}", desk.copy());
    }

    #[test]
    fn a_broken_change_is_told_and_the_old_certificate_goes_on() {
        let desk = desk();
        let (mut http, (other, _)) = (desk.keeper.http(), pair());
        let whole = std::fs::read_to_string(desk.folder.path().join("chain.pem")).expect("a chain");
        for broken in ["", &other] {
            lay(desk.folder.path(), Some(broken), None);
            desk.look();
            let why = desk.degraded().expect("it is told");
            assert!(
                why.contains("the old certificate goes on") && why.contains(" cannot be used: "),
                "{why}"
            );
        }
        std::fs::remove_file(desk.folder.path().join("chain.pem")).expect("removed");
        desk.look();
        assert!(desk.degraded().expect("it is told").contains("chain.pem cannot be read: not found"));
        assert!(!http.has_changed().expect("it stands"));
        assert_eq!(desk.keeper.refused.load(Ordering::Relaxed), 3);
        lay(desk.folder.path(), Some(&whole), None);
        desk.look();
        assert_eq!(desk.degraded(), None, "it is whole again");
        http.mark_unchanged();
    }

    #[test]
    fn a_certificate_that_runs_out_is_told_before_it_does() {
        let desk = desk();
        let end = desk.keeper.not_after().millis();
        let day = 24 * 60 * 60 * 1_000;
        for (left, words) in
            [(15 * day, None), (14 * day - 1, Some("runs out in 13 days")), (-1, Some("has run out"))]
        {
            desk.clock.set(Timestamp::from_millis(end - left));
            let why = desk.degraded();
            assert_eq!(why.is_some(), words.is_some(), "{why:?}");
            assert!(words.is_none_or(|words| why.expect("it is told").contains(words)));
        }
    }
}
