//! Which session is public under a playback id, as far as this process knows without asking the read models.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sigma_app::SessionOnAir;
use sigma_node::Playback;

/// Playback ids whose last answer is remembered; beyond it all are forgotten.
const MAX_ANSWERS: usize = 10_000;

/// What this node holds itself, by the store's own log; and what the read models said last of the rest. So viewers find a
/// broadcast also while the read models are away, or stand still because Kafka is.
#[derive(Default)]
pub(super) struct Shown(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// Playback ids of the sessions that this node holds.
    held: HashMap<String, String>,
    /// Those of them that are public, by playback id.
    public: HashMap<String, String>,
    /// What the read models said last, by playback id.
    answers: HashMap<String, String>,
}

impl Shown {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This node holds a session.
    pub(super) fn hold(&self, session: &SessionOnAir) {
        let mut known = self.known();
        known.held.insert(session.session.clone(), session.playback_id.clone());
        if session.live_at_ms.is_some() {
            known.public.insert(session.playback_id.clone(), session.session.clone());
        }
    }

    /// A session went live.
    pub(super) fn go_live(&self, session: &str) {
        let mut known = self.known();
        if let Some(playback_id) = known.held.get(session).cloned() {
            known.public.insert(playback_id, session.to_owned());
        }
    }

    /// A session is over.
    pub(super) fn end(&self, session: &str) {
        let mut known = self.known();
        known.held.remove(session);
        known.public.retain(|_, public| public != session);
    }

    /// The session of this node that is public under a playback id.
    pub(super) fn here(&self, playback_id: &str) -> Option<Playback> {
        self.known().public.get(playback_id).cloned().map(Playback::OnAir)
    }

    /// The read models have answered.
    pub(super) fn note(&self, playback_id: &str, playback: &Playback) {
        let answers = &mut self.known().answers;
        match playback {
            Playback::OnAir(session) if answers.get(playback_id) != Some(session) => {
                if answers.len() >= MAX_ANSWERS {
                    answers.clear();
                }
                answers.insert(playback_id.to_owned(), session.clone());
            }
            Playback::OnAir(_) => {}
            Playback::NotOnAir | Playback::Unknown => {
                answers.remove(playback_id);
            }
        }
    }

    /// What they answered last.
    pub(super) fn last(&self, playback_id: &str) -> Option<Playback> {
        self.known().answers.get(playback_id).cloned().map(Playback::OnAir)
    }
}
