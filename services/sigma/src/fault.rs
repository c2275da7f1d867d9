//! Why the program cannot do what it was asked: one line that names the thing and the mend.

use std::fmt;

/// One line for stderr. The program ends with exit code 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    line: String,
    passing: bool,
}

impl Fault {
    /// What is wrong, and how to mend it.
    pub(crate) fn new(wrong: impl fmt::Display, mend: impl fmt::Display) -> Self {
        Self { line: one_line(&format!("{wrong}; {mend}")), passing: false }
    }

    /// A sentence that tells its mend already.
    pub(crate) fn told(sentence: impl fmt::Display) -> Self {
        Self { line: one_line(&sentence.to_string()), passing: false }
    }

    /// The same, as one that may pass by itself: who follows something tries again.
    pub(crate) fn that_may_pass(mut self) -> Self {
        self.passing = true;
        self
    }

    /// Whether trying again may help.
    pub(crate) fn may_pass(&self) -> bool {
        self.passing
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}
