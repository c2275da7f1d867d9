/// An AMF value, in the form that both versions share.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A double (AMF 0 §2.2; AMF 3 §3.6 integers too).
    Number(f64),
    /// A boolean (AMF 0 §2.3).
    Boolean(bool),
    /// A string of either length, or XML (AMF 0 §2.4, §2.14, §2.17). What is not UTF-8 is replaced.
    String(String),
    /// An object, its class name left out (AMF 0 §2.5, §2.18), in the order of the wire.
    Object(Vec<(String, Value)>),
    /// An associative array (AMF 0 §2.10).
    EcmaArray(Vec<(String, Value)>),
    /// A dense array (AMF 0 §2.12).
    StrictArray(Vec<Value>),
    /// Null (AMF 0 §2.7).
    Null,
    /// Undefined, or a value that its sender marked as unsupported (AMF 0 §2.8, §2.15).
    Undefined,
    /// Milliseconds since the epoch (AMF 0 §2.13). The zone is reserved and left out.
    Date(f64),
}

impl Value {
    /// A string value.
    pub fn string(text: impl Into<String>) -> Self {
        Self::String(text.into())
    }

    /// An object of these properties.
    pub fn object<const N: usize>(properties: [(&str, Value); N]) -> Self {
        Self::Object(properties.map(|(name, value)| (name.to_owned(), value)).into())
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// The number.
    pub fn as_number(&self) -> Option<f64> {
        if let Self::Number(number) = self { Some(*number) } else { None }
    }

    /// The number as a count, if it is one: finite, not negative, rounded down.
    pub fn as_count(&self) -> Option<u32> {
        let number = self.as_number()?;
        (number.is_finite() && number >= 0.0 && number <= f64::from(u32::MAX)).then_some(number as u32)
    }

    /// A property of an object or associative array.
    pub fn get(&self, name: &str) -> Option<&Value> {
        match self {
            Self::Object(properties) | Self::EcmaArray(properties) => {
                properties.iter().find(|(property, _)| property == name).map(|(_, value)| value)
            }
            _ => None,
        }
    }
}
