//! `--watch`: showing something on and on.

use std::time::Duration;

use serde_json::Value;

use super::connection::Client;
use super::feed::{Feed, Pause};
use super::look::Look;
use super::print;
use crate::fault::Fault;

/// Changes within this are shown at once together.
const TOGETHER: Duration = Duration::from_millis(200);

/// What tells that it is time to look again.
#[derive(Clone, Debug)]
pub(crate) enum Wake {
    /// A subscription says that something changed.
    Changes { subscription: String, variables: Value },
    /// Nothing does: it is asked for again every so often.
    Every(Duration),
}

/// Asks and shows until it is interrupted. What fails at first ends it; later on, what may pass is tried again.
///
/// # Errors
/// What cannot pass by itself: the token was revoked, the thing is gone.
pub(crate) async fn watch(
    client: &Client,
    wake: &Wake,
    json: bool,
    mut look: impl AsyncFnMut() -> Result<(Value, Vec<String>), Fault>,
) -> Result<(), Fault> {
    let mut screen = Screen { json, clear: Look::of_stdout().width.is_some(), last: None };
    let mut pause = Pause::default();
    loop {
        let round = async {
            match wake {
                Wake::Every(period) => {
                    if !screen.show(look().await?)? {
                        return Ok::<bool, Fault>(false);
                    }
                    pause.reset();
                    sigma_clock::sleep(*period).await;
                    Ok(true)
                }
                Wake::Changes { subscription, variables } => {
                    // Subscribed first: what changes while it is shown wakes as well.
                    let mut feed = Feed::open(client, subscription, variables).await?;
                    loop {
                        if !screen.show(look().await?)? {
                            return Ok(false);
                        }
                        pause.reset();
                        if feed.next().await?.is_none() {
                            return Ok(true);
                        }
                        let more = async { while let Ok(Some(_)) = feed.next().await {} };
                        // What breaks meanwhile is told by the next look.
                        let _ = sigma_clock::timeout(TOGETHER, more).await;
                    }
                }
            }
        };
        match round.await {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(fault) if fault.may_pass() && screen.last.is_some() => screen.notice(&fault),
            Err(fault) => return Err(fault),
        }
        if !matches!(wake, Wake::Every(_)) || screen.noticed() {
            pause.wait().await;
        }
    }
}

struct Screen {
    json: bool,
    clear: bool,
    /// What was shown last, and whether a notice stands under it.
    last: Option<(String, bool)>,
}

impl Screen {
    /// Shows what is new; false when nobody reads any more.
    fn show(&mut self, (value, lines): (Value, Vec<String>)) -> Result<bool, Fault> {
        let text = if self.json { value.to_string() } else { lines.join("\n") };
        if self.last.as_ref().is_some_and(|(last, noticed)| *last == text && !noticed) {
            return Ok(true);
        }
        let (first, changed) = match &self.last {
            None => (true, true),
            Some((last, _)) => (false, *last != text),
        };
        self.last = Some((text.clone(), false));
        match (self.json, self.clear) {
            (true, _) if !changed => Ok(true),
            (true, _) => print::still_read([text]),
            // Home, each line to its end, and what was below: without a flicker.
            (false, true) => {
                let begin = if first { "\u{1b}[2J\u{1b}[H" } else { "\u{1b}[H" };
                let body = text.replace('\n', "\u{1b}[K\n");
                print::still_read([format!("{begin}{body}\u{1b}[K\u{1b}[J")])
            }
            (false, false) if first => print::still_read([text]),
            (false, false) if !changed => Ok(true),
            (false, false) => print::still_read([String::new(), text]),
        }
    }

    /// Says once on stderr that what is shown may be old.
    fn notice(&mut self, fault: &Fault) {
        if let Some((_, noticed)) = &mut self.last
            && !std::mem::replace(noticed, true)
        {
            eprintln!("sigma: {fault}; trying again");
        }
    }

    fn noticed(&self) -> bool {
        self.last.as_ref().is_some_and(|(_, noticed)| *noticed)
    }
}
