//! Places in the log.

use sigma_store::Cursor;

/// A place: after the event of this transaction and position. All events of smaller transactions stand before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Place {
    pub(crate) xid: u64,
    pub(crate) position: i64,
}

impl Place {
    pub(crate) fn cursor(self, incarnation: &str) -> Cursor {
        Cursor::from_text(format!("{incarnation}.{}.{}", self.xid, self.position))
    }

    /// The place of a cursor, when it is one of this incarnation.
    pub(crate) fn of(incarnation: &str, cursor: &Cursor) -> Option<Self> {
        if cursor.is_start() {
            return Some(Self::default());
        }
        let rest = cursor.as_str().strip_prefix(incarnation)?.strip_prefix('.')?;
        let (xid, position) = rest.split_once('.')?;
        let position = position.parse().ok().filter(|position| *position >= 0)?;
        Some(Self { xid: xid.parse().ok()?, position })
    }
}
