//! A place in the topic as text: the log's id, and for each partition the offset to read on from.

use sigma_store::{Cursor, LogError};

/// For each partition the next offset.
pub(crate) type Offsets = Vec<i64>;

/// `LOG.7,0,42`
pub(crate) fn write(log: &str, offsets: &[i64]) -> Cursor {
    let mut text = String::with_capacity(log.len() + 1 + offsets.len() * 8);
    text.push_str(log);
    for (n, offset) in offsets.iter().enumerate() {
        text.push(if n == 0 { '.' } else { ',' });
        text.push_str(&offset.to_string());
    }
    Cursor::from_text(text)
}

/// The offsets of a cursor of the log `log` with `partitions` partitions; an empty log has no id and no cursor but the
/// start.
pub(crate) fn read(cursor: &Cursor, log: Option<&str>, partitions: usize) -> Result<Offsets, LogError> {
    let text = cursor.as_str();
    let foreign = || LogError::ForeignCursor(format!("the place {text} is not of this log"));
    let (id, list) = text.rsplit_once('.').ok_or_else(foreign)?;
    if Some(id) != log {
        return Err(foreign());
    }
    let offsets: Option<Offsets> =
        list.split(',').map(|offset| offset.parse().ok().filter(|n| *n >= 0)).collect();
    offsets.filter(|offsets| offsets.len() == partitions).ok_or_else(foreign)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_written_and_read_again_is_the_same_place() {
        let cursor = write("lg_1", &[7, 0, 42]);
        assert_eq!(cursor.as_str(), "lg_1.7,0,42");
        assert_eq!(read(&cursor, Some("lg_1"), 3), Ok(vec![7, 0, 42]));
    }

    #[test]
    fn a_place_of_another_log_is_refused() {
        for text in
            ["lg_2.7,0,42", "lg_1.7,0", "lg_1.7,0,42,1", "lg_1.7,0,x", "lg_1.7,0,-1", "7,0,42", "lg_1", ""]
        {
            let found = read(&Cursor::from_text(text), Some("lg_1"), 3);
            assert!(matches!(found, Err(LogError::ForeignCursor(_))), "{text}: {found:?}");
        }
        assert!(read(&write("lg_1", &[0]), None, 1).is_err());
    }
}
