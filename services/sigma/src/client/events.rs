//! `sigma events tail`: all that happens, none lost and none twice.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::connection::Client;
use super::feed::{Feed, Pause};
use super::look::{Look, Tone};
use super::table::cut;
use super::{export, print};
use crate::cli::{ConnectArgs, EventFilterArgs, EventsCommand};
use crate::fault::Fault;

pub(crate) const EVENT: &str = "fragment E on DomainEvent { id position aggregateType aggregateId channelId sequence \
type version at actor { kind id name } commandId correlationId causationId data }";
/// Events that the API gives at once.
pub(crate) const PAGE: u16 = 100;

pub(crate) async fn run(command: EventsCommand) -> Result<(), Fault> {
    match command {
        EventsCommand::Tail { after, lines, no_follow, filter, connect } => {
            let client = Client::connect(&connect)?;
            let tail = Tail { client: &client, filter: &filter, connect: &connect };
            tail.run(after, lines, !no_follow).await
        }
        EventsCommand::Export { after, output, filter, connect } => {
            export::run(&connect, &filter, after, output.as_deref()).await
        }
    }
}

/// Some events, and where to read on while there may be more.
pub(crate) struct Found {
    pub(crate) events: Vec<Value>,
    pub(crate) next: Option<String>,
}

impl Found {
    /// A page may hold nothing and still say where to go on: what little a filter finds in a long log is looked for in pieces.
    fn of(mut page: Value) -> Self {
        let info = &page["pageInfo"];
        let next =
            info["endCursor"].as_str().filter(|_| info["hasNextPage"] == json!(true)).map(str::to_owned);
        Self { events: page["nodes"].as_array_mut().map(std::mem::take).unwrap_or_default(), next }
    }
}

/// Events after a position, filtered by the server, oldest first.
pub(crate) async fn page(
    client: &Client,
    filter: &EventFilterArgs,
    after: Option<&str>,
) -> Result<Found, Fault> {
    let query = format!(
        "query Events($after: String, $first: Int, $type: String, $channel: ID, $aggregate: ID) {{ \
         events(afterPosition: $after, first: $first, type: $type, channelId: $channel, aggregateId: $aggregate) {{ \
         nodes {{ ...E }} pageInfo {{ hasNextPage endCursor }} }} }} {EVENT}"
    );
    let variables = json!({ "after": after, "first": PAGE, "type": filter.kind, "channel": filter.channel,
        "aggregate": filter.aggregate });
    Ok(Found::of(client.field(&query, variables, "events").await?))
}

/// The newest events, oldest first.
pub(crate) async fn newest(
    client: &Client,
    filter: &EventFilterArgs,
    last: u16,
) -> Result<Vec<Value>, Fault> {
    let query = format!(
        "query Newest($last: Int, $type: String, $channel: ID, $aggregate: ID) {{ \
         events(last: $last, type: $type, channelId: $channel, aggregateId: $aggregate) {{ nodes {{ ...E }} }} }} {EVENT}"
    );
    let variables = json!({ "last": last, "type": filter.kind, "channel": filter.channel, "aggregate": filter.aggregate });
    let mut page = client.field(&query, variables, "events").await?;
    Ok(page["nodes"].as_array_mut().map(std::mem::take).unwrap_or_default())
}

struct Tail<'a> {
    client: &'a Client,
    filter: &'a EventFilterArgs,
    connect: &'a ConnectArgs,
}

/// Why showing ended.
enum Shown {
    On,
    NobodyReads,
}

