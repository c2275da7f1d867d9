//! Numbers of things in words.

/// `1 event`, `2 events`.
pub(crate) fn counted(number: impl Into<u64>, thing: &str) -> String {
    let number = number.into();
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{s}")
}

/// `1 event waits`, `2 events wait`.
pub(crate) fn events_wait(number: u64) -> String {
    let s = if number == 1 { "s" } else { "" };
    format!("{} wait{s}", counted(number, "event"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_told_otherwise_than_many() {
        assert_eq!([0, 1, 2].map(events_wait), ["0 events wait", "1 event waits", "2 events wait"]);
        assert_eq!([1_u16, 12].map(|number| counted(number, "partition")), ["1 partition", "12 partitions"]);
    }
}
