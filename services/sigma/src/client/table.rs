//! Tables that fit where they are shown.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::look::{Look, Tone, tone};

/// Between columns.
const GAP: usize = 2;
/// A column is not cut to fewer characters than this.
const NARROWEST: usize = 10;

/// One column: its heading, and what may be done to it where there is little room.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    heading: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Never cut: an id, a number, a moment.
    Whole,
    /// Never cut, and told by its colour.
    State,
    /// Cut where there is no room.
    Text,
    /// Cut, and left out where there is no room at all.
    Extra,
}

/// Never cut: an id, a number, a moment.
pub(crate) const fn whole(heading: &'static str) -> Column {
    Column { heading, kind: Kind::Whole }
}

/// Never cut, and told by its colour.
pub(crate) const fn state(heading: &'static str) -> Column {
    Column { heading, kind: Kind::State }
}

/// Cut where there is no room.
pub(crate) const fn text(heading: &'static str) -> Column {
    Column { heading, kind: Kind::Text }
}

/// Cut, and left out where there is no room at all.
pub(crate) const fn extra(heading: &'static str) -> Column {
    Column { heading, kind: Kind::Extra }
}

/// Rows under a heading. Something that is no terminal gets every cell whole.
pub(crate) fn table(columns: &[Column], rows: &[Vec<String>], look: Look) -> Vec<String> {
    let natural = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width());
        cells.max().unwrap_or(0).max(columns[column].heading.width())
    };
    let natural: Vec<usize> = (0..columns.len()).map(natural).collect();
    let widths = match look.width {
        Some(room) => fit(columns, &natural, room),
        None => natural.iter().copied().map(Some).collect(),
    };
    let heading: Vec<String> = columns.iter().map(|column| column.heading.to_owned()).collect();
    let line = |cells: &[String], is_heading: bool| {
        let shown = columns.iter().zip(cells).zip(&widths);
        let shown = shown.filter_map(|((column, cell), width)| Some((column, cell, (*width)?)));
        let mut line = String::new();
        let mut blanks = 0;
        for (column, cell, width) in shown {
            let cell = cut(cell, width);
            let tone = match column.kind {
                _ if is_heading => Tone::Heading,
                Kind::State => tone(&cell),
                _ => Tone::Plain,
            };
            // Blanks at a line's end are left out.
            if !cell.is_empty() {
                line.extend(std::iter::repeat_n(' ', blanks));
                line.push_str(&look.paint(&cell, tone));
                blanks = 0;
            }
            blanks += width - cell.width() + GAP;
        }
        line
    };
    std::iter::once(line(&heading, true)).chain(rows.iter().map(|row| line(row, false))).collect()
}

/// The width of each column; none for one that is left out.
fn fit(columns: &[Column], natural: &[usize], room: usize) -> Vec<Option<usize>> {
    let mut widths: Vec<Option<usize>> = natural.iter().copied().map(Some).collect();
    let taken = |widths: &[Option<usize>]| {
        let shown: Vec<usize> = widths.iter().flatten().copied().collect();
        shown.iter().sum::<usize>() + GAP * shown.len().saturating_sub(1)
    };
    loop {
        let over = taken(&widths).saturating_sub(room);
        if over == 0 {
            return widths;
        }
        let cuttable = (0..columns.len()).filter(|column| {
            let least = NARROWEST.max(columns[*column].heading.width());
            matches!(columns[*column].kind, Kind::Text | Kind::Extra)
                && widths[*column].is_some_and(|width| width > least)
        });
        if let Some(widest) = cuttable.max_by_key(|column| widths[*column]) {
            widths[widest] = widths[widest].map(|width| width - 1);
            continue;
        }
        let extra = (0..columns.len())
            .rev()
            .find(|column| columns[*column].kind == Kind::Extra && widths[*column].is_some());
        match extra {
            Some(extra) => {
                widths[extra] = None;
                // With its room given back the others need not be cut so much.
                for column in 0..columns.len() {
                    if widths[column].is_some() {
                        widths[column] = Some(natural[column]);
                    }
                }
            }
            // What must stay whole runs over: better that than an id nobody can use.
            None => return widths,
        }
    }
}

/// `text` in at most `width` columns of the terminal, with a mark where it was cut.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut taken = 0;
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if taken + wide + 1 > width {
            break;
        }
        taken += wide;
        kept.push(c);
    }
    kept.push('…');
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 5] =
        [whole("ID"), state("STATE"), text("NAME"), whole("CREATED"), extra("WATCH")];

    fn rows() -> Vec<Vec<String>> {
        let row = |cells: [&str; 5]| cells.map(str::to_owned).to_vec();
        vec![
            row([
                "ch_0198c0ffee00700080000000000000aa",
                "ACTIVE",
                "Buổi hoà nhạc mùa thu của dàn nhạc giao hưởng thành phố",
                "2026-11-24",
                "http://127.0.0.1:8080/watch/0123456789abcdef",
            ]),
            row(["ch_0198c0ffee00700080000000000000bb", "IDLE", "日本語の名前", "2026-11-23", ""]),
        ]
    }

    fn at(width: Option<usize>) -> String {
        table(&COLUMNS, &rows(), Look { width, colour: false }).join("\n")
    }

    #[test]
    fn what_reads_gets_everything() {
        insta::assert_snapshot!(at(None));
    }

    #[test]
    fn a_wide_terminal_shows_all_columns_and_a_narrow_one_what_matters() {
        insta::assert_snapshot!(format!("{}\n\n{}\n\n{}", at(Some(120)), at(Some(80)), at(Some(40))));
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_while_what_stays_whole_fits() {
        for width in 74..200 {
            for line in table(&COLUMNS, &rows(), Look { width: Some(width), colour: false }) {
                assert!(line.width() <= width, "{width}: {line}");
            }
        }
    }

    #[test]
    fn a_wide_character_is_not_cut_in_half() {
        assert_eq!(cut("日本語", 4), "日…");
        assert_eq!(cut("日本語", 6), "日本語");
        assert_eq!(cut("abc", 2), "a…");
    }

    #[test]
    fn colours_take_no_room() {
        let plain = table(&COLUMNS, &rows(), Look { width: Some(80), colour: false });
        let painted = table(&COLUMNS, &rows(), Look { width: Some(80), colour: true });
        let bare = |line: &String| {
            ["\u{1b}[0m", "\u{1b}[1m", "\u{1b}[2m", "\u{1b}[32m"]
                .iter()
                .fold(line.clone(), |line, code| line.replace(code, ""))
        };
        assert_eq!(painted.iter().map(bare).collect::<Vec<_>>(), plain);
    }
}
