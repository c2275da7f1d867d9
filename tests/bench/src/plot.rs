//! The plot of cost against channels and viewers: an SVG of a few kilobytes, readable in light and dark.

use std::fmt::Write;

/// One half of the plot.
#[derive(Debug, Clone)]
pub(crate) struct Panel {
    pub(crate) title: &'static str,
    /// What is counted along the way.
    pub(crate) along: &'static str,
    /// (count, cores)
    pub(crate) points: Vec<(f64, f64)>,
}

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 380.0;
/// Room for the axes' words.
const LEFT: f64 = 62.0;
const TOP: f64 = 46.0;
const PANEL: f64 = 360.0;
const DEEP: f64 = 260.0;
const GAP: f64 = 90.0;

/// Both panels side by side, each with its own scale; the broken line is what the dearest point would make of the
/// cheaper ones if cost grew exactly with their number.
pub(crate) fn svg(panels: &[Panel]) -> String {
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"system-ui, sans-serif\" font-size=\"13\">\n\
         <style>text{{fill:#24292f}}.axis{{stroke:#8c959f;fill:none}}.grid{{stroke:#d0d7de;fill:none}}.line{{stroke:#0969da;stroke-width:2.5;fill:none}}\
         .dot{{fill:#0969da}}.even{{stroke:#8c959f;stroke-dasharray:5 4;fill:none}}.small{{font-size:12px}}\
         @media (prefers-color-scheme:dark){{text{{fill:#e6edf3}}.axis{{stroke:#8b949e}}.grid{{stroke:#30363d}}.line{{stroke:#58a6ff}}.dot{{fill:#58a6ff}}}}</style>\n"
    );
    for (index, panel) in panels.iter().enumerate() {
        write_panel(&mut out, panel, LEFT + index as f64 * (PANEL + GAP));
    }
    out.push_str("</svg>\n");
    out
}

fn write_panel(out: &mut String, panel: &Panel, left: f64) {
    let most =
        panel.points.iter().fold((0.0f64, 0.0f64), |most, point| (most.0.max(point.0), most.1.max(point.1)));
    let Some(last) = panel.points.iter().copied().max_by(|a, b| a.0.total_cmp(&b.0)) else { return };
    let (widest, highest) = (most.0.max(1.0), nice(most.1.max(0.001)));
    let x = |count: f64| left + count / widest * PANEL;
    let y = |cores: f64| TOP + DEEP - cores / highest * DEEP;
    let bottom = TOP + DEEP;
    let mut line = |text: String| {
        // Writing to a String does not fail.
        let _ = writeln!(out, "{text}");
    };
    line(format!("<text x=\"{left}\" y=\"{}\" font-weight=\"600\">{}</text>", TOP - 22.0, panel.title));
    for step in 0..=4 {
        let cores = highest * f64::from(step) / 4.0;
        let at = y(cores);
        line(format!("<path class=\"grid\" d=\"M{left} {at:.1}H{:.1}\"/>", left + PANEL));
        line(format!(
            "<text class=\"small\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{cores:.2}</text>",
            left - 8.0,
            at + 4.0
        ));
    }
    line(format!("<path class=\"axis\" d=\"M{left} {TOP}V{bottom}H{}\"/>", left + PANEL));
    line(format!("<path class=\"even\" d=\"M{left} {bottom}L{:.1} {:.1}\"/>", x(last.0), y(last.1)));
    let mut written = f64::NEG_INFINITY;
    for (count, _) in &panel.points {
        // Small counts stand too close together to be written one by one.
        if x(*count) - written >= 30.0 {
            written = x(*count);
            line(format!(
                "<text class=\"small\" x=\"{written:.1}\" y=\"{}\" text-anchor=\"middle\">{count}</text>",
                bottom + 18.0
            ));
        }
    }
    let path: Vec<String> =
        panel.points.iter().map(|(count, cores)| format!("{:.1} {:.1}", x(*count), y(*cores))).collect();
    line(format!("<path class=\"line\" d=\"M{}\"/>", path.join("L")));
    for (count, cores) in &panel.points {
        line(format!(
            "<circle class=\"dot\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"4\"><title>{count}: {cores:.4} cores</title></circle>",
            x(*count),
            y(*cores)
        ));
    }
    line(format!(
        "<text class=\"small\" x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{} — cores of CPU, user + system</text>",
        left + PANEL / 2.0,
        bottom + 42.0,
        panel.along
    ));
}

/// The next number that divides into four readable steps.
fn nice(value: f64) -> f64 {
    let unit = 10f64.powf(value.log10().floor());
    [1.0, 1.2, 1.6, 2.0, 4.0, 6.0, 8.0, 10.0]
        .iter()
        .map(|step| step * unit)
        .find(|step| *step >= value)
        .unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_is_drawn() {
        let panel = Panel { title: "t", along: "a", points: vec![(1.0, 0.01), (10.0, 0.1)] };
        let text = svg(&[panel.clone(), panel]);
        assert_eq!(text.matches("<circle").count(), 4);
        assert!(text.contains("10: 0.1000 cores") && text.len() < 10_000);
    }

    #[test]
    fn scales_are_round() {
        assert_eq!(
            [nice(0.13), nice(0.95), nice(2.0)].map(|n| (n * 100.0).round() / 100.0),
            [0.16, 1.0, 2.0]
        );
    }
}
