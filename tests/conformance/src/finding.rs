//! What is found of a rule, and what shows it.

use crate::observation::Exchange;
use crate::playlist::Micros;

/// Longest exhibit, in bytes.
const LONGEST: usize = 8_192;

/// The most breaches of a rule that are told one by one.
const MOST_TOLD: usize = 3;

/// What is found of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was seen to hold.
    Kept,
    /// It was seen not to hold.
    Broken,
    /// Nothing happened that would have shown it.
    NotSeen,
    /// It does not apply to what this origin serves.
    NotApplicable,
}

impl Verdict {
    /// As it stands in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Broken => "broken",
            Self::NotSeen => "not_seen",
            Self::NotApplicable => "not_applicable",
        }
    }
}

/// A playlist, or what else shows a breach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exhibit {
    /// What it is, with its moment.
    pub name: String,
    /// The thing itself, cut where it is long.
    pub text: String,
}

impl Exhibit {
    /// A text under a name.
    pub fn new(name: impl Into<String>, text: &str) -> Self {
        let mut end = text.len().min(LONGEST);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let more = if end < text.len() { "\n…" } else { "" };
        Self { name: name.into(), text: format!("{}{more}", &text[..end]) }
    }

    /// A playlist as it was answered.
    pub fn playlist(exchange: &Exchange, text: &str) -> Self {
        let head = exchange.answer().map_or(exchange.done, |answer| answer.head);
        Self::new(format!("{} answered at {}", exchange.url, seconds(head)), text)
    }
}

/// What is found of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// In one word.
    pub verdict: Verdict,
    /// In one sentence, with what was measured.
    pub said: String,
    /// What shows a breach.
    pub exhibits: Vec<Exhibit>,
}

impl Finding {
    /// The rule has no object here.
    pub fn not_applicable(why: impl Into<String>) -> Self {
        Self { verdict: Verdict::NotApplicable, said: why.into(), exhibits: Vec::new() }
    }

    /// Nothing showed it.
    pub fn not_seen(why: impl Into<String>) -> Self {
        Self { verdict: Verdict::NotSeen, said: why.into(), exhibits: Vec::new() }
    }
}

/// Collects what is seen of a rule.
#[derive(Debug, Default)]
pub(crate) struct Trial {
    seen: u64,
    breaches: u64,
    said: Vec<String>,
    exhibits: Vec<Exhibit>,
    most: Option<Micros>,
}

impl Trial {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Something happened that would have shown a breach.
    pub(crate) fn saw(&mut self) {
        self.seen += 1;
    }

    /// The same, with a time; the longest is told.
    pub(crate) fn timed(&mut self, time: Micros) {
        self.seen += 1;
        self.most = Some(self.most.map_or(time, |most| most.max(time)));
    }

    /// A breach, with what shows it.
    pub(crate) fn breach(&mut self, said: impl Into<String>, exhibits: impl IntoIterator<Item = Exhibit>) {
        self.breaches += 1;
        if self.said.len() < MOST_TOLD {
            self.said.push(said.into());
            self.exhibits.extend(exhibits);
        }
    }

    /// The verdict. `kept` is said with how often it was seen.
    pub(crate) fn end(self, kept: &str, not_seen: &str) -> Finding {
        if self.breaches > 0 {
            let more = self.breaches - self.said.len() as u64;
            let more = if more > 0 { format!("; and {more} times more") } else { String::new() };
            return Finding {
                verdict: Verdict::Broken,
                said: format!("{}{more}", self.said.join("; ")),
                exhibits: self.exhibits,
            };
        }
        if self.seen == 0 {
            return Finding::not_seen(not_seen);
        }
        let most = self.most.map_or(String::new(), |most| format!(", {} at most", seconds(most)));
        Finding {
            verdict: Verdict::Kept,
            said: format!("{kept} (seen {} times{most})", self.seen).replace("(seen 1 times", "(seen once"),
            exhibits: Vec::new(),
        }
    }
}

/// Microseconds as seconds, to the millisecond.
pub(crate) fn seconds(time: Micros) -> String {
    let sign = if time < 0 { "-" } else { "" };
    let millis = (time.unsigned_abs() + 500) / 1_000;
    format!("{sign}{}.{:03} s", millis / 1_000, millis % 1_000)
}

/// Beyond this a time is judged too long: a busy machine and a long way are not the origin's fault.
pub(crate) fn beyond(bound: Micros) -> Micros {
    2 * bound + 250_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_says_how_often_and_how_long() {
        let mut trial = Trial::new();
        trial.timed(1_500);
        trial.timed(20_400);
        assert_eq!(trial.end("in time", "").said, "in time (seen 2 times, 0.020 s at most)");
        assert_eq!(Trial::new().end("", "nothing came").verdict, Verdict::NotSeen);
        let mut trial = Trial::new();
        for _ in 0..5 {
            trial.breach("late", []);
        }
        assert_eq!(trial.end("", "").said, "late; late; late; and 2 times more");
    }

    #[test]
    fn a_long_exhibit_is_cut_between_characters() {
        let exhibit = Exhibit::new("x", &"é".repeat(LONGEST));
        assert!(exhibit.text.len() <= LONGEST + 4 && exhibit.text.ends_with('…'));
    }
}
