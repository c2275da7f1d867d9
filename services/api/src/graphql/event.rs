//! Events as clients see them: what happened, who did it, and where it stands in the log.

use async_graphql::{Context, Enum, ID, Json, Object, Result, SimpleObject};
use sigma_app::{AppError, EventFilter, EventPage, EventRange, fold};
use sigma_store::RecordedEvent;

use super::connection::{PageInfo, rows};
use super::context::{asked, behind};
use super::errors::Fault;
use super::loaders::TokenKey;
use super::scalars::{DateTime, Long};

/// Of what kind somebody is who does something.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(remote = "sigma_app::ActorKind")]
pub(crate) enum ActorKind {
    /// Whoever holds the admin token.
    Admin,
    /// Whoever holds an API token.
    Token,
    /// Whoever holds the stream key.
    Broadcaster,
    /// The platform itself: a deadline, a node, a process of its own.
    System,
}

/// Who did something.
pub(crate) struct Actor(pub(crate) sigma_app::Actor);

/// Who did something.
#[Object]
impl Actor {
    /// Of what kind.
    async fn kind(&self) -> ActorKind {
        self.0.kind().into()
    }

    /// Who it is among its kind: the API token's id, the channel's whose key it was, the platform's part by name.
    async fn id(&self) -> &str {
        self.0.id()
    }

    /// The API token's name, where it is one of this project; else null.
    async fn name(&self, context: &Context<'_>) -> Result<Option<String>> {
        if self.0.kind() != sigma_app::ActorKind::Token {
            return Ok(None);
        }
        let row = asked(context)?.loaded.load_one(TokenKey(self.0.id().to_owned())).await?;
        Ok(row.map(|row| row.name.clone()))
    }
}

/// Something that happened, as it stands in the log for ever.
pub(crate) struct DomainEvent(pub(crate) RecordedEvent);

/// Something that happened, as it stands in the log for ever.
#[Object]
impl DomainEvent {
    /// The event's own id, `ev_…`.
    async fn id(&self) -> ID {
        ID(self.0.event_id.clone())
    }

    /// Its place in the log: give it as `afterPosition` to read on with what came later.
    async fn position(&self) -> &str {
        self.0.cursor.as_str()
    }

    /// What it happened to: `channel`, `session`, `session_health`, `asset`, `api_token` or `project`.
    async fn aggregate_type(&self) -> &str {
        &self.0.aggregate_type
    }

    /// The id of what it happened to.
    async fn aggregate_id(&self) -> ID {
        ID(self.0.aggregate_id.clone())
    }

    /// The channel that it belongs to; null where it belongs to none.
    async fn channel_id(&self) -> Option<ID> {
        // A line is a channel's, or the aggregate's own where it has no channel.
        self.0.line.starts_with("ch_").then(|| ID(self.0.line.clone()))
    }

    /// Its number within the aggregate, from 1 without gaps.
    async fn sequence(&self) -> Long {
        self.0.sequence.into()
    }

    /// What happened, as `session.live`.
    #[graphql(name = "type")]
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The version of the shape of `data`.
    async fn version(&self) -> u16 {
        self.0.version
    }

    /// When it was decided.
    async fn at(&self) -> DateTime {
        DateTime::from_millis(self.0.metadata.at_ms)
    }

    /// Who did it.
    async fn actor(&self) -> Result<Actor> {
        Ok(Actor(fold::actor(&self.0).map_err(AppError::from).map_err(Fault::from)?))
    }

    /// The command that made it.
    async fn command_id(&self) -> &str {
        &self.0.metadata.command_id
    }

    /// What ties all that came of one request together: the request's id.
    async fn correlation_id(&self) -> &str {
        &self.0.metadata.correlation_id
    }

    /// The event that caused the command, where the platform itself sent it; else null.
    async fn causation_id(&self) -> Option<&str> {
        self.0.metadata.causation_id.as_deref()
    }

    /// What it says, in the shape of its type and version. No secret is ever in it. A channel's name and a clip's title stand as
    /// `{"plain": "…"}`, or as `{"erased": true}` once the channel was erased.
    async fn data(&self) -> Json<serde_json::Value> {
        Json(self.0.data.clone())
    }
}

/// A page of events.
#[derive(SimpleObject)]
pub(crate) struct EventConnection {
    /// The events of the page, in the order of the log.
    nodes: Vec<DomainEvent>,
    /// The events of the page, each with its cursor.
    edges: Vec<EventEdge>,
    /// Where the page stands. Its cursors are positions.
    page_info: PageInfo,
}

/// An event in a list.
#[derive(SimpleObject)]
pub(crate) struct EventEdge {
    /// The event.
    node: DomainEvent,
    /// The event's place in the list: its position.
    cursor: String,
}

/// Something that happened to a session, told to people.
#[derive(SimpleObject)]
pub(crate) struct TimelineEntry {
    /// When.
    at: DateTime,
    /// What, as the event's type: `session.live`, `health.warning_raised`.
    #[graphql(name = "type")]
    kind: String,
    /// What, as an English sentence.
    message: String,
    /// Who did it.
    actor: Actor,
    /// What the sentence is made of: for who says it in another language.
    data: Json<serde_json::Value>,
}

impl From<sigma_app::TimelineEntry> for TimelineEntry {
    fn from(entry: sigma_app::TimelineEntry) -> Self {
        let sigma_app::TimelineEntry { at_ms, kind, message, actor, data } = entry;
        let (at, actor, data) = (DateTime::from_millis(at_ms), Actor(actor), Json(data));
        Self { at, kind, message, actor, data }
    }
}

