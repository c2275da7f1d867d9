//! Relay connections with keyset cursors: a page begins after a row's own key, so it stays right while rows are added.

use async_graphql::{Result, SimpleObject};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sigma_app::PageKey;

use super::errors::Fault;

/// Rows of a page where `first` is not given.
const DEFAULT_PAGE: i32 = 20;
/// Rows of a page at most.
const MAX_PAGE: i32 = 100;
/// The longest cursor that is looked into, in bytes.
const CURSOR_BYTES: usize = 256;

/// Where a page of a list stands.
#[derive(SimpleObject, Clone, Debug, PartialEq, Eq)]
pub(crate) struct PageInfo {
    /// Whether there is more after this page.
    has_next_page: bool,
    /// Whether this page began after a cursor.
    has_previous_page: bool,
    /// The cursor of the page's first edge.
    start_cursor: Option<String>,
    /// The cursor of the page's last edge: give it as `after` to read on.
    end_cursor: Option<String>,
}

/// What a caller asked for, understood.
pub(crate) struct Page {
    pub(crate) after: Option<PageKey>,
    first: u32,
}

impl Page {
    pub(crate) fn parse(first: Option<i32>, after: Option<&str>) -> Result<Self> {
        let first = first.unwrap_or(DEFAULT_PAGE);
        let first = match u32::try_from(first) {
            Ok(fit @ 1..=100) => fit,
            _ => {
                return Err(
                    Fault::field("first", format!("first must be 1 to {MAX_PAGE}, not {first}")).into()
                );
            }
        };
        let after = after.map(|cursor| read(cursor).ok_or_else(bad_cursor)).transpose()?;
        Ok(Self { after, first })
    }

    /// One row more than the page holds: it tells whether there is a next one.
    pub(crate) fn limit(&self) -> u32 {
        self.first + 1
    }

    /// Cuts `rows` to the page and says where it stands.
    pub(crate) fn cut<R>(&self, rows: &mut Vec<R>, key: impl Fn(&R) -> PageKey) -> PageInfo {
        let has_next_page = rows.len() > self.first as usize;
        rows.truncate(self.first as usize);
        PageInfo {
            has_next_page,
            has_previous_page: self.after.is_some(),
            start_cursor: rows.first().map(|row| cursor(&key(row))),
            end_cursor: rows.last().map(|row| cursor(&key(row))),
        }
    }
}

/// How many rows a list counts for when a request's complexity is summed up.
pub(crate) fn weight(first: Option<i32>) -> usize {
    usize::try_from(first.unwrap_or(DEFAULT_PAGE).clamp(1, MAX_PAGE)).unwrap_or(1)
}

fn bad_cursor() -> Fault {
    Fault::field("after", "after is no cursor of this list: give an endCursor or an edge's cursor as it came")
}

/// The opaque text of a key.
pub(crate) fn cursor(key: &PageKey) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(format!("1:{}:{}", key.at_ms, key.id))
}

fn read(cursor: &str) -> Option<PageKey> {
    if cursor.len() > CURSOR_BYTES {
        return None;
    }
    let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    let (at_ms, id) = text.strip_prefix("1:")?.split_once(':')?;
    Some(PageKey { at_ms: at_ms.parse().ok()?, text: String::new(), id: id.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back() {
        let key = PageKey { at_ms: -5, text: String::new(), id: "ch_1:2".to_owned() };
        assert_eq!(read(&cursor(&key)), Some(key));
    }

    #[test]
    fn what_is_no_cursor_is_refused_by_name() {
        for text in ["", "x", "MTo1", &"A".repeat(1000)] {
            let error = Page::parse(None, Some(text)).err().expect("refused");
            assert!(error.message.starts_with("after is no cursor"), "{text}");
        }
    }

    #[test]
    fn first_is_bounded() {
        for first in [0, -1, 101, i32::MAX] {
            assert!(Page::parse(Some(first), None).is_err(), "{first}");
        }
        assert_eq!(Page::parse(None, None).expect("a page").limit(), 21);
    }

    #[test]
    fn the_row_beyond_the_page_only_says_that_there_is_more() {
        let page = Page::parse(Some(2), None).expect("a page");
        let mut rows = vec![3, 2, 1];
        let info = page.cut(&mut rows, |row| PageKey { at_ms: *row, ..PageKey::default() });
        assert_eq!(rows, [3, 2]);
        assert!(info.has_next_page && !info.has_previous_page);
        let mut last = vec![2, 1];
        assert!(!page.cut(&mut last, |row| PageKey { at_ms: *row, ..PageKey::default() }).has_next_page);
    }
}
