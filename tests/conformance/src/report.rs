//! What the judge says in the end.

use serde_json::{Value, json};

use crate::finding::{Finding, Verdict};
use crate::observation::Observation;
use crate::playlist::Micros;
use crate::rules::{self, Rule};

/// The verdicts on all rules.
#[derive(Debug)]
pub struct Report {
    /// Each rule with what was found of it.
    pub findings: Vec<(&'static Rule, Finding)>,
    /// The address that was judged.
    pub address: String,
    /// How many media playlists were followed.
    pub renditions: usize,
    /// How many requests were answered.
    pub answered: usize,
    /// How long it took.
    pub lasted: Micros,
    /// For how much of it the judge itself was held up by its machine.
    pub held_up: Micros,
}

impl Report {
    /// Judges what was observed.
    pub fn of(log: &Observation) -> Self {
        Self {
            findings: rules::judge(log),
            address: log.address.clone(),
            renditions: log.renditions.len(),
            answered: log.exchanges.iter().filter(|exchange| exchange.outcome.is_ok()).count(),
            lasted: log.lasted,
            held_up: log.held_up_in(0, log.lasted),
        }
    }

    /// The numbers of the rules of one verdict.
    pub fn numbers(&self, verdict: Verdict) -> Vec<u8> {
        let of = self.findings.iter().filter(|(_, finding)| finding.verdict == verdict);
        of.map(|(rule, _)| rule.number).collect()
    }

    /// `{"rules":[{"rule","verdict","clause","title","evidence":{"said","shown":[{"name","text"}]}}]}` with a head.
    pub fn json(&self) -> Value {
        let rules = self.findings.iter().map(|(rule, finding)| {
            let shown =
                finding.exhibits.iter().map(|exhibit| json!({ "name": exhibit.name, "text": exhibit.text }));
            json!({
                "rule": rule.number,
                "verdict": finding.verdict.name(),
                "clause": rule.clause,
                "title": rule.title,
                "evidence": { "said": finding.said, "shown": shown.collect::<Vec<_>>() },
            })
        });
        json!({
            "url": self.address,
            "milliseconds": self.lasted / 1_000,
            "renditions": self.renditions,
            "answers": self.answered,
            "heldUpMilliseconds": self.held_up / 1_000,
            "rules": rules.collect::<Vec<_>>(),
        })
    }

    /// All that was found broken, in words, for a test's message.
    pub fn broken(&self) -> String {
        let broken = self.findings.iter().filter(|(_, finding)| finding.verdict == Verdict::Broken);
        let told = broken.map(|(rule, finding)| {
            let shown =
                finding.exhibits.iter().map(|exhibit| format!("\n--- {}\n{}", exhibit.name, exhibit.text));
            format!("rule {} ({}): {}{}", rule.number, rule.clause, finding.said, shown.collect::<String>())
        });
        told.collect::<Vec<_>>().join("\n\n")
    }
}
