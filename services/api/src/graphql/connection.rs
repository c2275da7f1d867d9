//! Relay connections with keyset cursors: a page begins after a row's own key, so it stays right while rows are added.

use async_graphql::{Result, SimpleObject};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sigma_app::PageKey;

use super::errors::Fault;

/// Rows of a page where `first` is not given.
pub(crate) const DEFAULT_PAGE: i32 = 20;
/// Rows of a page at most.
pub(crate) const MAX_PAGE: i32 = 100;
/// The longest cursor that is looked into, in bytes: a folded name of 100 characters has room.
const CURSOR_BYTES: usize = 2_048;

/// Where a page of a list stands.
#[derive(SimpleObject, Clone, Debug, PartialEq, Eq)]
pub(crate) struct PageInfo {
    /// Whether there is more after this page.
    pub(crate) has_next_page: bool,
    /// Whether there is more before this page, as far as it can tell: it began after a cursor.
    pub(crate) has_previous_page: bool,
    /// The cursor of the page's first edge; null on an empty page.
    pub(crate) start_cursor: Option<String>,
    /// The cursor of the page's last edge, null on an empty page: give it as `after` to read on.
    pub(crate) end_cursor: Option<String>,
}

/// A list in its order. A cursor is good for the one that gave it, and for no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listing {
    ChannelsNewest,
    ChannelsOldest,
    ChannelsByName,
    Sessions,
    Assets,
}

impl Listing {
    const ALL: [Self; 5] =
        [Self::ChannelsNewest, Self::ChannelsOldest, Self::ChannelsByName, Self::Sessions, Self::Assets];

    /// As it stands in a cursor.
    const fn code(self) -> &'static str {
        match self {
            Self::ChannelsNewest => "channels-newest",
            Self::ChannelsOldest => "channels-oldest",
            Self::ChannelsByName => "channels-name",
            Self::Sessions => "sessions",
            Self::Assets => "assets",
        }
    }

    /// As it is told to people.
    const fn words(self) -> &'static str {
        match self {
            Self::ChannelsNewest => "channels in the order NEWEST",
            Self::ChannelsOldest => "channels in the order OLDEST",
            Self::ChannelsByName => "channels in the order NAME",
            Self::Sessions => "sessions",
            Self::Assets => "assets",
        }
    }

    /// The opaque text of a row's key.
    pub(crate) fn cursor(self, key: &PageKey) -> String {
        let PageKey { at_ms, text, id } = key;
        BASE64_URL_SAFE_NO_PAD.encode(format!("2:{}:{at_ms}:{id}:{text}", self.code()))
    }
}

/// What a caller asked for, understood.
pub(crate) struct Page {
    pub(crate) after: Option<PageKey>,
    listing: Listing,
    first: u32,
}

impl Page {
    pub(crate) fn parse(listing: Listing, first: Option<i32>, after: Option<&str>) -> Result<Self> {
        let mut wrong = Vec::new();
        let first = rows("first", first).map_err(|fault| wrong.push(fault));
        let after = after.map(|cursor| read(listing, cursor)).transpose().map_err(|fault| wrong.push(fault));
        match (first, after) {
            (Ok(first), Ok(after)) => Ok(Self { after, listing, first }),
            _ => Err(Fault::together(wrong).into()),
        }
    }

    /// One row more than the page holds: it tells whether there is a next one.
    pub(crate) fn limit(&self) -> u32 {
        self.first + 1
    }

    /// Cuts `rows` to the page and says where it stands.
    pub(crate) fn cut<R>(&self, rows: &mut Vec<R>, key: impl Fn(&R) -> PageKey) -> PageInfo {
        let has_next_page = rows.len() > self.first as usize;
        rows.truncate(self.first as usize);
        let cursor = |row: &R| self.listing.cursor(&key(row));
        PageInfo {
            has_next_page,
            has_previous_page: self.after.is_some(),
            start_cursor: rows.first().map(cursor),
            end_cursor: rows.last().map(cursor),
        }
    }
}

/// How many rows a list counts for when a request's complexity is summed up.
pub(crate) fn weight(first: Option<i32>) -> usize {
    usize::try_from(first.unwrap_or(DEFAULT_PAGE).clamp(1, MAX_PAGE)).unwrap_or(1)
}

