//! What the media side sees of a feed's health, kept beside the session.

use sigma_clock::Timestamp as WallTime;
use sigma_domain::{
    Session, SessionHealth, SessionHealthCommand, SessionHealthRefusal, SessionId, Timestamp, ValueError,
    WarningData,
};
use sigma_store::StoreError;

use crate::app::system;
use crate::executor::{CommandError, Context, new_command_id};
use crate::{App, MediaError, WarningReport};

impl App {
    /// Takes down that something about a session's feed is to be mended, or is well again since `at`. May be repeated; one of
    /// a session that is over changes nothing. Waits out a short outage of the store.
    ///
    /// # Errors
    /// [`MediaError`]; [`MediaError::Unavailable`] where the session has a newer feed: to be told again under its number.
    pub async fn report_warning(
        &self,
        session: &str,
        feed: u32,
        at: WallTime,
        report: WarningReport,
    ) -> Result<(), MediaError> {
        let refused = |error: ValueError| MediaError::Refused(error.to_string());
        let id: SessionId = session.parse().map_err(refused)?;
        let at = Timestamp::from_millis(at.millis());
        // One that is cut for it is told so with its next report.
        self.tell_patiently_of_feeds(session, feed).await?;
        let loaded = self.load_patiently::<Session>(session).await.map_err(not_loaded)?;
        let Some(facts) = loaded.aggregate.facts() else {
            return Err(MediaError::Refused(format!("there is no session {session}")));
        };
        match facts.feed().map(|newest| newest.number.get()) {
            Some(newest) if newest == feed => {}
            // The session has a newer feed, of which its actor does not know yet: a warning is its session's, so it comes again
            // under the new number instead of being lost.
            Some(newest) if newest > feed => {
                let newer = format!("session {session} has feed {newest} by now, and not {feed}");
                return Err(MediaError::Unavailable(newer));
            }
            _ => return Ok(()),
        }
        let command = match report {
            WarningReport::Raised { name, message, data } => SessionHealthCommand::Raise {
                session: id,
                channel: facts.channel.clone(),
                project: facts.project.clone(),
                name: name.parse().map_err(refused)?,
                message: message.parse().map_err(refused)?,
                data: WarningData::try_from(data).map_err(refused)?,
                at,
            },
            WarningReport::Cleared { name } => {
                SessionHealthCommand::Clear { name: name.parse().map_err(refused)?, at }
            }
        };
        let context = Context::of(system("ingest-health"), new_command_id());
        match self.try_to_tell::<SessionHealth>(session, command, &context).await {
            Ok(_) => Ok(()),
            Err(CommandError::Refused { refusal: Some(refusal), .. }) => {
                if refusal == SessionHealthRefusal::TooManyWarnings {
                    tracing::debug!(session.id = session, "a warning is not kept: there were too many");
                }
                Ok(())
            }
            Err(error @ (CommandError::Store(StoreError::Unavailable { .. }) | CommandError::Conflict)) => {
                Err(MediaError::Unavailable(error.to_string()))
            }
            Err(error) => Err(MediaError::Refused(error.to_string())),
        }
    }
}

fn not_loaded(error: StoreError) -> MediaError {
    match error {
        StoreError::Unavailable { .. } | StoreError::Conflict { .. } => {
            MediaError::Unavailable(error.to_string())
        }
        StoreError::Corrupt(message) => MediaError::Refused(message),
    }
}
