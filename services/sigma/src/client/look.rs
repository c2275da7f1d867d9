//! What the output is: a terminal of some width that may show colours, or something that reads.

use std::io::IsTerminal;

/// A terminal narrower than this gets lines of this width.
const NARROWEST: usize = 40;

/// How to write for who reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Look {
    /// Characters of a line; none when the output is no terminal, and nothing is cut.
    pub(crate) width: Option<usize>,
    pub(crate) colour: bool,
}

/// What a word of a state means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Heading,
    Good,
    Busy,
    Bad,
    Quiet,
}

impl Look {
    /// That of stdout.
    pub(crate) fn of_stdout() -> Self {
        let out = std::io::stdout();
        if !out.is_terminal() {
            return Self::default();
        }
        let width = rustix::termios::tcgetwinsize(&out).ok().map(|size| usize::from(size.ws_col));
        let width = width.filter(|width| *width > 0).unwrap_or(80).max(NARROWEST);
        Self { width: Some(width), colour: colour_wanted() }
    }

    /// `text` in its tone.
    pub(crate) fn paint(self, text: &str, tone: Tone) -> String {
        let code = match tone {
            _ if !self.colour || text.is_empty() => return text.to_owned(),
            Tone::Plain => return text.to_owned(),
            Tone::Heading => "1",
            Tone::Good => "32",
            Tone::Busy => "33",
            Tone::Bad => "31",
            Tone::Quiet => "2",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

/// <https://no-color.org>: set and not empty means none.
pub(crate) fn colour_wanted() -> bool {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    set("NO_COLOR").is_none() && set("TERM").is_none_or(|terminal| terminal != "dumb")
}

/// How a state of the API looks.
pub(crate) fn tone(state: &str) -> Tone {
    match state {
        "LIVE" | "ACTIVE" | "READY" | "kept" => Tone::Good,
        "INIT" | "PROCESSING" | "BUILDING" | "DEGRADED" => Tone::Busy,
        "ERROR" | "STALLED" | "NOT_READY" | "revoked" | "expired" | "broken" => Tone::Bad,
        "IDLE" | "ENDED" | "STOP" | "not seen" | "not applicable" => Tone::Quiet,
        _ => Tone::Plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals_that_want_them() {
        let look = Look { width: Some(80), colour: true };
        assert_eq!(look.paint("LIVE", tone("LIVE")), "\u{1b}[32mLIVE\u{1b}[0m");
        assert_eq!(look.paint("", Tone::Bad), "");
        assert_eq!(Look::default().paint("LIVE", Tone::Good), "LIVE");
    }
}
