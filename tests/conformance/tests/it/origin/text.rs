//! The small origin's playlists.

use std::fmt::Write;

use super::script::{Item, NEW_FORMAT, PART, Piece, State, TARGET};
use super::{Origin, Side};

/// 2026-11-26T19:00:00Z and so many milliseconds.
fn date(ms: u64) -> String {
    let seconds = ms / 1_000;
    format!("2026-11-26T19:{:02}:{:02}.{:03}Z", seconds / 60, seconds % 60, ms % 1_000)
}

fn seconds(ms: u64) -> String {
    format!("{}.{:05}", ms / 1_000, ms % 1_000 * 100)
}

/// How a playlist is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) delta: bool,
    pub(crate) v2: bool,
    pub(crate) blocking: bool,
}

impl Origin {
    fn skip_until(&self, side: Side) -> u64 {
        if self.breaks(4) { 4_000 } else { 6 * self.target(side) }
    }

    /// Target durations: rule 6 breaks when the sides differ.
    pub(crate) fn target(&self, side: Side) -> u64 {
        if self.breaks(6) && side == Side::B { 2 * TARGET } else { TARGET }
    }

    fn longest_target(&self) -> u64 {
        if self.breaks(6) { 2 * TARGET } else { TARGET }
    }

    /// The multivariant playlist.
    pub(crate) fn multivariant(&self, at: u64) -> String {
        let mut text = "#EXTM3U\n".to_owned();
        for side in [Side::A, Side::B] {
            let bits = 8 * self.segment_bytes(side);
            let said = if self.breaks(43) { bits / 2 } else { bits };
            let (width, height) = side.size(usize::from(at > NEW_FORMAT + PART));
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "#EXT-X-STREAM-INF:BANDWIDTH={said},AVERAGE-BANDWIDTH={said},CODECS=\"avc1.42c01e\",RESOLUTION={width}x{height},FRAME-RATE=10.000\n{}/index.m3u8",
                side.name()
            );
        }
        text
    }

    /// A media playlist as it stands in a state.
    pub(crate) fn playlist(&self, side: Side, state: &State<'_>, asked: Asked) -> String {
        self.write(side, state, asked).expect("a String takes all")
    }

    fn write(&self, side: Side, state: &State<'_>, asked: Asked) -> Result<String, std::fmt::Error> {
        let target = self.target(side);
        let until = if self.breaks(4) { 4_000 } else { 6 * self.longest_target() };
        let total = state.ms();
        let whole: u64 = state.listed().iter().map(Item::ms).sum();
        // Gaps come at one stroke: who was blocked since then does not hold them.
        let held = until / 2 + 3 * target;
        let mut end = 0;
        let old = state.listed().iter().take_while(|item| {
            end += item.ms();
            whole - end >= self.skip_until(side).max(until) && item.whole_at + held < state.at
        });
        let skipped = if asked.delta { old.count() } else { 0 };
        let version = match skipped {
            _ if self.breaks(44) => 11,
            0 if self.breaks(144) && state.listed().iter().any(|item| item.gap) => 7,
            0 => 6,
            _ if asked.v2 && !self.breaks(33) => 10,
            _ => 9,
        };
        let mut out =
            format!("#EXTM3U\n#EXT-X-VERSION:{version}\n#EXT-X-TARGETDURATION:{}\n", target / 1_000);
        let hold_back = match () {
            () if self.breaks(3) => 2_000,
            () if self.breaks(1) && side == Side::B => 3_500,
            () => 3 * self.longest_target(),
        };
        let part_hold_back = if self.breaks(2) { 1_200 } else { 3 * self.part_target() };
        write!(out, "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL={}", seconds(until))?;
        write!(out, ",CAN-SKIP-DATERANGES=YES,HOLD-BACK={}", seconds(hold_back))?;
        if self.has_parts() {
            write!(out, ",PART-HOLD-BACK={}", seconds(part_hold_back))?;
            write!(out, "\n#EXT-X-PART-INF:PART-TARGET={}", seconds(self.part_target()))?;
        }
        let one_off = u64::from(self.breaks(16) && !asked.blocking && state.at > 14_000 && !state.ended);
        let first = state.removed as u64;
        let gone = state.whole[..state.removed].iter().filter(|item| item.discontinuity).count();
        let gone = if self.breaks(17) { 0 } else { gone };
        write!(out, "\n#EXT-X-MEDIA-SEQUENCE:{}\n#EXT-X-DISCONTINUITY-SEQUENCE:{gone}\n", first + one_off)?;
        writeln!(out, "#EXT-X-INDEPENDENT-SEGMENTS")?;
        if skipped > 0 {
            write!(out, "#EXT-X-SKIP:SKIPPED-SEGMENTS={skipped}")?;
            if asked.v2 && !self.breaks(33) {
                let lately = state.at.saturating_sub(until);
                let removed = state.whole[..state.removed].iter().filter(|item| {
                    item.msn.is_multiple_of(2)
                        && self.script.removed_at(item.msn).is_some_and(|at| at >= lately)
                });
                let ids: Vec<String> = removed.map(|item| format!("d{}", item.msn)).collect();
                write!(out, ",RECENTLY-REMOVED-DATERANGES=\"{}\"", ids.join("\t"))?;
            }
            writeln!(out)?;
        }
        self.date_ranges(&mut out, state, if asked.v2 { skipped } else { 0 })?;
        self.segments(&mut out, side, state, skipped, total)?;
        if state.ended {
            writeln!(out, "#EXT-X-ENDLIST")?;
        } else if self.has_parts() {
            self.ahead(&mut out, side, state)?;
        }
        Ok(out)
    }

    /// One for every other segment.
    fn date_ranges(&self, out: &mut String, state: &State<'_>, skipped: usize) -> std::fmt::Result {
        let open = state.open.map(|(item, _)| item);
        for item in state.listed()[skipped..].iter().chain(open).filter(|item| item.msn.is_multiple_of(2)) {
            writeln!(
                out,
                "#EXT-X-DATERANGE:ID=\"d{}\",START-DATE=\"{}\",DURATION=1.0",
                item.msn,
                date(item.starts)
            )?;
        }
        Ok(())
    }

    fn segments(
        &self,
        out: &mut String,
        side: Side,
        state: &State<'_>,
        skipped: usize,
        total: u64,
    ) -> std::fmt::Result {
        let span = if self.breaks(13) { 5 } else { 3 } * self.target(side);
        let (mut init, mut at) = (None, 0);
        for (index, item) in state.listed().iter().enumerate() {
            at += item.ms();
            if index >= skipped {
                let head = self.head(state, item, init);
                let oldest = at - item.ms() + item.parts[0].ms;
                let parts = if total - oldest <= span { item.parts.as_slice() } else { &[] };
                self.parts(out, side, item, &head, parts)?;
                if item.gap {
                    writeln!(out, "#EXT-X-GAP")?;
                }
                let mut ms = item.ms();
                if self.breaks(32) && skipped > 0 && index == skipped {
                    ms -= 100;
                }
                writeln!(out, "#EXTINF:{},\ns{}.m4s", seconds(ms), item.msn)?;
            }
            init = Some(item.init);
        }
        if let Some((item, parts)) = state.open.filter(|_| self.has_parts()) {
            let head = self.head(state, item, init);
            self.parts(out, side, item, &head, &item.parts[..parts])?;
        }
        Ok(())
    }

    fn head(&self, state: &State<'_>, item: &Item, init: Option<usize>) -> Vec<String> {
        let mut head = Vec::new();
        if item.discontinuity {
            head.push("#EXT-X-DISCONTINUITY".to_owned());
        }
        if init != Some(item.init) {
            head.push(format!("#EXT-X-MAP:URI=\"i{}.mp4\"", item.init));
        }
        if !(self.breaks(23) && item.discontinuity && item.starts == NEW_FORMAT) {
            // Rule 20: what was listed changes, by five milliseconds.
            let changed = self.breaks(20) && item.msn == 19 && state.edge() > (21, 0);
            head.push(format!("#EXT-X-PROGRAM-DATE-TIME:{}", date(item.starts + u64::from(changed) * 5)));
        }
        head
    }

    fn parts(
        &self,
        out: &mut String,
        side: Side,
        item: &Item,
        head: &[String],
        parts: &[Piece],
    ) -> std::fmt::Result {
        let parts = if self.has_parts() { parts } else { &[] };
        let late = usize::from(self.breaks(10) && item.starts == 20_000 && !parts.is_empty());
        for line in &head[..head.len() - late] {
            writeln!(out, "{line}")?;
        }
        let mut offset = 0;
        for (index, part) in parts.iter().enumerate() {
            write!(
                out,
                "#EXT-X-PART:DURATION={},URI=\"{}\"",
                seconds(part.ms),
                part_uri(side, item.msn, index)
            )?;
            let length = self.part_bytes(side, item, index).len();
            if side == Side::B && !item.gap {
                write!(out, ",BYTERANGE=\"{length}@{offset}\"")?;
            }
            offset += length;
            let silent = self.breaks(9) && item.starts == 20_000;
            match item.gap {
                true => writeln!(out, ",GAP=YES")?,
                false if index == 0 && !silent => writeln!(out, ",INDEPENDENT=YES")?,
                false => writeln!(out)?,
            }
            if index == 0 && late > 0 {
                writeln!(out, "{}", head[head.len() - 1])?;
            }
        }
        Ok(())
    }

    /// Hints, and reports of the other side.
    fn ahead(&self, out: &mut String, side: Side, state: &State<'_>) -> std::fmt::Result {
        let (msn, part) = state.edge();
        let all_there = state.open.is_some_and(|(item, parts)| parts == item.parts.len());
        let (hinted, index) = if all_there { (msn + 1, 0) } else { (msn, part) };
        if (NEW_FORMAT - PART..NEW_FORMAT + PART).contains(&state.at) {
            writeln!(out, "#EXT-X-PRELOAD-HINT:TYPE=MAP,URI=\"i1.mp4\"")?;
        }
        if !(self.breaks(34) && index == 0) {
            write!(out, "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"{}\"", part_uri(side, hinted, index))?;
            if side == Side::B {
                let before = state.open.filter(|_| !all_there);
                let start: usize = before.map_or(0, |(item, parts)| {
                    (0..parts).map(|part| self.part_bytes(side, item, part).len()).sum()
                });
                write!(out, ",BYTERANGE-START={start}")?;
            }
            writeln!(out)?;
        }
        let other = if side == Side::A { Side::B } else { Side::A };
        let (last, part) = match state.open {
            Some((item, parts)) => (item.msn, parts - 1),
            None => state.whole.last().map_or((0, 0), |item| (item.msn, item.parts.len() - 1)),
        };
        let last = if self.breaks(38) { last - 3 } else { last };
        writeln!(
            out,
            "#EXT-X-RENDITION-REPORT:URI=\"../{}/index.m3u8\",LAST-MSN={last},LAST-PART={part}",
            other.name()
        )
    }
}

/// Side A has files of their own, side B ranges of their segment.
fn part_uri(side: Side, msn: u64, index: usize) -> String {
    match side {
        Side::A => format!("p{msn}.{index}.m4s"),
        Side::B => format!("s{msn}.m4s"),
    }
}
