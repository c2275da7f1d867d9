//! Medians, spreads, and the table that is made of them.

use std::fmt::Write;

/// What several runs gave.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    pub(crate) median: f64,
    low: f64,
    high: f64,
    runs: usize,
}

impl Figure {
    pub(crate) fn of(runs: &[f64]) -> Option<Self> {
        let mut sorted = runs.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (low, high) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let median =
            if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 };
        Some(Self { median, low, high, runs: sorted.len() })
    }

    fn told(&self) -> String {
        let median = number(self.median);
        if self.runs < 2 {
            median
        } else {
            format!("{median} ({}–{})", number(self.low), number(self.high))
        }
    }
}

/// A number with as many digits as mean something.
pub(crate) fn number(value: f64) -> String {
    let digits = match value.abs() {
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        _ => 3,
    };
    format!("{value:.digits$}")
}

/// The value below which a share of the values lies; `share` from 0 to 1. Sorts them.
pub(crate) fn quantile(values: &mut [f64], share: f64) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let rank = (share * values.len() as f64).ceil() as usize;
    values.get(rank.saturating_sub(1).min(values.len().saturating_sub(1))).copied()
}

/// Which side of a bound is the good one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Aim {
    AtMost(f64),
    AtLeast(f64),
}

/// A line of the table.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) unit: &'static str,
    pub(crate) peer: Option<Figure>,
    pub(crate) ours: Option<Figure>,
    /// The first one is to be kept, those behind it are wished for.
    pub(crate) aims: Vec<Aim>,
}

impl Row {
    fn aim_text(&self) -> String {
        let told = |aim: &Aim| match aim {
            Aim::AtMost(bound) => format!("≤ {bound}"),
            Aim::AtLeast(bound) => format!("≥ {bound}"),
        };
        self.aims.iter().map(told).collect::<Vec<_>>().join(", then ")
    }

    /// How many of the aims, from the first, are reached.
    fn reached(&self) -> usize {
        let Some(ours) = &self.ours else { return 0 };
        let keeps = |aim: &&Aim| match aim {
            Aim::AtMost(bound) => ours.median <= *bound,
            Aim::AtLeast(bound) => ours.median >= *bound,
        };
        self.aims.iter().take_while(keeps).count()
    }

    fn verdict(&self) -> &'static str {
        match (&self.ours, self.reached(), self.aims.len()) {
            (None, ..) => "not measured",
            (_, 0, 0) => "",
            (_, 0, _) => "missed",
            (_, reached, all) if reached < all => "kept, not yet the second",
            _ => "kept",
        }
    }

    /// Ours over the peer's, else ours over the aim.
    fn ratio(&self) -> String {
        let Some(ours) = &self.ours else { return "–".into() };
        let aim = self.aims.first().map(|(Aim::AtMost(bound) | Aim::AtLeast(bound))| *bound);
        match (&self.peer, aim) {
            (Some(peer), _) if peer.median > 0.0 => {
                format!("{} of nginx's", number(ours.median / peer.median))
            }
            (_, Some(aim)) if aim > 0.0 => format!("{} of the aim", number(ours.median / aim)),
            _ => "–".into(),
        }
    }
}

/// The table as Markdown.
pub(crate) fn table(rows: &[Row]) -> String {
    let mut text = String::from("| what | nginx-rtmp | ours | aim | | ratio |\n|---|---|---|---|---|---|\n");
    for row in rows {
        let told = |figure: &Option<Figure>| match figure {
            Some(figure) => format!("{} {}", figure.told(), row.unit),
            None => "–".to_owned(),
        };
        // Writing to a String does not fail.
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} |",
            row.what,
            told(&row.peer),
            told(&row.ours),
            row.aim_text(),
            row.verdict(),
            row.ratio()
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_how_far_it_got() {
        let row = |runs: &[f64]| Row {
            what: "w".into(),
            unit: "s",
            peer: Figure::of(&[2.0]),
            ours: Figure::of(runs),
            aims: vec![Aim::AtMost(1.0), Aim::AtMost(0.5)],
        };
        assert_eq!(row(&[0.4, 0.4, 9.0]).verdict(), "kept");
        assert_eq!(row(&[0.9]).verdict(), "kept, not yet the second");
        assert_eq!(row(&[1.1]).verdict(), "missed");
        assert_eq!(row(&[]).verdict(), "not measured");
        assert_eq!(
            table(&[row(&[0.4, 0.2, 0.3])]).lines().last(),
            Some("| w | 2.00 s | 0.300 (0.200–0.400) s | ≤ 1, then ≤ 0.5 | kept | 0.150 of nginx's |")
        );
    }

    #[test]
    fn a_quantile_is_one_of_the_values() {
        let mut values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!(quantile(&mut values, 0.99), Some(99.0));
        assert_eq!(quantile(&mut values, 1.0), Some(100.0));
        assert_eq!(quantile(&mut [], 0.5), None);
    }
}
