use sigma_domain::{Project, ProjectCommand, ProjectEvent, ProjectId, ProjectRefusal};

use crate::{given::given, world::at};

fn create() -> ProjectCommand {
    ProjectCommand::Create { id: ProjectId::default_project(), name: "default".parse().unwrap(), at: at(0) }
}

fn created() -> ProjectEvent {
    ProjectEvent::Created { id: ProjectId::default_project(), name: "default".parse().unwrap(), at: at(0) }
}

#[test]
fn the_default_project_is_made_once() {
    given::<Project>([]).when(create()).then([created()]).and_it_is(());
    given::<Project>([created()])
        .when(create())
        .then_refused(ProjectRefusal::AlreadyCreated(ProjectId::default_project()));
}
