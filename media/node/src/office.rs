//! A control plane for tests: takes reports and warnings while it is there, and writes them down.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use sigma_clock::Timestamp;
use tokio::sync::watch;

use crate::control::{
    AssetStanding, Control, ControlError, Denied, FeedFacts, FeedGrant, KeyHolder, Playback, Recorded,
    Report, Standing, StreamKey, Wanted, WarningChange,
};
use crate::session::HealthSample;

/// The token of who may download.
pub(crate) const MAY: &str = "may";

/// Lets nobody in and knows no playback id.
pub(crate) struct Office {
    away: AtomicBool,
    /// `+NAME@MS` and `-NAME@MS`, as they came.
    pub(crate) taken: watch::Sender<Vec<String>>,
    /// What it says is needed of any session.
    pub(crate) wanted: Mutex<Wanted>,
    /// What it says of any recording.
    pub(crate) asset: Mutex<AssetStanding>,
    /// Of which feed each was.
    pub(crate) feeds: Mutex<Vec<u32>>,
    /// The seconds that it was told of, with their session and channel.
    pub(crate) measured: Mutex<Vec<(String, String, HealthSample)>>,
}

impl Office {
    pub(crate) fn there() -> Arc<Self> {
        Arc::new(Self {
            away: AtomicBool::new(false),
            taken: watch::Sender::new(Vec::new()),
            wanted: Mutex::new(Wanted { everything: true, ..Wanted::default() }),
            asset: Mutex::new(AssetStanding::Unknown),
            feeds: Mutex::default(),
            measured: Mutex::default(),
        })
    }

    pub(crate) fn away() -> Arc<Self> {
        let office = Self::there();
        office.away.store(true, Ordering::SeqCst);
        office
    }

    pub(crate) fn comes_back(&self) {
        self.away.store(false, Ordering::SeqCst);
    }

    /// Waits until so many warnings were taken; answers their names with their signs.
    pub(crate) async fn names(&self, count: usize) -> Vec<String> {
        let mut taken = self.taken.subscribe();
        let all = taken.wait_for(|taken| taken.len() >= count).await.expect("the office stands");
        all.iter().map(|one| one.split('@').next().unwrap_or_default().to_owned()).collect()
    }
}

#[async_trait]
impl Control for Office {
    async fn resolve_key(&self, _: &StreamKey) -> Result<KeyHolder, Denied> {
        Err(Denied::UnknownKey)
    }

    async fn open_feed(&self, _: &str, _: FeedFacts) -> Result<FeedGrant, Denied> {
        Err(Denied::UnknownKey)
    }

    async fn report(&self, _: &str, _: u32, _: Timestamp, _: Report) -> Result<Standing, ControlError> {
        Ok(Standing::OnAir)
    }

    async fn warning(
        &self,
        _: &str,
        feed: u32,
        at: Timestamp,
        change: WarningChange,
    ) -> Result<(), ControlError> {
        if self.away.load(Ordering::SeqCst) {
            return Err(ControlError::Unavailable("on holiday".into()));
        }
        self.feeds.lock().expect("no test panics with it").push(feed);
        let (sign, name) = match change {
            WarningChange::Raised(warning) => ('+', warning.name.code()),
            WarningChange::Cleared(name) => ('-', name.code()),
        };
        self.taken.send_modify(|taken| taken.push(format!("{sign}{name}@{}", at.millis())));
        if name == "B_FRAMES" { Err(ControlError::Refused("raised already".into())) } else { Ok(()) }
    }

    fn measured(&self, session: &str, channel: &str, sample: &HealthSample) {
        let told = (session.to_owned(), channel.to_owned(), sample.clone());
        self.measured.lock().expect("no test panics with it").push(told);
    }

    async fn playback(&self, _: &str) -> Result<Playback, ControlError> {
        Ok(Playback::Unknown)
    }

    async fn recorded(&self, _: &str, _: Option<Recorded>) -> Result<(), ControlError> {
        Ok(())
    }

    async fn log_gone(&self, _: &str) -> Result<(), ControlError> {
        Ok(())
    }

    async fn media_lost(&self, _: &str) -> Result<(), ControlError> {
        Ok(())
    }

    async fn asset(&self, _: &str) -> Result<AssetStanding, ControlError> {
        Ok(self.asset.lock().expect("no test panics with it").clone())
    }

    async fn may_download(&self, _: &str, token: &str) -> bool {
        token == MAY
    }

    async fn wanted(&self, _: &str) -> Result<Wanted, ControlError> {
        Ok(self.wanted.lock().expect("no test panics with it").clone())
    }

    async fn may_preview(&self, _: &str, _: &str) -> bool {
        false
    }
}
