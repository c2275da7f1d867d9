//! Kafka, and who fills it.

use sigma_relay::{BROKERS_MEND, PostgresOffice, Standing, TopicError};
use sigma_store::Cursor;
use sigma_store_postgres::behind;

use super::Verdict;
use super::Verdict::{Amiss, Bad, Good};
use crate::counting::{counted, events_wait};
use crate::fault::Fault;
use crate::settings::Kafka;

/// More events than this behind are told of.
const BEHIND_MOST: u64 = 1_000;

/// Whether the brokers answer, and how the topics are.
pub(super) async fn brokers(kafka: &Kafka) -> Verdict {
    let Kafka { connection, events, health, .. } = kafka;
    let (mut told, mut complaints) = (Vec::new(), Vec::new());
    for topic in [events, health] {
        match topic.look(connection).await {
            Ok(None) => told.push(format!("{} will be made at the first start", topic.name)),
            Ok(Some(found)) => {
                told.push(format!("{} has {}", topic.name, counted(found.partitions, "partition")));
                complaints.extend(found.complaints);
            }
            // Broadcasts go on without.
            Err(TopicError::Away(why)) => {
                return Amiss(Fault::new(format!("{}: {why}", connection.brokers), BROKERS_MEND));
            }
            Err(TopicError::Unfit(why)) => return Bad(Fault::told(why)),
        }
    }
    match complaints.is_empty() {
        true => Good(format!("{} answers; {}", connection.brokers, told.join(", "))),
        false => Amiss(Fault::told(complaints.join("; "))),
    }
}

/// Who leads the relay, and how far behind it is.
pub(super) async fn relay(kafka: &Kafka) -> Verdict {
    let standing = match PostgresOffice::new(&kafka.database).look().await {
        Ok(standing) => standing,
        Err(error) => {
            return Bad(Fault::new(error, "see that the database runs, and that --event-store names it"));
        }
    };
    let cursor = standing.place.as_ref().map_or_else(Cursor::start, |place| place.cursor.clone());
    // A database without a store has nothing that could wait.
    judge(&standing, behind(&kafka.database, &cursor).await.ok().flatten())
}

fn judge(standing: &Standing, lag: Option<u64>) -> Verdict {
    let waits = lag.map_or_else(String::new, |lag| format!("; {}", events_wait(lag)));
    let sent = counted(standing.place.as_ref().map_or(0, |place| place.published), "event");
    let were = if sent == "1 event" { "was" } else { "were" };
    match &standing.leader {
        None if lag.unwrap_or(0) == 0 => Good(format!("nobody fills Kafka now; {sent} {were} sent{waits}")),
        None => Amiss(Fault::new(format!("nobody fills Kafka{waits}"), "start a node with --kafka")),
        Some(leader) if lag.is_some_and(|lag| lag > BEHIND_MOST) => Amiss(Fault::new(
            format!("a node at {leader} leads{waits}"),
            "see `kafka` at its /readyz for what is in its way",
        )),
        Some(leader) => Good(format!("a node at {leader} leads; {sent} {were} sent{waits}")),
    }
}

#[cfg(test)]
mod tests {
    use sigma_relay::Place;

    use super::*;

    fn standing(leader: Option<&str>) -> Standing {
        let place = Place { log: "lg_1".into(), partitions: 3, cursor: Cursor::start(), published: 7 };
        Standing { place: Some(place), leader: leader.map(str::to_owned) }
    }

    #[test]
    fn who_leads_and_how_far_behind_he_is_are_told() {
        let all_well = judge(&standing(Some("10.0.0.3")), Some(2));
        assert_eq!(all_well, Good("a node at 10.0.0.3 leads; 7 events were sent; 2 events wait".to_owned()));
        let Amiss(fault) = judge(&standing(Some("10.0.0.3")), Some(5_000)) else { panic!("another verdict") };
        assert!(fault.to_string().starts_with("a node at 10.0.0.3 leads; 5000 events wait; see"), "{fault}");
    }

    #[test]
    fn events_that_wait_for_nobody_are_amiss() {
        let Amiss(fault) = judge(&standing(None), Some(1)) else { panic!("another verdict") };
        assert_eq!(fault.to_string(), "nobody fills Kafka; 1 event waits; start a node with --kafka");
        assert!(matches!(judge(&standing(None), Some(0)), Good(_)));
    }
}
