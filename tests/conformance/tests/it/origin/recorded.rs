//! The broadcast as a recording: all of side A, without its gaps.

use std::fmt::Write;
use std::sync::atomic::Ordering;

use super::answers::{Answer, media, partial, playlist};
use super::script::{Item, TARGET};
use super::{Origin, Side};

/// What the variant that breaks rule 47 adds to each duration, in milliseconds: a picture is 100 ms long.
const TOO_LONG: u64 = 40;

impl Origin {
    pub(super) fn recorded(
        &self,
        name: &str,
        gzip: bool,
        range: Option<(usize, Option<usize>)>,
    ) -> Option<Answer> {
        let number = |prefix: char, suffix: &str| -> Option<u64> {
            name.strip_prefix(prefix)?.strip_suffix(suffix)?.parse().ok()
        };
        if name == "master.m3u8" {
            return Some(playlist(self.of_recording(), "max-age=60", gzip));
        }
        if name == "vod.m3u8" {
            let before = self.asked.fetch_add(1, Ordering::Relaxed);
            return Some(playlist(self.recording(before), "max-age=60", gzip && !self.breaks(40)));
        }
        if name == "iframes.m3u8" {
            return Some(playlist(self.key_frames(), "max-age=60", gzip));
        }
        if let Some(init) = number('i', ".mp4") {
            let (width, height) = Side::A.size(usize::try_from(init).ok()?);
            return Some(media(super::boxes::init(width, height)));
        }
        let msn = number('s', ".m4s")?;
        let item = self.kept().nth(usize::try_from(msn).ok()?)?;
        let segment = self.segment(Side::A, item);
        let Some((from, Some(to))) = range else { return Some(media(segment)) };
        let part = segment.get(from..=to)?.to_vec();
        Some(partial(from, part.len(), segment.len(), part.into()))
    }

    fn kept(&self) -> impl Iterator<Item = &Item> + Clone {
        self.script.items.iter().filter(|item| !item.gap)
    }

    fn of_recording(&self) -> String {
        let bits = |item: &Item| 8 * self.segment(Side::A, item).len();
        let (all, ms) = self.kept().fold((0, 0), |(all, ms), item| (all + bits(item), ms + item.ms()));
        let average = all * 1_000 / usize::try_from(ms).expect("short");
        let long = self.kept().filter(|item| 2 * item.ms() >= TARGET);
        let peak = long.map(|item| bits(item) * 1_000 / usize::try_from(item.ms()).expect("short")).max();
        let said = |rate: usize| if self.breaks(48) { rate * 12 / 10 } else { rate };
        let (width, height) = Side::A.size(1);
        format!(
            "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-STREAM-INF:BANDWIDTH={},AVERAGE-BANDWIDTH={},CODECS=\"avc1.42c01e\",RESOLUTION={width}x{height},FRAME-RATE=10.000\nvod.m3u8\n\
             #EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=100000,CODECS=\"avc1.42c01e\",RESOLUTION={width}x{height},URI=\"iframes.m3u8\"\n",
            said(peak.expect("a segment")),
            said(average)
        )
    }

    fn listed_ms(&self, item: &Item) -> u64 {
        item.ms() + if self.breaks(47) { TOO_LONG } else { 0 }
    }

    /// The first picture of each segment.
    fn key_frames(&self) -> String {
        let mut out = format!(
            "#EXTM3U\n#EXT-X-VERSION:5\n#EXT-X-TARGETDURATION:{}\n#EXT-X-I-FRAMES-ONLY\n#EXT-X-PLAYLIST-TYPE:VOD\n",
            TARGET / 1_000
        );
        for (msn, item) in self.kept().enumerate() {
            let end = super::boxes::first_picture_ends(&self.segment(Side::A, item));
            let end = if self.breaks(50) { end - 1 } else { end };
            let ms = self.listed_ms(item);
            // Writing to a String cannot fail.
            let _ = writeln!(
                out,
                "#EXT-X-MAP:URI=\"i{}.mp4\"\n#EXTINF:{}.{:03},\n#EXT-X-BYTERANGE:{end}@0\ns{msn}.m4s",
                item.init,
                ms / 1_000,
                ms % 1_000
            );
        }
        out + "#EXT-X-ENDLIST\n"
    }

    fn recording(&self, asked_before: usize) -> String {
        let kind = if self.breaks(45) { "EVENT" } else { "VOD" };
        let mut out = format!(
            "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:{}\n#EXT-X-PLAYLIST-TYPE:{kind}\n#EXT-X-MEDIA-SEQUENCE:0\n",
            TARGET / 1_000
        );
        if !self.breaks(49) {
            out.push_str("#EXT-X-INDEPENDENT-SEGMENTS\n");
        }
        let items: Vec<&Item> = self.kept().collect();
        let shown = if self.breaks(46) && asked_before > 2 { items.len() - 1 } else { items.len() };
        let mut before: Option<&Item> = None;
        for (msn, item) in items[..shown].iter().enumerate() {
            if before.is_some_and(|before| item.discontinuity || before.msn + 1 != item.msn) {
                out.push_str("#EXT-X-DISCONTINUITY\n");
            }
            // Writing to a String cannot fail.
            if before.is_none_or(|before| before.init != item.init) {
                let _ = writeln!(out, "#EXT-X-MAP:URI=\"i{}.mp4\"", item.init);
            }
            let ms = self.listed_ms(item);
            let _ = writeln!(out, "#EXTINF:{}.{:03},\ns{msn}.m4s", ms / 1_000, ms % 1_000);
            before = Some(item);
        }
        out.push_str("#EXT-X-ENDLIST\n");
        out
    }
}
