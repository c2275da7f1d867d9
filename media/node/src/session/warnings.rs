//! Warnings of one session on their way to the control plane: a line of their own, so that nobody waits for them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sigma_clock::Timestamp;
use tokio::sync::Notify;
use tracing::{debug, warn};

use crate::control::{Control, ControlError, WarningChange, WarningName};

/// Changes that wait at most. There are eleven names, and each is raised and cleared in turn: a full line always has two
/// changes of one name that make up for each other.
const WAITING: usize = 64;

const FIRST_RETRY: Duration = Duration::from_millis(200);
const LONGEST_RETRY: Duration = Duration::from_secs(10);

/// How often a change is offered once the session is over here.
const LAST_TRIES: u32 = 5;

#[derive(Debug)]
struct Letter {
    at: Timestamp,
    change: WarningChange,
}

impl Letter {
    fn name(&self) -> WarningName {
        match &self.change {
            WarningChange::Raised(warning) => warning.name,
            WarningChange::Cleared(name) => *name,
        }
    }
}

#[derive(Debug, Default)]
struct Waiting {
    letters: VecDeque<Letter>,
    /// The newest feed. A warning is its session's: it carries the number that counts when it is taken.
    feed: u32,
    closed: bool,
}

#[derive(Debug, Default)]
struct Line {
    waiting: Mutex<Waiting>,
    wake: Notify,
}

/// The sending end; the line ends with it, once all is taken or cannot be.
#[derive(Debug)]
pub(super) struct Warnings(Arc<Line>);

impl Warnings {
    /// Starts the line of `session`.
    pub(super) fn start(control: Arc<dyn Control>, session: String) -> Self {
        let line = Arc::new(Line::default());
        let post = Arc::clone(&line);
        tokio::spawn(async move {
            loop {
                let next = {
                    let mut waiting = post.look();
                    waiting.letters.pop_front().ok_or(waiting.closed)
                };
                let closed = match next {
                    Ok(letter) => !post.deliver(control.as_ref(), &session, letter).await,
                    Err(closed) => {
                        if !closed {
                            post.wake.notified().await;
                        }
                        closed
                    }
                };
                if closed {
                    return;
                }
            }
        });
        Self(line)
    }

    /// Another feed delivers.
    pub(super) fn feed_opened(&self, feed: u32) {
        self.0.look().feed = feed;
    }

    /// Puts a change in the line.
    pub(super) fn send(&self, at: Timestamp, change: WarningChange) {
        {
            let mut waiting = self.0.look();
            if waiting.letters.len() >= WAITING {
                leave_out_a_pair(&mut waiting.letters);
            }
            waiting.letters.push_back(Letter { at, change });
        }
        self.0.wake.notify_one();
    }
}

impl Drop for Warnings {
    fn drop(&mut self) {
        self.0.look().closed = true;
        self.0.wake.notify_one();
    }
}

impl Line {
    fn look(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the control plane has answered; false: the session is over and nobody takes it.
    async fn deliver(&self, control: &dyn Control, session: &str, letter: Letter) -> bool {
        let (mut pause, mut last_tries) = (FIRST_RETRY, 0);
        loop {
            let feed = self.look().feed;
            match control.warning(session, feed, letter.at, letter.change.clone()).await {
                Ok(()) => return true,
                Err(ControlError::Refused(reason)) => {
                    debug!(
                        session.id = session,
                        warning = letter.name().code(),
                        reason,
                        "a warning was refused"
                    );
                    return true;
                }
                Err(ControlError::Unavailable(reason)) => {
                    last_tries += u32::from(self.look().closed);
                    if last_tries >= LAST_TRIES {
                        warn!(
                            session.id = session,
                            reason, "the last warnings of a session could not be told"
                        );
                        return false;
                    }
                    debug!(session.id = session, reason, "a warning waits for the control plane");
                    sigma_clock::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_RETRY);
                }
            }
        }
    }
}

/// Takes the oldest two changes of one name out of the line: together they change nothing.
fn leave_out_a_pair(line: &mut VecDeque<Letter>) {
    let second_of = |first: usize| {
        let name = line[first].name();
        (first + 1..line.len()).find(|second| line[*second].name() == name)
    };
    match (0..line.len()).find_map(|first| second_of(first).map(|second| (first, second))) {
        Some((first, second)) => {
            line.remove(second);
            line.remove(first);
        }
        None => {
            line.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use sigma_health::Warning;

    use super::*;
    use crate::office::Office;

    fn raised(name: WarningName) -> WarningChange {
        WarningChange::Raised(Warning { name, message: String::new(), data: Default::default() })
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[tokio::test(start_paused = true)]
    async fn a_warning_waits_for_its_control_plane_and_keeps_its_order_and_time() {
        let office = Office::away();
        let line = Warnings::start(office.clone(), "se_1".into());
        line.send(at(5), raised(WarningName::NoAudio));
        line.send(at(6), raised(WarningName::BFrames));
        line.send(at(7), WarningChange::Cleared(WarningName::NoAudio));
        tokio::time::advance(Duration::from_secs(60)).await;
        office.comes_back();
        let mut taken = office.taken.subscribe();
        let all = taken.wait_for(|taken| taken.len() == 3).await.unwrap().clone();
        assert_eq!(all, ["+NO_AUDIO@5", "+B_FRAMES@6", "-NO_AUDIO@7"], "a refusal holds nobody up");
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_over_a_takeover_is_told_of_the_feed_that_counts() {
        let office = Office::away();
        let line = Warnings::start(office.clone(), "se_1".into());
        line.feed_opened(1);
        line.send(at(5), raised(WarningName::NoAudio));
        tokio::time::advance(Duration::from_secs(5)).await;
        line.feed_opened(2);
        office.comes_back();
        office.names(1).await;
        assert_eq!(*office.feeds.lock().unwrap(), [2]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_absence_leaves_out_what_made_up_for_each_other() {
        let office = Office::away();
        let line = Warnings::start(office.clone(), "se_1".into());
        line.send(at(0), raised(WarningName::AvDrift));
        for number in 0..200 {
            line.send(at(number), raised(WarningName::NoAudio));
            line.send(at(number), WarningChange::Cleared(WarningName::NoAudio));
        }
        line.send(at(999), raised(WarningName::FallingBehind));
        assert!(line.0.look().letters.len() <= WAITING);
        office.comes_back();
        let mut taken = office.taken.subscribe();
        let newest = "+FALLING_BEHIND@999".to_owned();
        let all = taken.wait_for(|taken| taken.contains(&newest)).await.unwrap().clone();
        assert_eq!(all.first().map(String::as_str), Some("+AV_DRIFT@0"));
        let sounds: Vec<char> =
            all.iter().filter(|one| one.contains("NO_AUDIO")).filter_map(|one| one.chars().next()).collect();
        assert!(sounds.chunks(2).all(|pair| pair == ['+', '-']), "{all:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_whose_session_is_over_ends_though_nobody_takes_its_last() {
        let office = Office::away();
        let line = Warnings::start(office.clone(), "se_1".into());
        let post = Arc::downgrade(&line.0);
        line.send(at(0), raised(WarningName::NoAudio));
        drop(line);
        while post.upgrade().is_some() {
            tokio::time::advance(Duration::from_secs(1)).await;
            tokio::task::yield_now().await;
        }
        assert_eq!(*office.taken.borrow(), Vec::<String>::new());
    }
}
