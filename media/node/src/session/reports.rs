//! Reports of one session to the control plane: in order, each until it is taken.

use std::sync::Arc;
use std::time::Duration;

use sigma_clock::Timestamp;
use tokio::sync::{mpsc, oneshot};
use tracing::{error, warn};

use super::handle::Message;
use crate::control::{Control, ControlError, Report, Standing};

/// Waiting reports; a session makes a handful an hour, so a full line means a control plane that has been away long.
const WAITING: usize = 1_024;

const FIRST_RETRY: Duration = Duration::from_millis(100);
const LONGEST_RETRY: Duration = Duration::from_secs(5);

/// The sending end.
#[derive(Debug, Clone)]
pub(crate) struct Reports(mpsc::Sender<Letter>);

#[derive(Debug)]
enum Letter {
    Report(u32, Timestamp, Report),
    /// Answered once all before it is taken.
    Taken(oneshot::Sender<()>),
}

impl Reports {
    /// Starts the line of `session`; it ends when every sender is gone and the last report is taken. `over` is told when the control plane says that the session has ended.
    pub(crate) fn start(control: Arc<dyn Control>, session: String, over: mpsc::WeakSender<Message>) -> Self {
        let (send, mut line) = mpsc::channel(WAITING);
        tokio::spawn(async move {
            while let Some(letter) = line.recv().await {
                match letter {
                    Letter::Report(feed, at, report) => {
                        let standing = deliver(control.as_ref(), &session, feed, at, report).await;
                        if standing == Standing::Over
                            && let Some(mail) = over.upgrade()
                        {
                            let reason = "the session has ended".to_owned();
                            // An actor that is gone has ended already.
                            let _ = mail.send(Message::End { reason }).await;
                        }
                    }
                    Letter::Taken(done) => {
                        let _ = done.send(());
                    }
                }
            }
        });
        Self(send)
    }

    /// Puts a report in the line.
    pub(crate) fn send(&self, feed: u32, at: Timestamp, report: Report) {
        if let Err(refused) = self.0.try_send(Letter::Report(feed, at, report)) {
            error!(error = %refused, "a report was dropped: the control plane has been away for too long");
        }
    }

    /// Resolves once every report so far is taken.
    pub(crate) async fn taken(&self) {
        let (done, taken) = oneshot::channel();
        if self.0.send(Letter::Taken(done)).await.is_ok() {
            let _ = taken.await;
        }
    }
}

async fn deliver(control: &dyn Control, session: &str, feed: u32, at: Timestamp, report: Report) -> Standing {
    let mut pause = FIRST_RETRY;
    loop {
        match control.report(session, feed, at, report.clone()).await {
            Ok(standing) => return standing,
            Err(ControlError::Refused(reason)) => {
                warn!(session.id = session, feed, ?report, reason, "a report was refused");
                return Standing::OnAir;
            }
            Err(ControlError::Unavailable(reason)) => {
                warn!(session.id = session, feed, ?report, reason, "a report waits for the control plane");
                sigma_clock::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_RETRY);
            }
        }
    }
}
