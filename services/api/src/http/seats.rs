//! Who holds a socket or an event stream open: counted by token, and looked at again while they last.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sigma_app::App;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::warn;

use super::doorman::Known;

/// All the seats there are, by the token's name.
pub(crate) struct Seats {
    most: usize,
    recheck: Duration,
    taken: Mutex<HashMap<String, Row>>,
}

struct Row {
    count: usize,
    over: CancellationToken,
    _look: AbortOnDropHandle<()>,
}

/// One seat; given back when dropped.
pub(crate) struct Seat {
    seats: Arc<Seats>,
    name: String,
    over: CancellationToken,
}

impl Seats {
    pub(crate) fn new(most: usize, recheck: Duration) -> Self {
        Self { most, recheck, taken: Mutex::new(HashMap::new()) }
    }

    /// A seat for who is known, while his token has one left. As long as any is taken the token is looked at again;
    /// all its seats learn together that it is over.
    pub(crate) fn take(self: &Arc<Self>, app: &Arc<App>, known: &Known) -> Option<Seat> {
        let name = known.name().to_owned();
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let over = match taken.entry(name.clone()) {
            Entry::Occupied(mut row) => {
                let row = row.get_mut();
                if row.count >= self.most {
                    return None;
                }
                row.count += 1;
                row.over.clone()
            }
            Entry::Vacant(_) if self.most == 0 => return None,
            Entry::Vacant(place) => {
                let over = CancellationToken::new();
                let look = look(Arc::clone(app), known.secret().to_owned(), self.recheck, over.clone());
                let look = AbortOnDropHandle::new(tokio::spawn(look));
                place.insert(Row { count: 1, over: over.clone(), _look: look });
                over
            }
        };
        Some(Seat { seats: Arc::clone(self), name, over })
    }
}

/// Asks again and again whether the token still lets anybody in.
async fn look(app: Arc<App>, secret: String, every: Duration, over: CancellationToken) {
    loop {
        sigma_clock::sleep(every).await;
        match app.authenticate(&secret).await {
            Ok(Some(_)) => {}
            Ok(None) => {
                over.cancel();
                return;
            }
            // Nobody is turned away by a guess.
            Err(error) => warn!(%error, "the tokens of open sockets cannot be looked at; trying on"),
        }
    }
}

impl Seat {
    /// Cancelled once the token has run out or was revoked.
    pub(crate) fn token(&self) -> CancellationToken {
        self.over.clone()
    }

    /// Waits until the token has run out or was revoked.
    pub(crate) async fn over(&self) {
        self.over.cancelled().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut row) = taken.entry(std::mem::take(&mut self.name)) {
            row.get_mut().count -= 1;
            if row.get().count == 0 {
                row.remove();
            }
        }
    }
}
