//! Use cases of projects.

use cqrs_es::Aggregate;
use sigma_domain::{Project, ProjectCommand, ProjectId, ProjectName, Scope};

use crate::app::nothing_beside;
use crate::executor::Executed;
use crate::input::{Wrong, asked};
use crate::{App, AppError, Caller, Done, ProjectRow, fold};

impl App {
    /// Makes a project. Wants `tokens:admin` of the project `default`; a token for it is made by `createApiToken`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`], [`AppError::DefaultProjectOnly`]; [`AppError::BadInput`] for a wrong name.
    pub async fn create_project(&self, caller: &Caller, name: &str) -> Result<Done<ProjectRow>, AppError> {
        caller.need_of_platform(Scope::TokensAdmin)?;
        let context = self.context(caller, "createProject", &asked(&name)?)?;
        let work = async {
            let mut wrong = Wrong::default();
            let name: Option<ProjectName> = wrong.take("name", name.parse());
            wrong.answer()?;
            let name = name.ok_or_else(|| AppError::BadInput { fields: Vec::new() })?;
            let id = ProjectId::from_uuid(uuid::Uuid::now_v7());
            let command = ProjectCommand::Create { id: id.clone(), name, at: self.executor.now() };
            Ok(self.executor.execute(id.as_str(), command, &context, nothing_beside).await?)
        };
        let executed: Executed<Project> = self.once(&context, work).await?;
        let events = self.executor.journal.load(Project::TYPE, &executed.aggregate_id).await?;
        let value = fold::project_of(&events)?
            .ok_or_else(|| AppError::NotFound { kind: Project::TYPE, id: executed.aggregate_id.clone() })?;
        self.shown(&executed).await;
        let Executed { aggregate_id, sequence, repeated, .. } = executed;
        Ok(Done { value, aggregate_id, sequence, repeated })
    }
}
