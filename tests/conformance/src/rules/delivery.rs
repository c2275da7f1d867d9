//! How things are delivered, and what the multivariant playlist says of them: rules 40, 41 and 43.

use std::collections::BTreeMap;

use crate::case::{Case, Line};
use crate::finding::{Exhibit, Finding, Trial};
use crate::mp4::{Init, Kind, micros};
use crate::observation::{Body, Exchange, Purpose};
use crate::playlist::{Multivariant, Segment, Variant};

/// §4, and RFC 8216 §4.
const PLAYLIST_TYPES: [&str; 2] = ["application/vnd.apple.mpegurl", "audio/mpegurl"];

/// Media types of fragmented MP4, of its pieces, and of the other formats that HLS carries.
const MEDIA_TYPES: [&str; 9] = [
    "video/mp4",
    "audio/mp4",
    "application/mp4",
    "video/iso.segment",
    "audio/iso.segment",
    "video/mp2t",
    "audio/aac",
    "audio/mpeg",
    "text/vtt",
];

/// A measured rate may be this much above what is said, in hundredths: what is measured while live is never final.
const OVER: u64 = 125;

pub(super) fn coding_and_types(case: &Case<'_>) -> Finding {
    let mut trial = Trial::new();
    for exchange in case.log.exchanges.iter().filter(|exchange| exchange.is_good()) {
        let Some(answer) = exchange.answer() else { continue };
        let base = answer.content_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
        let shows = || {
            let said = format!(
                "Content-Type: {}\nContent-Encoding: {}",
                answer.content_type, answer.content_encoding
            );
            Exhibit::new(exchange.url.clone(), &said)
        };
        let (sound, what) = match answer.body {
            Body::Text(_) | Body::Playlist(_) => (PLAYLIST_TYPES.contains(&base.as_str()), "a playlist"),
            Body::Init(_) | Body::Media(_) | Body::KeyFrame(_) => {
                (MEDIA_TYPES.contains(&base.as_str()), "media")
            }
            Body::None => continue,
        };
        if !sound {
            trial.breach(format!("{what} comes as {:?}", answer.content_type), [shows()]);
        }
        if exchange.purpose == Purpose::Plain {
            trial.saw();
            if !answer.content_encoding.eq_ignore_ascii_case("gzip") {
                trial.breach("a playlist is not gzipped for who accepts it", [shows()]);
            }
        }
    }
    trial.end("gzip, and the right types", "no playlist came")
}

pub(super) fn http2(case: &Case<'_>) -> Finding {
    if !case.log.address.starts_with("https:") {
        return Finding::not_applicable("this is not TLS");
    }
    let mut trial = Trial::new();
    for exchange in case.log.exchanges.iter().filter(|exchange| exchange.url.starts_with("https:")) {
        let Some(answer) = exchange.answer() else { continue };
        trial.saw();
        if !answer.http2 {
            trial.breach("answered by HTTP/1.1", [Exhibit::new(exchange.url.clone(), "HTTP/1.1 over TLS")]);
        }
    }
    trial.end("HTTP/2", "nothing was answered")
}

pub(super) fn attributes(case: &Case<'_>) -> Finding {
    let mut trial = Trial::new();
    for exchange in &case.log.exchanges {
        let media = !matches!(exchange.purpose, Purpose::Multivariant);
        if let Some(to) = exchange.answer().and_then(|answer| answer.redirects.first()).filter(|_| media) {
            let shows = Exhibit::new(exchange.url.clone(), &format!("redirected to {to}"));
            trial.breach("media is redirected", [shows]);
        }
    }
    if !case.log.has_multivariant {
        let finding = trial.end("", "");
        if finding.verdict == crate::finding::Verdict::Broken {
            return finding;
        }
        return Finding::not_applicable("a media playlist was given: there are no attributes");
    }
    for line in &case.lines {
        let Some((exchange, newest, variant)) = variant_of(case, line) else { continue };
        trial.saw();
        for said in said_wrong(case, line, variant, newest) {
            let shows = Exhibit::playlist(exchange, &newest.text);
            trial.breach(format!("{said}: {}", variant.line), [shows]);
        }
    }
    trial.end("as measured", "no multivariant playlist came")
}

