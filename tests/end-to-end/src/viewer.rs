//! A light viewer: follows a media playlist by blocking reload and holds it to its word.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::Platform;

/// A segment as a playlist lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Media sequence number.
    pub msn: u64,
    /// Relative to the playlist.
    pub uri: String,
    /// Microseconds.
    pub duration_us: u64,
    /// Whether there is no media.
    pub gap: bool,
    /// Whether a new span begins here.
    pub discontinuity: bool,
    /// The init section in force.
    pub map: String,
}

/// A media playlist, as far as a light client reads it.
#[derive(Debug, Clone, Default)]
pub struct Playlist {
    /// `EXT-X-MEDIA-SEQUENCE`.
    pub media_sequence: u64,
    /// `EXT-X-DISCONTINUITY-SEQUENCE`.
    pub discontinuity_sequence: u64,
    /// `EXT-X-TARGETDURATION`, seconds.
    pub target_duration: u64,
    /// The segments, oldest first.
    pub segments: Vec<Segment>,
    /// Parts of the segment under way.
    pub open_parts: Vec<String>,
    /// Whether it has its ENDLIST.
    pub ended: bool,
    /// The text itself.
    pub text: String,
}

impl Playlist {
    /// Reads a full media playlist.
    pub fn parse(text: &str) -> Self {
        assert!(text.starts_with("#EXTM3U"), "no playlist: {text:.200}");
        let mut playlist = Self { text: text.to_owned(), ..Self::default() };
        let (mut duration_us, mut gap, mut discontinuity, mut map) = (0, false, false, String::new());
        for line in text.lines() {
            let (tag, value) = line.split_once(':').unwrap_or((line, ""));
            match tag {
                "#EXT-X-MEDIA-SEQUENCE" => playlist.media_sequence = value.parse().expect("a number"),
                "#EXT-X-DISCONTINUITY-SEQUENCE" => {
                    playlist.discontinuity_sequence = value.parse().expect("a number");
                }
                "#EXT-X-TARGETDURATION" => playlist.target_duration = value.parse().expect("a number"),
                "#EXTINF" => duration_us = micros(value.split(',').next().unwrap_or("")),
                "#EXT-X-GAP" => gap = true,
                "#EXT-X-DISCONTINUITY" => discontinuity = true,
                "#EXT-X-MAP" => map = attribute(value, "URI").expect("a map has its URI"),
                "#EXT-X-PART" => playlist.open_parts.extend(attribute(value, "URI")),
                "#EXT-X-ENDLIST" => playlist.ended = true,
                _ if !line.is_empty() && !line.starts_with('#') => {
                    let msn = playlist.media_sequence + playlist.segments.len() as u64;
                    let uri = line.to_owned();
                    playlist.open_parts.clear();
                    playlist.segments.push(Segment {
                        msn,
                        uri,
                        duration_us,
                        gap,
                        discontinuity,
                        map: map.clone(),
                    });
                    (gap, discontinuity) = (false, false);
                }
                _ => {}
            }
        }
        playlist
    }

    /// The number of the last whole segment; none when there is none.
    pub fn last_msn(&self) -> Option<u64> {
        self.segments.last().map(|segment| segment.msn)
    }
}

fn micros(seconds: &str) -> u64 {
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    let fraction: String = fraction.chars().chain("000000".chars()).take(6).collect();
    whole.parse::<u64>().expect("seconds") * 1_000_000 + fraction.parse::<u64>().expect("a fraction")
}

fn attribute(list: &str, name: &str) -> Option<String> {
    let at = list.find(&format!("{name}=\""))? + name.len() + 2;
    list[at..].split('"').next().map(str::to_owned)
}

/// A client of one session's media playlist that remembers what it was told.
#[derive(Debug)]
pub struct Viewer {
    client: reqwest::Client,
    /// The media playlist's URL.
    pub url: String,
    /// Every whole segment that was ever listed.
    pub seen: BTreeMap<u64, Segment>,
    /// The newest playlist.
    pub playlist: Playlist,
}

impl Viewer {
    /// Joins what is on air under a playback id; nothing when nothing is.
    pub async fn join(platform: &Platform, playback_id: &str) -> Option<Self> {
        let url = platform.url(&format!("/live/{playback_id}/index.m3u8"));
        Self::open(platform.client().clone(), &url).await
    }

