use bytes::{Buf, BufMut, BytesMut};

use super::{Budget, Value, amf3};
use crate::AmfError;

/// Type markers (AMF 0 §2.1).
mod marker {
    pub(super) const NUMBER: u8 = 0x00;
    pub(super) const BOOLEAN: u8 = 0x01;
    pub(super) const STRING: u8 = 0x02;
    pub(super) const OBJECT: u8 = 0x03;
    pub(super) const NULL: u8 = 0x05;
    pub(super) const UNDEFINED: u8 = 0x06;
    pub(super) const ECMA_ARRAY: u8 = 0x08;
    pub(super) const OBJECT_END: u8 = 0x09;
    pub(super) const STRICT_ARRAY: u8 = 0x0A;
    pub(super) const DATE: u8 = 0x0B;
    pub(super) const LONG_STRING: u8 = 0x0C;
    pub(super) const UNSUPPORTED: u8 = 0x0D;
    pub(super) const XML_DOCUMENT: u8 = 0x0F;
    pub(super) const TYPED_OBJECT: u8 = 0x10;
    pub(super) const AVM_PLUS: u8 = 0x11;
}

/// Reads all values of a message.
///
/// # Errors
/// [`AmfError`]: cut short, nested too deep, too many, or of a kind that is not served (movie clips, record sets and
/// references, which no encoder sends).
pub fn decode(mut bytes: &[u8]) -> Result<Vec<Value>, AmfError> {
    let mut budget = Budget::new();
    let mut values = Vec::new();
    while !bytes.is_empty() {
        values.push(value(&mut bytes, &mut budget, 1)?);
    }
    Ok(values)
}

fn value(bytes: &mut &[u8], budget: &mut Budget, depth: usize) -> Result<Value, AmfError> {
    budget.spend(depth)?;
    Ok(match byte(bytes)? {
        marker::NUMBER => Value::Number(double(bytes)?),
        marker::BOOLEAN => Value::Boolean(byte(bytes)? != 0),
        marker::STRING => Value::String(short_string(bytes)?),
        marker::OBJECT => Value::Object(properties(bytes, budget, depth)?),
        marker::NULL => Value::Null,
        marker::UNDEFINED | marker::UNSUPPORTED => Value::Undefined,
        marker::ECMA_ARRAY => {
            // §2.10: the count is a hint, and encoders send 0; the end marker counts.
            bytes.try_get_u32().map_err(|_| AmfError::Truncated)?;
            Value::EcmaArray(properties(bytes, budget, depth)?)
        }
        marker::STRICT_ARRAY => {
            let count = bytes.try_get_u32().map_err(|_| AmfError::Truncated)?;
            // No memory is taken on the count's word: each value takes a byte at least.
            let mut values = Vec::new();
            for _ in 0..count {
                values.push(value(bytes, budget, depth + 1)?);
            }
            Value::StrictArray(values)
        }
        marker::DATE => {
            let milliseconds = double(bytes)?;
            bytes.try_get_u16().map_err(|_| AmfError::Truncated)?;
            Value::Date(milliseconds)
        }
        marker::LONG_STRING | marker::XML_DOCUMENT => {
            let length = bytes.try_get_u32().map_err(|_| AmfError::Truncated)?;
            Value::String(text(bytes, length as usize)?)
        }
        marker::TYPED_OBJECT => {
            short_string(bytes)?;
            Value::Object(properties(bytes, budget, depth)?)
        }
        marker::AVM_PLUS => amf3::decode(bytes, budget, depth)?,
        marker => return Err(AmfError::Marker { version: 0, marker }),
    })
}

/// Properties up to the end marker (§2.5). An end of the message is taken for one: encoders forget it.
fn properties(
    bytes: &mut &[u8],
    budget: &mut Budget,
    depth: usize,
) -> Result<Vec<(String, Value)>, AmfError> {
    let mut properties = Vec::new();
    while !bytes.is_empty() {
        let name = short_string(bytes)?;
        if name.is_empty() && bytes.first() == Some(&marker::OBJECT_END) {
            bytes.advance(1);
            break;
        }
        properties.push((name, value(bytes, budget, depth + 1)?));
    }
    Ok(properties)
}

fn byte(bytes: &mut &[u8]) -> Result<u8, AmfError> {
    bytes.try_get_u8().map_err(|_| AmfError::Truncated)
}

fn double(bytes: &mut &[u8]) -> Result<f64, AmfError> {
    bytes.try_get_f64().map_err(|_| AmfError::Truncated)
}

fn short_string(bytes: &mut &[u8]) -> Result<String, AmfError> {
    let length = bytes.try_get_u16().map_err(|_| AmfError::Truncated)?;
    text(bytes, length.into())
}

fn text(bytes: &mut &[u8], length: usize) -> Result<String, AmfError> {
    let (text, rest) = bytes.split_at_checked(length).ok_or(AmfError::Truncated)?;
    *bytes = rest;
    Ok(String::from_utf8_lossy(text).into_owned())
}

/// Writes values one after the other.
pub fn encode(values: &[Value], out: &mut BytesMut) {
    for value in values {
        encode_value(value, out);
    }
}

fn encode_value(value: &Value, out: &mut BytesMut) {
    match value {
        Value::Number(number) => {
            out.put_u8(marker::NUMBER);
            out.put_f64(*number);
        }
        Value::Boolean(boolean) => {
            out.put_u8(marker::BOOLEAN);
            out.put_u8((*boolean).into());
        }
        Value::String(text) => match u16::try_from(text.len()) {
            Ok(length) => {
                out.put_u8(marker::STRING);
                out.put_u16(length);
                out.put_slice(text.as_bytes());
            }
            Err(_) => {
                out.put_u8(marker::LONG_STRING);
                out.put_u32(u32::try_from(text.len()).unwrap_or(u32::MAX));
                out.put_slice(text.as_bytes());
            }
        },
        Value::Object(properties) => {
            out.put_u8(marker::OBJECT);
            encode_properties(properties, out);
        }
        Value::EcmaArray(properties) => {
            out.put_u8(marker::ECMA_ARRAY);
            out.put_u32(u32::try_from(properties.len()).unwrap_or(u32::MAX));
            encode_properties(properties, out);
        }
        Value::StrictArray(values) => {
            out.put_u8(marker::STRICT_ARRAY);
            out.put_u32(u32::try_from(values.len()).unwrap_or(u32::MAX));
            encode(values, out);
        }
        Value::Null => out.put_u8(marker::NULL),
        Value::Undefined => out.put_u8(marker::UNDEFINED),
        Value::Date(milliseconds) => {
            out.put_u8(marker::DATE);
            out.put_f64(*milliseconds);
            out.put_u16(0);
        }
    }
}

fn encode_properties(properties: &[(String, Value)], out: &mut BytesMut) {
    for (name, value) in properties {
        // Names are ours and short; what a stranger named is cut at the 65 535 bytes that AMF 0 can say (§2.5).
        let name = &name.as_bytes()[..name.len().min(usize::from(u16::MAX))];
        out.put_u16(name.len() as u16);
        out.put_slice(name);
        encode_value(value, out);
    }
    out.put_slice(&[0, 0, marker::OBJECT_END]);
}