impl Tail<'_> {
    async fn run(&self, after: Option<String>, lines: u16, follow: bool) -> Result<(), Fault> {
        let mut reader = Reader::default();
        if after.is_some() {
            reader.position = after;
        } else {
            // The log's end first: what comes while the newest are asked for is followed, and not shown twice.
            let end = newest(self.client, &EventFilterArgs::default(), 1).await?;
            let first = if lines == 0 { Vec::new() } else { newest(self.client, self.filter, lines).await? };
            reader.shown = first.iter().map(|event| print::cell(&event["id"])).collect();
            reader.position = end.last().and_then(|event| event["position"].as_str()).map(str::to_owned);
            if let Shown::NobodyReads = self.show(&first)? {
                return Ok(());
            }
            if !follow {
                return Ok(());
            }
        }
        if follow { self.follow(reader).await } else { self.to_the_end(reader).await }
    }

    /// What there is now, and no more.
    async fn to_the_end(&self, mut reader: Reader) -> Result<(), Fault> {
        loop {
            let Found { events, next } = page(self.client, self.filter, reader.position.as_deref()).await?;
            if let Shown::NobodyReads = self.show(&events)? {
                return Ok(());
            }
            if next.is_none() {
                return Ok(());
            }
            reader.position = next;
        }
    }

    /// On and on, over every connection that it takes.
    async fn follow(&self, mut reader: Reader) -> Result<(), Fault> {
        let mut pause = Pause::default();
        let mut noticed = false;
        let mut begun = false;
        loop {
            match self.one_connection(&mut reader, &mut begun, &mut noticed, &mut pause).await {
                Ok(Shown::NobodyReads) => return Ok(()),
                Ok(Shown::On) => {}
                Err(fault) if fault.may_pass() && begun => {
                    if !std::mem::replace(&mut noticed, true) {
                        eprintln!("sigma: {fault}; trying again");
                    }
                }
                Err(fault) => return Err(fault),
            }
            pause.wait().await;
        }
    }

    async fn one_connection(
        &self,
        reader: &mut Reader,
        begun: &mut bool,
        noticed: &mut bool,
        pause: &mut Pause,
    ) -> Result<Shown, Fault> {
        let subscription = format!(
            "subscription Events($after: String) {{ events(afterPosition: $after) {{ ...E }} }} {EVENT}"
        );
        let mut feed = Feed::open(self.client, &subscription, &json!({ "after": reader.position })).await?;
        *begun = true;
        if std::mem::take(noticed) {
            eprintln!("sigma: the server answers again; going on where it broke off");
        }
        if reader.position.is_none() {
            // The log was empty, so there is nothing to go on after: it is read from its beginning, beside the feed.
            loop {
                let everything = EventFilterArgs::default();
                let Found { events, next } =
                    page(self.client, &everything, reader.position.as_deref()).await?;
                let fresh = reader.take(events, self.filter);
                if let Shown::NobodyReads = self.show(&fresh)? {
                    return Ok(Shown::NobodyReads);
                }
                if next.is_none() {
                    break;
                }
            }
        }
        while let Some(mut data) = feed.next().await? {
            pause.reset();
            let fresh = reader.take(vec![data["events"].take()], self.filter);
            if let Shown::NobodyReads = self.show(&fresh)? {
                return Ok(Shown::NobodyReads);
            }
        }
        Ok(Shown::On)
    }

    fn show(&self, events: &[Value]) -> Result<Shown, Fault> {
        if events.is_empty() {
            return Ok(Shown::On);
        }
        let lines: Vec<String> = match self.connect.json {
            true => events.iter().map(Value::to_string).collect(),
            false => events.iter().map(|event| line(event, Look::of_stdout())).collect(),
        };
        Ok(if print::still_read(lines)? { Shown::On } else { Shown::NobodyReads })
    }
}

/// How far one has read.
#[derive(Debug, Default)]
struct Reader {
    position: Option<String>,
    /// Ids of events behind `position` that were shown already.
    shown: HashSet<String>,
}

impl Reader {
    /// Moves on over `events` and gives those of them that are wanted and were not shown.
    fn take(&mut self, events: Vec<Value>, filter: &EventFilterArgs) -> Vec<Value> {
        if let Some(position) = events.last().and_then(|event| event["position"].as_str()) {
            self.position = Some(position.to_owned());
        }
        let beginning = std::mem::take(&mut self.shown);
        let fresh: Vec<Value> = events
            .into_iter()
            .filter(|event| matches(event, filter) && !beginning.contains(&print::cell(&event["id"])))
            .collect();
        self.shown = beginning;
        fresh
    }
}