/// What a caller asks of the list of events, as it came.
pub(crate) struct EventsAsked {
    pub(crate) filter: EventFilter,
    pub(crate) after: Option<String>,
    pub(crate) before: Option<String>,
    pub(crate) first: Option<i32>,
    pub(crate) last: Option<i32>,
}

impl EventsAsked {
    /// A family is told by the point at its end; the use case knows it by its bare name.
    fn filter(&self) -> EventFilter {
        let name = self.filter.name.as_ref().map(|name| name.strip_suffix('.').unwrap_or(name).to_owned());
        EventFilter { name, ..self.filter.clone() }
    }

    /// Where to read and how much: forwards with `first` and `afterPosition`, backwards with `last` and
    /// `beforePosition`, never both.
    fn understood(&self) -> std::result::Result<(EventRange, u32), Fault> {
        let Self { after, before, first, last, .. } = self;
        let backwards = last.is_some() || (before.is_some() && first.is_none());
        let odd = |path: &str, with: &str| {
            Fault::field(
                path,
                format!(
                    "{path} does not go with {with}: read on with first and afterPosition, or back with last and beforePosition"
                ),
            )
        };
        let mut wrong = Vec::new();
        if backwards && first.is_some() {
            wrong.push(odd("first", "last"));
        }
        if backwards && after.is_some() {
            wrong.push(odd("afterPosition", if last.is_some() { "last" } else { "beforePosition" }));
        }
        if !backwards && before.is_some() {
            wrong.push(odd("beforePosition", "first"));
        }
        let (path, asked) = if backwards { ("last", *last) } else { ("first", *first) };
        let limit = rows(path, asked).map_err(|fault| wrong.push(fault));
        match limit {
            Ok(limit) if wrong.is_empty() && backwards => Ok((EventRange::Before(before.clone()), limit)),
            Ok(limit) if wrong.is_empty() => Ok((EventRange::After(after.clone()), limit)),
            _ => Err(Fault::together(wrong)),
        }
    }
}

/// A page of the events that the caller may see.
pub(crate) async fn events_page(context: &Context<'_>, asking: EventsAsked) -> Result<EventConnection> {
    let (range, limit) = asking.understood()?;
    let backwards = matches!(range, EventRange::Before(_));
    let began = match &range {
        EventRange::After(at) | EventRange::Before(at) => at.is_some(),
    };
    let app = &behind(context)?.app;
    let page = app.events_page(&asked(context)?.caller, asking.filter(), range, limit).await;
    let EventPage { events, more, next } = page.map_err(|error| place_named(error.into(), backwards))?;
    // A page that holds nothing yet, though there is more to look at, says where to go on all the same.
    let nothing_yet = (events.is_empty() && more).then_some(next);
    let position = |event: &RecordedEvent| event.cursor.as_str().to_owned();
    let page_info = PageInfo {
        has_next_page: if backwards { began } else { more },
        has_previous_page: if backwards { more } else { began },
        start_cursor: events.first().map(position).or_else(|| nothing_yet.clone().filter(|_| backwards)),
        end_cursor: events.last().map(position).or_else(|| nothing_yet.filter(|_| !backwards)),
    };
    let edges =
        events.iter().map(|event| EventEdge { cursor: position(event), node: DomainEvent(event.clone()) });
    Ok(EventConnection {
        edges: edges.collect(),
        nodes: events.into_iter().map(DomainEvent).collect(),
        page_info,
    })
}

/// The use case knows one position; the caller gave it under one of two names.
fn place_named(mut fault: Fault, backwards: bool) -> Fault {
    for field in fault.fields.iter_mut().filter(|field| backwards && field.path == "afterPosition") {
        field.path = "beforePosition".to_owned();
    }
    fault
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(
        after: Option<&str>,
        before: Option<&str>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> EventsAsked {
        let filter = EventFilter::default();
        EventsAsked {
            filter,
            after: after.map(str::to_owned),
            before: before.map(str::to_owned),
            first,
            last,
        }
    }

    #[test]
    fn events_are_read_forwards_from_the_start_unless_told() {
        let range = |asked: EventsAsked| asked.understood().expect("understood");
        assert_eq!(range(asking(None, None, None, None)), (EventRange::After(None), 20));
        assert_eq!(
            range(asking(Some("5"), None, Some(3), None)),
            (EventRange::After(Some("5".to_owned())), 3)
        );
    }

    #[test]
    fn last_and_before_read_backwards() {
        let range = |asked: EventsAsked| asked.understood().expect("understood");
        assert_eq!(range(asking(None, None, None, Some(7))), (EventRange::Before(None), 7));
        assert_eq!(
            range(asking(None, Some("5"), None, None)),
            (EventRange::Before(Some("5".to_owned())), 20)
        );
    }

    #[test]
    fn what_does_not_go_together_is_named_all_at_once() {
        let paths = |asked: EventsAsked| -> Vec<String> {
            let fault = asked.understood().expect_err("refused");
            fault.fields.into_iter().map(|field| field.path).collect()
        };
        assert_eq!(paths(asking(None, None, Some(1), Some(101))), ["first", "last"]);
        assert_eq!(paths(asking(Some("1"), Some("2"), None, None)), ["afterPosition"]);
        assert_eq!(paths(asking(None, Some("2"), Some(0), None)), ["beforePosition", "first"]);
        assert_eq!(paths(asking(Some("1"), None, None, Some(0))), ["afterPosition", "last"]);
    }
}
