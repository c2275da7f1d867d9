use bytes::BytesMut;
use sigma_rtmp::amf::{MAX_DEPTH, MAX_REPEATED_TEXT, MAX_VALUES, Value, decode, encode};

/// Bytes of a command or of metadata, as AMF 0 with AMF 3 inside.
///
/// What is read is no deeper, no wider and no longer than the limits allow, and what is written of it reads as the same.
pub fn amf(data: &[u8]) {
    let _ = decode(&[&[0x11], data].concat());
    let Ok(values) = decode(data) else { return };
    let mut found = Found::default();
    values.iter().for_each(|value| found.look(value, 1));
    assert!(found.depth <= MAX_DEPTH && found.values <= MAX_VALUES, "{found:?}");
    // A byte that is no UTF-8 becomes three; an index of an AMF 3 array is written out as a name of up to four digits.
    assert!(
        found.text <= 3 * data.len() + MAX_REPEATED_TEXT + 4 * found.values,
        "{found:?} of {}",
        data.len()
    );

    let written = write(&values);
    let again =
        decode(&written).unwrap_or_else(|fault| panic!("{values:?} is written and not read: {fault}"));
    // By their bytes, since a number may be none (NaN).
    assert_eq!(write(&again), written, "{values:?}");
}

fn write(values: &[Value]) -> BytesMut {
    let mut bytes = BytesMut::new();
    encode(values, &mut bytes);
    bytes
}

#[derive(Debug, Default)]
struct Found {
    values: usize,
    depth: usize,
    text: usize,
}

impl Found {
    fn look(&mut self, value: &Value, depth: usize) {
        self.values += 1;
        self.depth = self.depth.max(depth);
        match value {
            Value::String(text) => self.text += text.len(),
            Value::Object(properties) | Value::EcmaArray(properties) => {
                for (name, value) in properties {
                    self.text += name.len();
                    self.look(value, depth + 1);
                }
            }
            Value::StrictArray(values) => values.iter().for_each(|value| self.look(value, depth + 1)),
            Value::Number(_) | Value::Boolean(_) | Value::Null | Value::Undefined | Value::Date(_) => {}
        }
    }
}