/// The rows of a page: 20 unless told, 1 to 100.
pub(crate) fn rows(path: &str, asked: Option<i32>) -> std::result::Result<u32, Fault> {
    match asked.unwrap_or(DEFAULT_PAGE) {
        fit @ 1..=MAX_PAGE => Ok(fit.unsigned_abs()),
        other => Err(Fault::field(path, format!("{path} must be 1 to {MAX_PAGE}, not {other}"))),
    }
}

fn read(listing: Listing, cursor: &str) -> std::result::Result<PageKey, Fault> {
    let mend = "give an endCursor or an edge's cursor as it came";
    let Some((code, key)) = parts(cursor) else {
        return Err(Fault::field("after", format!("after is no cursor of this list: {mend}")));
    };
    if code == listing.code() {
        return Ok(key);
    }
    let of =
        Listing::ALL.into_iter().find(|known| known.code() == code).map_or("another list", Listing::words);
    let message = format!("after is a cursor of {of}, and this list is {}: {mend}", listing.words());
    Err(Fault::field("after", message))
}

/// The list's code and the key.
fn parts(cursor: &str) -> Option<(String, PageKey)> {
    if cursor.len() > CURSOR_BYTES {
        return None;
    }
    let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    // The key's text stands last: it may hold anything.
    let mut parts = text.strip_prefix("2:")?.splitn(4, ':');
    let (code, at_ms, id, text) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    Some((code.to_owned(), PageKey { at_ms: at_ms.parse().ok()?, text: text.to_owned(), id: id.to_owned() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> PageKey {
        PageKey { at_ms: -5, text: "a:b:\u{1ea5}".to_owned(), id: "ch_12".to_owned() }
    }

    fn refusal(listing: Listing, cursor: &str) -> String {
        Page::parse(listing, None, Some(cursor)).err().expect("refused").message
    }

    #[test]
    fn a_cursor_reads_back() {
        for listing in Listing::ALL {
            let page = Page::parse(listing, None, Some(&listing.cursor(&key()))).expect("a page");
            assert_eq!(page.after, Some(key()), "{listing:?}");
        }
    }

    #[test]
    fn a_cursor_is_good_for_its_own_list_and_order_only() {
        for of in Listing::ALL {
            for listing in Listing::ALL.into_iter().filter(|listing| *listing != of) {
                let message = refusal(listing, &of.cursor(&key()));
                assert!(message.starts_with(&format!("after is a cursor of {}", of.words())), "{message}");
            }
        }
    }

    #[test]
    fn what_is_no_cursor_is_refused_by_name() {
        let older = BASE64_URL_SAFE_NO_PAD.encode("1:5:ch_1");
        for text in ["", "x", "MTo1", &older, &"A".repeat(10_000)] {
            assert!(refusal(Listing::Sessions, text).starts_with("after is no cursor"), "{text}");
        }
    }

    #[test]
    fn first_is_bounded() {
        for first in [0, -1, 101, i32::MAX, i32::MIN] {
            assert!(Page::parse(Listing::Sessions, Some(first), None).is_err(), "{first}");
        }
        assert_eq!(Page::parse(Listing::Sessions, None, None).expect("a page").limit(), 21);
    }

    #[test]
    fn a_wrong_size_and_a_wrong_cursor_are_told_together() {
        let error = Page::parse(Listing::Sessions, Some(0), Some("x")).err().expect("refused");
        let fields =
            error.extensions.as_ref().and_then(|extensions| extensions.get("fields")).expect("fields");
        let text = fields.to_string();
        assert!(text.contains("path: \"first\"") && text.contains("path: \"after\""), "{text}");
    }

    #[test]
    fn the_row_beyond_the_page_only_says_that_there_is_more() {
        let page = Page::parse(Listing::Sessions, Some(2), None).expect("a page");
        let key = |row: &i64| PageKey { at_ms: *row, text: String::new(), id: String::new() };
        let mut rows = vec![3, 2, 1];
        let info = page.cut(&mut rows, key);
        assert_eq!(rows, [3, 2]);
        assert!(info.has_next_page && !info.has_previous_page);
        let mut last = vec![2, 1];
        assert!(!page.cut(&mut last, key).has_next_page);
    }
}
