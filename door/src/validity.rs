//! From when until when a certificate is good: the one thing of X.509 that rustls does not tell.

use sigma_clock::Timestamp;

const SEQUENCE: u8 = 0x30;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const VERSION: u8 = 0xa0;

/// Reads DER (ITU-T X.690 §10): a tag of one byte, a definite length, that many bytes.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, mut rest) = rest.split_first()?;
        let length = if first < 0x80 {
            usize::from(first)
        } else {
            // §8.1.3.5; what is longer than 4 bytes can say is no certificate.
            let count = usize::from(first & 0x7f);
            let (bytes, behind) = rest.split_at_checked(count).filter(|_| (1..=4).contains(&count))?;
            rest = behind;
            bytes.iter().fold(0usize, |length, byte| (length << 8) | usize::from(*byte))
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, content))
    }

    fn sequence(&mut self) -> Option<Der<'a>> {
        self.next().filter(|(tag, _)| *tag == SEQUENCE).map(|(_, content)| Der(content))
    }
}

/// `notBefore` and `notAfter` of a certificate (RFC 5280 §4.1: they stand behind version, serial number, signature
/// algorithm and issuer).
pub(crate) fn of(certificate: &[u8]) -> Option<(Timestamp, Timestamp)> {
    let mut body = Der(certificate).sequence()?.sequence()?;
    if body.0.first() == Some(&VERSION) {
        body.next()?;
    }
    body.next()?;
    body.next()?;
    body.next()?;
    let mut validity = body.sequence()?;
    Some((time(validity.next()?)?, time(validity.next()?)?))
}

/// RFC 5280 §4.1.2.5: `YYMMDDHHMMSSZ` (years from 50 on are of the last century) or `YYYYMMDDHHMMSSZ`.
fn time((tag, text): (u8, &[u8])) -> Option<Timestamp> {
    let digits = text.strip_suffix(b"Z").filter(|digits| digits.iter().all(u8::is_ascii_digit))?;
    let number =
        |digits: &[u8]| digits.iter().fold(0i64, |number, digit| number * 10 + i64::from(digit - b'0'));
    let (year, rest) = match (tag, digits.len()) {
        (UTC_TIME, 12) => {
            let year = number(&digits[..2]);
            (if year < 50 { 2_000 + year } else { 1_900 + year }, &digits[2..])
        }
        (GENERALIZED_TIME, 14) => (number(&digits[..4]), &digits[4..]),
        _ => return None,
    };
    let mut parts = rest.chunks(2).map(number);
    let (month, day) = (parts.next()?, parts.next()?);
    let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next()?);
    let sound =
        (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second < 61;
    let seconds = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    sound.then(|| Timestamp::from_millis(seconds * 1_000))
}

/// Days from 1970-01-01 to a day of the Gregorian calendar. A year is counted from March on, so that its leap day is its
/// last, and 400 of them have 146,097 days.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(tag: u8, text: &str) -> Option<i64> {
        time((tag, text.as_bytes())).map(|at| at.millis() / 1_000)
    }

    #[test]
    fn both_forms_of_time_are_read() {
        assert_eq!(at(UTC_TIME, "700101000000Z"), Some(0));
        assert_eq!(at(UTC_TIME, "491231235959Z"), Some(2_524_607_999));
        assert_eq!(at(GENERALIZED_TIME, "20000229120000Z"), Some(951_825_600));
        assert_eq!(at(GENERALIZED_TIME, "21000301000000Z"), Some(4_107_542_400));
        for wrong in
            ["20001301000000Z", "20000100000000Z", "200001010000Z", "20000101000000", "2000010100000aZ"]
        {
            assert_eq!(at(GENERALIZED_TIME, wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_torn_certificate_is_none() {
        let made = rcgen::generate_simple_self_signed(["a".to_owned()]).expect("a certificate");
        let der = made.cert.der().to_vec();
        assert!(of(&der).is_some());
        for end in 0..der.len() {
            assert_eq!(of(&der[..end]), None, "{end}");
        }
        for at in 0..der.len() {
            let mut changed = der.clone();
            changed[at] ^= 0xff;
            // Whatever it says: it says it without a panic.
            let _ = of(&changed);
        }
    }
}
