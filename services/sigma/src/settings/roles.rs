//! What a process of the platform is for.

use super::EventStore;
use crate::fault::Fault;

/// The roles that there are, as they are written.
const KNOWN: [&str; 4] = ["api", "ingest", "origin", "projections"];

/// Roles of the contract that come with what makes them work.
const LATER: [&str; 3] = ["transcode", "webhooks", "analytics"];

/// What a process of the platform is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Roles {
    /// GraphQL, the dashboard and the players' pages.
    pub(crate) api: bool,
    /// Takes feeds, packages them and answers their viewers: the origin is part of it.
    pub(crate) ingest: bool,
    /// Read models, process managers and the relay.
    pub(crate) projections: bool,
}

impl Roles {
    /// One process that is everything.
    pub(crate) const ALL: Self = Self { api: true, ingest: true, projections: true };

    /// As they are told.
    pub(crate) fn names(self) -> Vec<String> {
        let named = [(self.api, "api"), (self.ingest, "ingest"), (self.projections, "projections")];
        named.into_iter().filter(|(is, _)| *is).map(|(_, name)| name.to_owned()).collect()
    }

    /// # Errors
    /// When several processes would share what only one can have.
    pub(super) fn read(text: &str, event_store: &EventStore) -> Result<Self, Fault> {
        let named = |role: &str| text == "all" || text.split(',').any(|one| one == role);
        let roles = Self { api: named("api"), ingest: named("ingest"), projections: named("projections") };
        if roles != Self::ALL && matches!(event_store, EventStore::Sqlite) {
            return Err(Fault::new(
                format!("roles is {text} and events are kept in SQLite, which one process has for itself"),
                "name a database with --event-store postgres://…, or leave roles out",
            ));
        }
        Ok(roles)
    }
}

/// The roles in the one form that they are kept in.
pub(super) fn form(text: &str) -> Result<String, String> {
    let mut named: Vec<&str> = text.split(',').map(str::trim).filter(|one| !one.is_empty()).collect();
    if named == ["all"] {
        return Ok("all".to_owned());
    }
    named.sort_unstable();
    named.dedup();
    for role in &named {
        if LATER.contains(role) {
            return Err(format!("the role {role} is not there yet; leave it out"));
        }
        if !KNOWN.contains(role) {
            return Err(format!(
                "`{role}` is no role: write all, or some of {}, with commas between",
                KNOWN.join(", ")
            ));
        }
    }
    match named.as_slice() {
        [] => Err(format!("write all, or some of {}, with commas between", KNOWN.join(", "))),
        named if named.contains(&"origin") && !named.contains(&"ingest") => {
            Err("an origin serves what its own node takes in: write ingest, which includes it".to_owned())
        }
        named => Ok(named.join(",")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_have_one_form_and_what_is_none_is_refused_with_the_mend() {
        assert_eq!(form("all").as_deref(), Ok("all"));
        assert_eq!(form(" projections , api,api").as_deref(), Ok("api,projections"));
        assert_eq!(form("origin,ingest").as_deref(), Ok("ingest,origin"));
        for (wrong, told) in [
            ("", "write all"),
            ("all,api", "`all` is no role"),
            ("origin", "write ingest"),
            ("webhooks", "not there yet"),
            ("packager", "`packager` is no role"),
        ] {
            assert!(form(wrong).is_err_and(|error| error.contains(told)), "{wrong}");
        }
    }

    #[test]
    fn a_file_of_events_has_one_process_that_is_everything() {
        assert_eq!(Roles::read("all", &EventStore::Sqlite).ok(), Some(Roles::ALL));
        let refused = Roles::read("api", &EventStore::Sqlite).unwrap_err().to_string();
        assert!(refused.contains("--event-store postgres://"), "{refused}");
    }
}
