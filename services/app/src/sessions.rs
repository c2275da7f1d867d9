//! Use cases of sessions.

use cqrs_es::Aggregate;
use sigma_domain::{EndedBy, Scope, Session, SessionCommand, SessionId, Timestamp};

use crate::app::nothing_beside;
use crate::executor::{CommandError, Executed};
use crate::secrets::{feed_kind, open_encoder};
use crate::{App, AppError, Caller, Done, SessionRow};

impl App {
    /// Shows a session to the public. Wants `sessions:write`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`]; refused outside PROCESSING.
    pub async fn go_live(&self, caller: &Caller, id: &str) -> Result<Done<SessionRow>, AppError> {
        self.change_session(caller, "goLive", id, |at| SessionCommand::GoLive { at }).await
    }

    /// Ends a session; its encoder is cut. Wants `sessions:write`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`]; refused where it has ended.
    pub async fn end_session(&self, caller: &Caller, id: &str) -> Result<Done<SessionRow>, AppError> {
        let end = |at| SessionCommand::End { by: EndedBy::User, at };
        let done = self.change_session(caller, "endSession", id, end).await?;
        // The process managers would do it too, a moment later: this spares the caller that moment.
        if !done.repeated {
            self.settle_ended(&done.value.channel, id).await;
        }
        Ok(done)
    }

    /// What the encoder of the session's newest feed calls itself, where it told. Wants `sessions:read`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`]; [`AppError::NotFound`] for a session that the caller does not see.
    pub async fn session_encoder(&self, caller: &Caller, id: &str) -> Result<Option<String>, AppError> {
        caller.need(Scope::SessionsRead)?;
        let (_, channel) = self.owned_session(caller, id).await?;
        let rows = self.executor.journal.secrets_of(feed_kind(), id).await?;
        match rows.last() {
            Some(row) => {
                let keys = self.subjects.keys(channel.as_str()).await?;
                Ok(open_encoder(&self.executor.vault, &keys, row)?)
            }
            None => Ok(None),
        }
    }

    async fn change_session(
        &self,
        caller: &Caller,
        use_case: &str,
        id: &str,
        command: impl Fn(Timestamp) -> SessionCommand + Send + Sync,
    ) -> Result<Done<SessionRow>, AppError> {
        caller.need(Scope::SessionsWrite)?;
        let context = self.context(caller, use_case, id)?;
        let not_found = || CommandError::NotFound { kind: Session::TYPE, id: id.to_owned() };
        let at = self.executor.now();
        let seen = |session: &Session| match session.facts() {
            Some(facts) if facts.project == caller.project && caller.access.sees(facts.channel.as_str()) => {
                Ok(command(at))
            }
            _ => Err(not_found()),
        };
        let work = async {
            let _: SessionId =
                id.parse().map_err(|_| AppError::NotFound { kind: Session::TYPE, id: id.to_owned() })?;
            Ok(self.executor.execute_as(id, seen, &context, nothing_beside).await?)
        };
        let executed: Executed<Session> = self.once(&context, work).await?;
        let value = self.session_after(&executed).await?;
        self.shown(&executed).await;
        let Executed { aggregate_id, sequence, repeated, .. } = executed;
        Ok(Done { value, aggregate_id, sequence, repeated })
    }
}