/// What the newest multivariant playlist says of a line.
pub(super) fn variant_of<'c>(
    case: &'c Case<'_>,
    line: &Line<'_>,
) -> Option<(&'c Exchange, &'c Multivariant, &'c Variant)> {
    let (exchange, newest) = case.multivariants.last()?;
    let variant = newest.variants.iter().find(|variant| resolves(exchange, &variant.uri, line.url))?;
    Some((exchange, newest, variant))
}

fn resolves(exchange: &Exchange, uri: &str, url: &str) -> bool {
    let base = exchange.answer().and_then(|answer| answer.redirects.last()).unwrap_or(&exchange.url);
    reqwest::Url::parse(base).and_then(|base| base.join(uri)).is_ok_and(|found| found.as_str() == url)
}

/// The format that a variant is to tell of: of what is live the one that is sent now; of a recording, all of which plays, the one
/// with the largest pictures, for which there is to be room (§4.4.6.2, RESOLUTION).
fn shown_by<'c>(case: &'c Case<'_>, line: &Line<'_>) -> Option<&'c Init> {
    if !case.log.recorded {
        let newest = line.follows().rev().find_map(|load| load.playlist.all().next_back()?.map.clone());
        return newest.and_then(|map| case.init(line, &map));
    }
    let maps = line.segments.values().filter_map(|listed| listed.what.map.as_ref());
    let area =
        |init: &&Init| init.video().map_or(0, |video| u64::from(video.size.0) * u64::from(video.size.1));
    maps.filter_map(|map| case.init(line, map)).max_by_key(area)
}

/// All that a variant says wrong, or does not say.
fn said_wrong(case: &Case<'_>, line: &Line<'_>, variant: &Variant, all: &Multivariant) -> Vec<String> {
    let mut wrong = Vec::new();
    let init = shown_by(case, line);
    let has_pictures = init.and_then(Init::video).is_some();
    for (name, there) in [
        ("BANDWIDTH", variant.bandwidth.is_some()),
        ("AVERAGE-BANDWIDTH", variant.average_bandwidth.is_some()),
        ("CODECS", variant.codecs.is_some()),
        ("RESOLUTION", variant.resolution.is_some() || !has_pictures),
        ("FRAME-RATE", variant.frame_rate.is_some() || !has_pictures),
    ] {
        if !there {
            wrong.push(format!("{name} is missing"));
        }
    }
    if let Some(init) = init {
        let said: Vec<&str> =
            variant.codecs.iter().flat_map(|codecs| codecs.split(',')).map(str::trim).collect();
        for codec in init.tracks.iter().filter_map(|track| track.codec.as_deref()) {
            if !said.is_empty() && !said.iter().any(|said| said.eq_ignore_ascii_case(codec)) {
                wrong.push(format!("the media has {codec}"));
            }
        }
        if let (Some(video), Some(said)) = (init.video(), &variant.resolution) {
            let measured = format!("{}x{}", video.size.0, video.size.1);
            if video.size != (0, 0) && *said != measured {
                wrong.push(format!("the media has {measured}"));
            }
        }
    }
    // Of what is live, what was another format has other rates.
    let newest = line.segments.values().next_back().map(|listed| &listed.what.map);
    let of_format = |segment: &Segment| case.log.recorded || Some(&segment.map) == newest;
    let measured = measure(case, line, of_format);
    // §4.4.6.2, FRAME-RATE: the greatest of any; looked at in the pictures that are told of.
    let size = init.and_then(Init::video).map(|video| video.size);
    let of_size = |segment: &Segment| {
        let own = segment.map.as_ref().and_then(|map| case.init(line, map)).and_then(Init::video);
        of_format(segment) && own.map(|video| video.size) == size
    };
    let frame_rate = measure(case, line, of_size).frame_rate;
    if let (Some(said), Some(rate)) = (variant.frame_rate.as_deref().and_then(thousandths), frame_rate)
        && said.abs_diff(rate) * 100 > rate * 5
    {
        wrong.push(format!("the media has {}.{:03} pictures a second", rate / 1_000, rate % 1_000));
    }
    // A variant with a sound group of its own counts that too: only its own share is measured here.
    let alone = variant.audio.is_none() || all.renditions.is_empty();
    for (name, said, measured) in [
        ("BANDWIDTH", variant.bandwidth, measured.peak),
        ("AVERAGE-BANDWIDTH", variant.average_bandwidth, measured.average),
    ] {
        if let (Some(said), Some(measured)) = (said, measured)
            && alone
            && measured * 100 > said * OVER
        {
            wrong.push(format!("{name} is {said}, measured {measured} bit/s"));
        }
    }
    if variant.average_bandwidth > variant.bandwidth && variant.bandwidth.is_some() {
        wrong.push("the average is above the peak".to_owned());
    }
    wrong
}

