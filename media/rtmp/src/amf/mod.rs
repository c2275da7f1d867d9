//! Action Message Format: what commands and metadata are written in. AMF 0, and AMF 3 where a value switches to it.

mod amf0;
mod amf3;
mod value;

pub use amf0::{decode, encode};
pub use value::Value;

/// How deep values may nest: `connect` and `onMetaData` reach three.
pub const MAX_DEPTH: usize = 16;
/// How many values one message may hold, nested ones counted. `onMetaData` holds some thirty.
pub const MAX_VALUES: usize = 4096;

/// How many bytes of text a message may repeat by reference (AMF 3 §2.2).
pub const MAX_REPEATED_TEXT: usize = 64 << 10;

/// What is left of a message's share.
#[derive(Debug)]
struct Budget {
    values: usize,
    repeated_text: usize,
}

impl Budget {
    fn new() -> Self {
        Self { values: MAX_VALUES, repeated_text: MAX_REPEATED_TEXT }
    }

    fn spend(&mut self, depth: usize) -> Result<(), crate::AmfError> {
        if depth > MAX_DEPTH {
            return Err(crate::AmfError::TooDeep);
        }
        self.values = self.values.checked_sub(1).ok_or(crate::AmfError::TooMany)?;
        Ok(())
    }

    /// Text that stands once on the wire and is wanted again.
    fn repeat(&mut self, text: &str) -> Result<String, crate::AmfError> {
        self.repeated_text = self.repeated_text.checked_sub(text.len()).ok_or(crate::AmfError::TooMany)?;
        Ok(text.to_owned())
    }
}
