//! Why the program cannot do what it was asked: one line that names the thing and the mend.

use std::fmt;

/// One line for stderr. The program ends with exit code 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault(String);

impl Fault {
    /// What is wrong, and how to mend it.
    pub(crate) fn new(wrong: impl fmt::Display, mend: impl fmt::Display) -> Self {
        Self(one_line(&format!("{wrong}; {mend}")))
    }

    /// A sentence that tells its mend already.
    pub(crate) fn told(sentence: impl fmt::Display) -> Self {
        Self(one_line(&sentence.to_string()))
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