/// What segments show.
pub(super) struct Measured {
    /// Bit/s.
    pub(super) peak: Option<u64>,
    /// Bit/s.
    pub(super) average: Option<u64>,
    /// In thousandths of a picture a second.
    pub(super) frame_rate: Option<u64>,
}

/// What those of the whole segments of a line show that are `looked_at`.
pub(super) fn measure(case: &Case<'_>, line: &Line<'_>, looked_at: impl Fn(&Segment) -> bool) -> Measured {
    let (mut weights, mut pictures) = (BTreeMap::new(), (0u64, 0u64));
    for (exchange, answer) in case.answered(line) {
        let Purpose::Segment(msn) = exchange.purpose else { continue };
        let Some(listed) =
            line.segments.get(&msn).filter(|listed| looked_at(&listed.what) && !listed.what.gap)
        else {
            continue;
        };
        let Body::Media(Ok(runs)) = &answer.body else { continue };
        let long = u64::try_from(listed.what.duration).unwrap_or(0);
        if long == 0 {
            continue;
        }
        weights.insert(msn, (answer.length * 8, long));
        for run in runs.iter().filter(|run| run.kind == Kind::Video) {
            pictures.0 += u64::from(run.samples);
            pictures.1 += u64::try_from(micros(run.duration, run.timescale)).unwrap_or(0);
        }
    }
    let (bits, long) = weights.values().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    Measured {
        peak: peak(&weights, u64::try_from(line.target()).unwrap_or(0)),
        average: rate(bits, long),
        // Of a moment of pictures nothing can be said.
        frame_rate: rate(pictures.0 * 1_000, pictures.1).filter(|_| pictures.1 >= 1_000_000),
    }
}

/// §4.4.6.2: the greatest bit rate of a contiguous set of segments of half a target duration to one and a half. `weights`: bits and
/// microseconds by number.
fn peak(weights: &BTreeMap<u64, (u64, u64)>, target: u64) -> Option<u64> {
    let of_sets_from = |first: u64| {
        let contiguous = (first..).map_while(|msn| weights.get(&msn));
        let sums = contiguous.scan((0, 0), |sum, (bits, long)| {
            *sum = (sum.0 + bits, sum.1 + long);
            Some(*sum)
        });
        let sets = sums.take_while(|(_, long)| long * 2 <= target * 3).filter(|(_, long)| long * 2 >= target);
        sets.filter_map(|(bits, long)| rate(bits, long)).max()
    };
    weights.keys().filter_map(|first| of_sets_from(*first)).max()
}

/// A second.
fn rate(count: u64, micros: u64) -> Option<u64> {
    (micros > 0).then(|| count * 1_000_000 / micros)
}

/// A decimal number in thousandths.
fn thousandths(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits: String = fraction.chars().chain("000".chars()).take(3).collect();
    Some(whole.parse::<u64>().ok()?.checked_mul(1_000)? + digits.parse::<u64>().ok()?)
}