    /// Joins by the URL of a multivariant playlist.
    pub async fn open(client: reqwest::Client, url: &str) -> Option<Self> {
        let answer = client.get(url).send().await.ok()?;
        if !answer.status().is_success() {
            return None;
        }
        let base = answer.url().clone();
        let text = answer.text().await.ok()?;
        let uri = text.lines().find(|line| !line.is_empty() && !line.starts_with('#'))?;
        let url = base.join(uri).expect("a URI in the multivariant playlist").to_string();
        let mut viewer = Self { client, url, seen: BTreeMap::new(), playlist: Playlist::default() };
        viewer.reload(None).await.ok()?;
        Some(viewer)
    }

    /// Loads the playlist, waiting for segment `until` when it is given, and checks it against all that was seen.
    ///
    /// # Errors
    /// The status or the words of a failed request.
    pub async fn reload(&mut self, until: Option<u64>) -> Result<(), String> {
        let url = match until {
            Some(msn) => format!("{}?_HLS_msn={msn}", self.url),
            None => self.url.clone(),
        };
        let answer =
            self.client.get(url).timeout(Duration::from_secs(60)).send().await.map_err(|e| e.to_string())?;
        if !answer.status().is_success() {
            return Err(answer.status().to_string());
        }
        let playlist = Playlist::parse(&answer.text().await.map_err(|error| error.to_string())?);
        self.check(&playlist);
        for segment in &playlist.segments {
            self.seen.insert(segment.msn, segment.clone());
        }
        self.playlist = playlist;
        Ok(())
    }

    /// RFC 8216bis §6.2.1 and §6.2.2: numbers never go back, and what was listed stays as it was.
    fn check(&self, new: &Playlist) {
        let old = &self.playlist;
        if old.text.is_empty() {
            return;
        }
        assert!(
            new.media_sequence >= old.media_sequence,
            "the media sequence fell:\n{}\n{}",
            old.text,
            new.text
        );
        assert!(new.discontinuity_sequence >= old.discontinuity_sequence, "the discontinuity sequence fell");
        assert_eq!(new.target_duration, old.target_duration, "the target duration changed");
        assert!(!old.ended || new.ended, "an ended playlist came to life");
        for segment in &new.segments {
            if let Some(known) = self.seen.get(&segment.msn) {
                assert_eq!(known, segment, "a listed segment changed:\n{}\n{}", old.text, new.text);
            }
        }
        // Gaps at the end are dropped when the session ends; anything else stays.
        if !new.ended {
            assert!(
                new.last_msn() >= old.last_msn(),
                "a listed segment went away:\n{}\n{}",
                old.text,
                new.text
            );
        }
    }

    /// Follows the playlist segment by segment until `enough` says so.
    ///
    /// # Panics
    /// When a reload fails or `within` is over.
    pub async fn follow(&mut self, within: Duration, mut enough: impl FnMut(&Self) -> bool) {
        let deadline = sigma_clock::monotonic() + within;
        while !enough(self) {
            assert!(
                sigma_clock::monotonic() < deadline,
                "not in {within:?}; the last playlist:\n{}",
                self.playlist.text
            );
            let next = self.playlist.last_msn().map_or(0, |msn| msn + 1);
            match self.reload(Some(next)).await {
                Ok(()) => {}
                // Blocked for longer than 3 target durations (rule 30): ask again.
                Err(status) if status.starts_with("503") => {}
                Err(error) => panic!("the playlist cannot be loaded: {error}"),
            }
        }
    }

    /// Fetches a file named in the playlist.
    ///
    /// # Errors
    /// The status or the words of a failed request.
    pub async fn fetch(&self, uri: &str) -> Result<Vec<u8>, String> {
        let base = reqwest::Url::parse(&self.url).expect("a URL");
        let url = base.join(uri).expect("a relative URI");
        let answer = self.client.get(url).send().await.map_err(|error| error.to_string())?;
        if !answer.status().is_success() {
            return Err(answer.status().to_string());
        }
        Ok(answer.bytes().await.map_err(|error| error.to_string())?.to_vec())
    }

    /// The segments seen so far, with no number missing between the first and the last.
    ///
    /// # Panics
    /// When one is missing.
    pub fn unbroken(&self) -> Vec<&Segment> {
        let numbers: Vec<u64> = self.seen.keys().copied().collect();
        for pair in numbers.windows(2) {
            assert_eq!(pair[1], pair[0] + 1, "segments are missing between {} and {}", pair[0], pair[1]);
        }
        self.seen.values().collect()
    }
}
