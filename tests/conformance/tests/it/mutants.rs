//! One variant a rule, and some with a second: the judge finds it, and nothing else.

use std::ops::RangeInclusive;

use sigma_conformance::{Options, Report, Verdict, check};

use crate::origin::{Door, Origin, serve};

/// Rules that are broken in a second way: gaps that come late (11, 12), an end that takes media back (20), a version that
/// nothing asks for (44).
const OTHERWISE: [u8; 4] = [111, 112, 120, 144];

/// Longer than the small origin's broadcast lasts.
const LONGEST: u64 = 40;

async fn judged(broken: u8, door: Door) -> Report {
    let served = serve(Origin::new(broken), door).await;
    let options = Options { seconds: LONGEST, insecure: true };
    check(&served.url("/master.m3u8"), &options, |_| ()).await.expect("something to judge")
}

/// What is wrong with the verdicts on a variant; nothing where the rule and only the rule was found.
async fn mutant(rule: u8) -> Option<String> {
    let door = if rule == 41 { Door::OldTls } else { Door::Plain };
    let report = judged(rule, door).await;
    let broken = report.numbers(Verdict::Broken);
    (broken != [rule % 100])
        .then(|| format!("=== rule {rule} is broken, found were {broken:?}\n{}", report.broken()))
}

/// The rules of what is live.
const LIVE: RangeInclusive<u8> = 1..=44;

/// The rules of recordings alone.
const RECORDED: RangeInclusive<u8> = 45..=50;

/// What is wrong with the verdicts on the origin that keeps every rule; nothing where all 44 were seen to be kept.
async fn whole() -> Option<String> {
    let mut report = judged(0, Door::Tls).await;
    if report.numbers(Verdict::Kept).len() != 44 {
        report = judged(0, Door::Tls).await;
    }
    let others = report.findings.iter().filter(|(rule, finding)| {
        let wanted = if LIVE.contains(&rule.number) { Verdict::Kept } else { Verdict::NotApplicable };
        finding.verdict != wanted
    });
    let told: Vec<String> = others
        .map(|(rule, finding)| {
            format!("=== nothing is broken; rule {}: {:?}, {}", rule.number, finding.verdict, finding.said)
        })
        .collect();
    (!told.is_empty()).then(|| format!("{}\n{}", told.join("\n"), report.broken()))
}

/// What is wrong of some variants, all judged at once.
async fn all(rules: &[u8]) -> Vec<(u8, String)> {
    let judges: Vec<_> = rules.iter().map(|rule| (*rule, tokio::spawn(mutant(*rule)))).collect();
    let mut wrong = Vec::new();
    for (rule, judge) in judges {
        wrong.extend(judge.await.expect("it is judged").map(|said| (rule, said)));
    }
    wrong
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_judge_finds_each_broken_rule_and_nothing_else() {
    let only: Vec<u8> = std::env::var("SIGMA_TEST_RULES")
        .map(|rules| rules.split(',').filter_map(|rule| rule.parse().ok()).collect())
        .unwrap_or_default();
    let rules: Vec<u8> =
        LIVE.chain(OTHERWISE).filter(|rule| only.is_empty() || only.contains(rule)).collect();
    let whole = tokio::spawn(whole());
    let wrong = all(&rules).await;
    // A machine with other work may hold an origin up beyond twice a bound: those have a second chance, among few.
    let again: Vec<u8> = wrong.iter().map(|(rule, _)| *rule).collect();
    let mut wrong: Vec<String> = all(&again).await.into_iter().map(|(_, said)| said).collect();
    wrong.extend(whole.await.expect("it is judged"));
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_it_does_of_a_recording() {
    for broken in RECORDED.chain([0, 40]) {
        let served = serve(Origin::new(broken), Door::Plain).await;
        let options = Options { seconds: LONGEST, insecure: false };
        let report =
            check(&served.url("/recording/master.m3u8"), &options, |_| ()).await.expect("a recording");
        let wanted: Vec<u8> = Some(broken).filter(|broken| *broken > 0).into_iter().collect();
        assert_eq!(report.numbers(Verdict::Broken), wanted, "{}", report.broken());
        let kept = [5, 9, 22, 40, 43, 44].into_iter().chain(RECORDED).filter(|rule| *rule != broken);
        assert_eq!(report.numbers(Verdict::Kept), kept.collect::<Vec<_>>(), "variant {broken}");
        let others = report.findings.iter().filter(|(_, finding)| finding.verdict == Verdict::NotSeen);
        assert_eq!(others.count(), 0, "variant {broken}");
    }
}
