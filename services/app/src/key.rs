//! Stream keys.

use std::fmt;
use std::str::FromStr;

use subtle::ConstantTimeEq;

/// Letters and digits that nobody mistakes for another when reading a key aloud: no `0 1 i l o u`.
const ALPHABET: &[u8; 30] = b"23456789abcdefghjkmnpqrstvwxyz";

/// Length of a key: 28 letters of 30 hold 137 bits (the platform's floor is 128).
pub const STREAM_KEY_LENGTH: usize = 28;

/// The largest multiple of the alphabet's size that fits a byte: bytes above it are thrown away, or some letters
/// would come more often than others.
const FAIR: u8 = 240;

/// The secret by which a broadcaster publishes. Never printed by `Debug`; there is no `Display`.
#[derive(Clone)]
pub struct StreamKey(String);

/// Text that cannot be a stream key. It does not repeat the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no stream key: copy it again from the channel's settings")]
pub struct NoStreamKey;

impl StreamKey {
    /// A new key out of a source of random bytes.
    pub(crate) fn generate<E>(mut random: impl FnMut(&mut [u8]) -> Result<(), E>) -> Result<Self, E> {
        let mut text = String::with_capacity(STREAM_KEY_LENGTH);
        let mut bytes = [0_u8; STREAM_KEY_LENGTH];
        while text.len() < STREAM_KEY_LENGTH {
            random(&mut bytes)?;
            let fair = bytes.iter().filter(|byte| **byte < FAIR);
            let letters = fair.map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]));
            text.extend(letters.take(STREAM_KEY_LENGTH - text.len()));
        }
        Ok(Self(text))
    }

    /// The key itself, for the one who may see it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl FromStr for StreamKey {
    type Err = NoStreamKey;

    fn from_str(text: &str) -> Result<Self, NoStreamKey> {
        let fits = text.len() == STREAM_KEY_LENGTH && text.bytes().all(|byte| ALPHABET.contains(&byte));
        if fits { Ok(Self(text.to_owned())) } else { Err(NoStreamKey) }
    }
}

/// In constant time, whatever the keys hold.
impl PartialEq for StreamKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for StreamKey {}

impl fmt::Debug for StreamKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StreamKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_of_the_alphabet_and_reads_back() {
        let mut next = 0_u8;
        let key = StreamKey::generate(|bytes| {
            for byte in bytes {
                *byte = next;
                next = next.wrapping_add(37);
            }
            Ok::<_, ()>(())
        })
        .unwrap();
        assert_eq!(key.expose().len(), STREAM_KEY_LENGTH);
        assert_eq!(key.expose().parse::<StreamKey>(), Ok(key.clone()));
        assert_eq!(format!("{key:?}"), "StreamKey(…)");
    }

    #[test]
    fn each_letter_is_as_likely_as_any_other() {
        // Feed each byte value equally often and count the letters that come out.
        let mut count = [0_u32; 256];
        let mut value = 0_u8;
        for _ in 0..240 {
            let key = StreamKey::generate(|bytes| {
                bytes.iter_mut().for_each(|byte| {
                    *byte = value;
                    value = if value == 239 { 0 } else { value + 1 };
                });
                Ok::<_, ()>(())
            });
            for byte in key.unwrap().expose().bytes() {
                count[usize::from(byte)] += 1;
            }
        }
        assert!(ALPHABET.iter().all(|letter| count[usize::from(*letter)] == 240 * 28 / 30));
    }

    #[test]
    fn bytes_that_would_favour_letters_are_thrown_away() {
        let mut calls = 0_u8;
        let key = StreamKey::generate(|bytes| {
            bytes.fill(if calls == 0 { 255 } else { 0 });
            calls += 1;
            Ok::<_, ()>(())
        });
        assert_eq!((key.unwrap().expose(), calls), ("2".repeat(28).as_str(), 2));
    }

    #[test]
    fn look_alikes_and_wrong_lengths_are_no_keys() {
        for text in ["", "0".repeat(28).as_str(), "l".repeat(28).as_str(), "2".repeat(27).as_str()] {
            assert_eq!(text.parse::<StreamKey>(), Err(NoStreamKey));
        }
    }
}
