use sigma_domain::ValueError;

/// Why a stored event cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// No event of this aggregate has that name.
    #[error("no event is called {name}; it comes from a newer version of sigma: update this one")]
    UnknownName {
        /// The name.
        name: String,
    },
    /// The name is known, the version is not.
    #[error("{name} is known up to version {newest}, not in version {version}; update sigma")]
    UnknownVersion {
        /// The event's name.
        name: String,
        /// The version that was found.
        version: u16,
        /// The newest that is known.
        newest: u16,
    },
    /// The JSON is not of the version's shape.
    #[error("{name} version {version} is not of its shape: {message}")]
    Shape {
        /// The event's name.
        name: String,
        /// Its version.
        version: u16,
        /// What is wrong with it.
        message: String,
    },
}

/// What is wrong inside one event, before it is known which.
#[derive(Debug)]
pub(crate) struct Flaw(pub(crate) String);

impl From<ValueError> for Flaw {
    fn from(error: ValueError) -> Self {
        Self(error.to_string())
    }
}

impl From<serde_json::Error> for Flaw {
    fn from(error: serde_json::Error) -> Self {
        Self(error.to_string())
    }
}

impl Flaw {
    pub(crate) fn of(self, name: &str, version: u16) -> SchemaError {
        SchemaError::Shape { name: name.to_owned(), version, message: self.0 }
    }
}
