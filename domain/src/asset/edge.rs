//! What is made for the edges of a cut that is exact to the picture.

use serde::{Deserialize, Serialize};

use crate::{Span, ValueError};

/// An edge's file: 32 lower-case hexadecimal digits, a hash of what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EdgeName(String);

impl EdgeName {
    /// Its digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for EdgeName {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, ValueError> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() == 32 && text.bytes().all(is_digit) {
            return Ok(Self(text));
        }
        Err(ValueError::Form { what: "an edge's name", wanted: "32 lower-case hexadecimal digits" })
    }
}

impl From<EdgeName> for String {
    fn from(name: EdgeName) -> Self {
        name.0
    }
}

/// What decodes an edge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum EdgeInit {
    /// The session's init section of this number: its pictures are those that were sent.
    Session(u32),
    /// One of its own: its pictures were coded anew.
    Own {
        /// How much it is, bytes.
        bytes: u32,
        /// RFC 6381.
        codecs: String,
    },
}

/// Media that is shown in the place of a part of the session's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// Its file.
    pub name: EdgeName,
    /// What it shows of the session's media time.
    pub span: Span,
    /// What of it it was made of, which stays as long as it does.
    pub of: Span,
    /// How much it is, bytes.
    pub bytes: u64,
    /// Their CRC-32.
    pub crc32: u32,
    /// What decodes it.
    pub init: EdgeInit,
}

/// The edges of a cut, each for a span of its own. None: it falls on key frames.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Edge>", into = "Vec<Edge>")]
pub struct Edges(Vec<Edge>);

impl Edges {
    /// The most edges: an event stays short.
    pub const MAX: usize = 200;
    /// The longest text of codecs, in bytes.
    const MAX_CODECS: usize = 100;

    /// The edges.
    pub fn as_slice(&self) -> &[Edge] {
        &self.0
    }
}

impl TryFrom<Vec<Edge>> for Edges {
    type Error = ValueError;

    fn try_from(edges: Vec<Edge>) -> Result<Self, ValueError> {
        if edges.len() > Self::MAX {
            let (what, found) = ("the edges of an asset", edges.len());
            return Err(ValueError::Count { what, min: 0, max: Self::MAX, found });
        }
        let is_long = |edge: &Edge| matches!(&edge.init, EdgeInit::Own { codecs, .. } if codecs.len() > Self::MAX_CODECS);
        if edges.iter().any(is_long) {
            return Err(ValueError::Form { what: "the codecs of an edge", wanted: "100 bytes at most" });
        }
        Ok(Self(edges))
    }
}

impl From<Edges> for Vec<Edge> {
    fn from(edges: Edges) -> Self {
        edges.0
    }
}
