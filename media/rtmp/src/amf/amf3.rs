//! AMF 3 values behind AMF 0's avmplus marker (AMF 0 §3.1). Encoders with `objectEncoding` 3 may send them.

use bytes::Buf;

use super::{Budget, Value};
use crate::AmfError;

/// Type markers (AMF 3 §3.1).
mod marker {
    pub(super) const UNDEFINED: u8 = 0x00;
    pub(super) const NULL: u8 = 0x01;
    pub(super) const FALSE: u8 = 0x02;
    pub(super) const TRUE: u8 = 0x03;
    pub(super) const INTEGER: u8 = 0x04;
    pub(super) const DOUBLE: u8 = 0x05;
    pub(super) const STRING: u8 = 0x06;
    pub(super) const XML_DOCUMENT: u8 = 0x07;
    pub(super) const DATE: u8 = 0x08;
    pub(super) const ARRAY: u8 = 0x09;
    pub(super) const OBJECT: u8 = 0x0A;
    pub(super) const XML: u8 = 0x0B;
    pub(super) const BYTE_ARRAY: u8 = 0x0C;
}

/// Names that one class may declare.
const MAX_TRAIT_NAMES: u32 = 256;

/// What later parts of a value may refer back to (AMF 3 §2.2). Whole objects may not be: repeated references would turn a
/// short message into a large tree.
#[derive(Default)]
struct Tables {
    strings: Vec<String>,
    traits: Vec<Traits>,
}

struct Traits {
    names: Vec<String>,
    dynamic: bool,
}

/// Reads one AMF 3 value with tables of its own.
pub(super) fn decode(bytes: &mut &[u8], budget: &mut Budget, depth: usize) -> Result<Value, AmfError> {
    value(bytes, budget, &mut Tables::default(), depth)
}

fn value(
    bytes: &mut &[u8],
    budget: &mut Budget,
    tables: &mut Tables,
    depth: usize,
) -> Result<Value, AmfError> {
    budget.spend(depth)?;
    Ok(match byte(bytes)? {
        marker::UNDEFINED => Value::Undefined,
        marker::NULL => Value::Null,
        marker::FALSE => Value::Boolean(false),
        marker::TRUE => Value::Boolean(true),
        // §3.6: 29 bits, signed.
        marker::INTEGER => Value::Number(f64::from((unsigned29(bytes)? << 3) as i32 >> 3)),
        marker::DOUBLE => Value::Number(double(bytes)?),
        marker::STRING => Value::String(string(bytes, budget, tables)?),
        marker::XML_DOCUMENT | marker::XML | marker::BYTE_ARRAY => {
            let length = inline(unsigned29(bytes)?)?;
            Value::String(text(bytes, length)?)
        }
        marker::DATE => {
            inline(unsigned29(bytes)?)?;
            Value::Date(double(bytes)?)
        }
        marker::ARRAY => array(bytes, budget, tables, depth)?,
        marker::OBJECT => object(bytes, budget, tables, depth)?,
        marker => return Err(AmfError::Marker { version: 3, marker }),
    })
}

/// §3.11: named values up to an empty name, then the dense ones.
fn array(
    bytes: &mut &[u8],
    budget: &mut Budget,
    tables: &mut Tables,
    depth: usize,
) -> Result<Value, AmfError> {
    let count = inline(unsigned29(bytes)?)?;
    let mut named = named_values(bytes, budget, tables, depth)?;
    let mut dense = Vec::new();
    for _ in 0..count {
        dense.push(value(bytes, budget, tables, depth + 1)?);
    }
    if named.is_empty() {
        return Ok(Value::StrictArray(dense));
    }
    named.extend(dense.into_iter().enumerate().map(|(index, value)| (index.to_string(), value)));
    Ok(Value::EcmaArray(named))
}