/// Whether the subscription's event is one that was asked for: the query's own rule.
fn matches(event: &Value, filter: &EventFilterArgs) -> bool {
    let is = |name: &str, wanted: &Option<String>| {
        wanted.as_deref().is_none_or(|wanted| event[name] == json!(wanted))
    };
    let kind = event["type"].as_str().unwrap_or_default();
    let of_kind = filter
        .kind
        .as_deref()
        .is_none_or(|wanted| if wanted.ends_with('.') { kind.starts_with(wanted) } else { kind == wanted });
    of_kind && is("channelId", &filter.channel) && is("aggregateId", &filter.aggregate)
}

/// One event on one line; on a terminal cut to its width.
fn line(event: &Value, look: Look) -> String {
    let cell = |name: &str| print::cell(&event[name]);
    let (at, kind) = (print::moment(&event["at"]), cell("type"));
    let rest = format!("{}  {}  {}", cell("aggregateId"), print::actor(&event["actor"]), cell("data"));
    let taken = at.len() + kind.len() + 4;
    let rest = match look.width {
        Some(width) => cut(&rest, width.saturating_sub(taken)),
        None => rest,
    };
    format!("{}  {}  {rest}", look.paint(&at, Tone::Quiet), look.paint(&kind, Tone::Heading))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str, kind: &str) -> Value {
        json!({ "id": id, "position": format!("p{id}"), "type": kind, "channelId": "ch_1", "aggregateId": "se_1",
            "at": "2026-11-24T17:30:00.250Z", "actor": { "kind": "TOKEN", "id": "tk_1", "name": "studio" }, "data": { "a": 1 } })
    }

    #[test]
    fn a_page_that_holds_nothing_yet_is_read_on_from_where_it_looked() {
        let read = |nodes: Value, more: bool| {
            Found::of(json!({ "nodes": nodes, "pageInfo": { "hasNextPage": more, "endCursor": "p7" } }))
        };
        let nothing_yet = read(json!([]), true);
        assert_eq!((nothing_yet.events.len(), nothing_yet.next.as_deref()), (0, Some("p7")));
        assert_eq!(read(json!([event("1", "session.live")]), false).next, None);
    }

    fn filter(kind: &str) -> EventFilterArgs {
        EventFilterArgs { kind: Some(kind.to_owned()), channel: None, aggregate: None }
    }

    #[test]
    fn a_reader_moves_on_over_what_it_does_not_show() {
        let mut reader = Reader::default();
        let fresh =
            reader.take(vec![event("1", "session.live"), event("2", "channel.updated")], &filter("session."));
        assert_eq!(fresh.len(), 1);
        assert_eq!(reader.position.as_deref(), Some("p2"));
    }

    #[test]
    fn what_was_shown_first_is_not_shown_again() {
        let mut reader = Reader { position: None, shown: HashSet::from(["1".to_owned()]) };
        let fresh = reader
            .take(vec![event("1", "session.live"), event("2", "session.live")], &filter("session.live"));
        assert_eq!(fresh, [event("2", "session.live")]);
    }

    #[test]
    fn a_family_is_told_by_its_dot() {
        let wanted = |kind: &str| matches(&event("1", "session.live"), &filter(kind));
        assert!(wanted("session.") && wanted("session.live"));
        assert!(!wanted("session") && !wanted("session.li") && !wanted("channel."));
        let elsewhere = EventFilterArgs { channel: Some("ch_2".to_owned()), ..EventFilterArgs::default() };
        assert!(!matches(&event("1", "session.live"), &elsewhere));
    }

    #[test]
    fn an_event_is_one_line_that_fits() {
        let whole = line(&event("1", "session.live"), Look::default());
        assert_eq!(whole, "2026-11-24 17:30:00Z  session.live  se_1  token studio  {\"a\":1}");
        let cut = line(&event("1", "session.live"), Look { width: Some(50), colour: false });
        assert_eq!(cut, "2026-11-24 17:30:00Z  session.live  se_1  token s…");
    }
}
