//! The text of an API token: recognisable, so that scanners find leaked ones, with check digits, so that a mistyped one
//! is known without asking anybody.
//!
//! ```text
//! sgm_ + 43 base62 digits (256 random bits) + 6 base62 digits (CRC-32 of all that stands before)
//! ```

use std::fmt;
use std::str::FromStr;

use sigma_domain::ApiTokenPrefix;
use subtle::ConstantTimeEq;

/// What every API token begins with.
const MARK: &str = ApiTokenPrefix::MARK;

/// Random bytes in a token.
const RANDOM_BYTES: usize = 32;

/// Digits that hold 256 bits: 62^43 is a little more than 2^256.
const RANDOM_DIGITS: usize = 43;

/// Digits that hold 32 bits: 62^6 is more than 2^32.
const CHECK_DIGITS: usize = 6;

/// Length of an API token's text.
pub const API_TOKEN_LENGTH: usize = MARK.len() + RANDOM_DIGITS + CHECK_DIGITS;

/// Digits, letters, small letters: in ASCII's order, so that tokens sort as numbers do.
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// An API token itself: who has it may do what it may. Never printed by `Debug`; there is no `Display`.
#[derive(Clone)]
pub struct Secret(String);

/// Text that cannot be an API token. It does not repeat the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no API token: copy it again, whole, or create another")]
pub struct NoApiToken;

impl Secret {
    /// The token that these random bytes make.
    pub(crate) fn of(random: [u8; RANDOM_BYTES]) -> Self {
        let mut text = String::with_capacity(API_TOKEN_LENGTH);
        text.push_str(MARK);
        text.push_str(&random_digits(random));
        let check = check_digits(&text);
        text.push_str(&check);
        Self(text)
    }

    /// The token itself, for the one who made it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What people know it by, and no secret.
    pub fn prefix(&self) -> &str {
        // The text is ASCII and longer than that, by every way in which one is made.
        self.0.get(..MARK.len() + ApiTokenPrefix::CHARS).unwrap_or_default()
    }
}

/// 256 bits as a number in base 62, fixed width.
fn random_digits(mut number: [u8; RANDOM_BYTES]) -> String {
    let mut digits = [b'0'; RANDOM_DIGITS];
    for digit in digits.iter_mut().rev() {
        // Long division by 62, byte by byte from the greatest on; what remains is the digit.
        let mut rest = 0_u16;
        for byte in &mut number {
            let part = (rest << 8) | u16::from(*byte);
            *byte = u8::try_from(part / 62).unwrap_or(u8::MAX);
            rest = part % 62;
        }
        *digit = ALPHABET[usize::from(rest)];
    }
    digits.iter().copied().map(char::from).collect()
}

/// CRC-32 (ISO-HDLC) in base 62, fixed width.
fn check_digits(text: &str) -> String {
    let mut rest = crc32fast::hash(text.as_bytes());
    let mut digits = [b'0'; CHECK_DIGITS];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[(rest % 62) as usize];
        rest /= 62;
    }
    digits.iter().copied().map(char::from).collect()
}

impl FromStr for Secret {
    type Err = NoApiToken;

    fn from_str(text: &str) -> Result<Self, NoApiToken> {
        let is_whole = text.len() == API_TOKEN_LENGTH && text.starts_with(MARK);
        if !is_whole || !text[MARK.len()..].bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(NoApiToken);
        }
        let (body, check) = text.split_at(API_TOKEN_LENGTH - CHECK_DIGITS);
        if check_digits(body) == check { Ok(Self(text.to_owned())) } else { Err(NoApiToken) }
    }
}

/// In constant time, whatever the tokens hold.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(digits: &str) -> Vec<u8> {
        let mut number = [0_u8; RANDOM_BYTES + 1];
        for digit in digits.bytes() {
            let found = ALPHABET.iter().position(|known| *known == digit).unwrap();
            let mut carry = u16::try_from(found).unwrap();
            for byte in number.iter_mut().rev() {
                carry += u16::from(*byte) * 62;
                *byte = u8::try_from(carry & 0xff).unwrap();
                carry >>= 8;
            }
            assert_eq!(carry, 0);
        }
        number.to_vec()
    }

    #[test]
    fn a_tokens_text_is_what_is_written_down_for_scanners() {
        let nothing = Secret::of([0; RANDOM_BYTES]);
        // CRC-32 of `sgm_` and 43 zeros.
        let check = check_digits(&format!("sgm_{}", "0".repeat(43)));
        assert_eq!(nothing.expose(), format!("sgm_{}{check}", "0".repeat(43)));
        assert_eq!((nothing.expose().len(), nothing.prefix()), (53, "sgm_00000000"));
        // The check word of CRC-32/ISO-HDLC, 0xCBF43926, in base 62.
        assert_eq!(check_digits("123456789"), "3jZRME");
        assert_eq!(format!("{nothing:?}"), "Secret(…)");
        assert!(nothing.prefix().parse::<ApiTokenPrefix>().is_ok());
    }

    proptest! {
        #[test]
        fn all_256_bits_stand_in_the_text_and_it_reads_back(random: [u8; RANDOM_BYTES]) {
            let token = Secret::of(random);
            prop_assert_eq!(token.expose().parse::<Secret>(), Ok(token.clone()));
            let digits = &token.expose()[MARK.len()..MARK.len() + RANDOM_DIGITS];
            prop_assert_eq!(&value(digits)[1..], &random[..]);
        }

        #[test]
        fn one_wrong_character_is_always_noticed(random: [u8; RANDOM_BYTES], at in 0..API_TOKEN_LENGTH, wrong: char) {
            let text = Secret::of(random).expose().to_owned();
            let changed: String =
                text.chars().enumerate().map(|(i, c)| if i == at { wrong } else { c }).collect();
            prop_assume!(changed != text);
            prop_assert_eq!(changed.parse::<Secret>(), Err(NoApiToken));
        }

        #[test]
        fn two_neighbours_in_the_wrong_order_are_always_noticed(random: [u8; RANDOM_BYTES], at in 0..API_TOKEN_LENGTH - 1) {
            let mut text = Secret::of(random).expose().as_bytes().to_vec();
            // Where the check begins, both sides change: it would be a matter of luck there.
            prop_assume!(text[at] != text[at + 1] && at + 1 != API_TOKEN_LENGTH - CHECK_DIGITS);
            text.swap(at, at + 1);
            let changed = String::from_utf8(text).unwrap();
            prop_assert_eq!(changed.parse::<Secret>(), Err(NoApiToken));
        }

        #[test]
        fn anything_else_is_no_token(text: String) {
            prop_assert_eq!(text.parse::<Secret>(), Err(NoApiToken));
        }
    }

    #[test]
    fn cut_lengthened_and_padded_ones_are_no_tokens() {
        let text = Secret::of([7; RANDOM_BYTES]).expose().to_owned();
        let longer = format!("{text}0");
        let wide = format!("sgm_{}", "é".repeat(24));
        for wrong in ["", "sgm_", &text[..52], &text[1..], longer.as_str(), &format!(" {text}"), &wide] {
            assert_eq!(wrong.parse::<Secret>(), Err(NoApiToken), "{wrong}");
        }
    }
}