/// §3.12: the class by value or reference, its values, then further ones if it is dynamic.
fn object(
    bytes: &mut &[u8],
    budget: &mut Budget,
    tables: &mut Tables,
    depth: usize,
) -> Result<Value, AmfError> {
    const IS_INLINE: u32 = 0b1;
    const HAS_TRAITS: u32 = 0b10;
    const IS_EXTERNALIZABLE: u32 = 0b100;
    const IS_DYNAMIC: u32 = 0b1000;
    let head = unsigned29(bytes)?;
    if head & IS_INLINE == 0 {
        return Err(AmfError::Reference);
    }
    let traits = if head & HAS_TRAITS == 0 {
        let traits = tables.traits.get((head >> 2) as usize).ok_or(AmfError::Reference)?;
        let names = traits.names.iter().map(|name| budget.repeat(name)).collect::<Result<_, _>>()?;
        Traits { names, dynamic: traits.dynamic }
    } else if head & IS_EXTERNALIZABLE != 0 {
        return Err(AmfError::Marker { version: 3, marker: marker::OBJECT });
    } else {
        string(bytes, budget, tables)?;
        let count = head >> 4;
        if count > MAX_TRAIT_NAMES {
            return Err(AmfError::TooMany);
        }
        let names: Vec<_> = (0..count).map(|_| string(bytes, budget, tables)).collect::<Result<_, _>>()?;
        let dynamic = head & IS_DYNAMIC != 0;
        tables.traits.push(Traits { names: names.clone(), dynamic });
        Traits { names, dynamic }
    };
    let mut properties = Vec::new();
    for name in traits.names {
        properties.push((name, value(bytes, budget, tables, depth + 1)?));
    }
    if traits.dynamic {
        properties.extend(named_values(bytes, budget, tables, depth)?);
    }
    Ok(Value::Object(properties))
}

fn named_values(
    bytes: &mut &[u8],
    budget: &mut Budget,
    tables: &mut Tables,
    depth: usize,
) -> Result<Vec<(String, Value)>, AmfError> {
    let mut properties = Vec::new();
    loop {
        let name = string(bytes, budget, tables)?;
        if name.is_empty() {
            return Ok(properties);
        }
        properties.push((name, value(bytes, budget, tables, depth + 1)?));
    }
}

/// A length or count that is given here. A reference to a whole object instead is refused.
fn inline(head: u32) -> Result<usize, AmfError> {
    if head & 1 == 0 { Err(AmfError::Reference) } else { Ok((head >> 1) as usize) }
}

/// §1.3.1: up to four bytes, seven bits each, the fourth whole.
fn unsigned29(bytes: &mut &[u8]) -> Result<u32, AmfError> {
    let mut number = 0;
    for _ in 0..3 {
        let byte = byte(bytes)?;
        number = number << 7 | u32::from(byte & 0x7F);
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Ok(number << 8 | u32::from(byte(bytes)?))
}

/// §1.3.2: by value or by reference; the empty string is never referred to.
fn string(bytes: &mut &[u8], budget: &mut Budget, tables: &mut Tables) -> Result<String, AmfError> {
    let head = unsigned29(bytes)?;
    if head & 1 == 0 {
        let text = tables.strings.get((head >> 1) as usize).ok_or(AmfError::Reference)?;
        return budget.repeat(text);
    }
    let text = text(bytes, (head >> 1) as usize)?;
    if !text.is_empty() {
        tables.strings.push(text.clone());
    }
    Ok(text)
}

fn byte(bytes: &mut &[u8]) -> Result<u8, AmfError> {
    bytes.try_get_u8().map_err(|_| AmfError::Truncated)
}

fn double(bytes: &mut &[u8]) -> Result<f64, AmfError> {
    bytes.try_get_f64().map_err(|_| AmfError::Truncated)
}

fn text(bytes: &mut &[u8], length: usize) -> Result<String, AmfError> {
    let (text, rest) = bytes.split_at_checked(length).ok_or(AmfError::Truncated)?;
    *bytes = rest;
    Ok(String::from_utf8_lossy(text).into_owned())
}
