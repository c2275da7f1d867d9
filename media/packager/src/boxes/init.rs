//! Initialization sections: `ftyp` and a `moov` without samples.

use mp4_atom::{
    Dinf, Dref, Encode, FourCC, Ftyp, Hdlr, Mdhd, Mdia, Minf, Moov, Mvex, Mvhd, Smhd, Stbl, Stco, Stsd, Tkhd,
    Trak, Trex, Url, Vmhd,
};
use sigma_elementary::{AudioConfig, CLOCK, VideoConfig};

use super::{AUDIO_TRACK, VIDEO_TRACK, sample_entry};
use crate::InitSection;

/// Writes the init section of a rendition with these tracks.
///
/// # Errors
/// What a decoder configuration holds that cannot be written.
pub(crate) fn init_section(
    video: Option<&VideoConfig>,
    audio: Option<&AudioConfig>,
) -> Result<InitSection, mp4_atom::Error> {
    let mut tracks = Vec::new();
    if let Some(config) = video {
        tracks.push(video_track(config)?);
    }
    if let Some(config) = audio {
        tracks.push(audio_track(config)?);
    }
    let extends = tracks.iter().map(|track| Trex {
        track_id: track.tkhd.track_id,
        default_sample_description_index: 1,
        ..Trex::default()
    });
    let mvex = Mvex { mehd: None, trex: extends.collect() };
    let mvhd = Mvhd {
        timescale: 1_000,
        rate: 1.into(),
        volume: 1.into(),
        next_track_id: AUDIO_TRACK + 1,
        ..Mvhd::default()
    };
    let mut bytes = Vec::new();
    file_type().encode(&mut bytes)?;
    Moov { mvhd, mvex: Some(mvex), trak: tracks, ..Moov::default() }.encode(&mut bytes)?;
    let video_codec = video.map(|config| config.codec_string().to_owned());
    let audio_codec = audio.map(AudioConfig::codec_string);
    let codecs: Vec<String> = video_codec.into_iter().chain(audio_codec).collect();
    Ok(InitSection {
        bytes: bytes.into(),
        codecs: codecs.join(","),
        width: video.map_or(0, |config| config.width),
        height: video.map_or(0, |config| config.height),
        frame_rate_milli: video.and_then(|config| config.frame_rate_hint).and_then(milli),
        video: video.is_some(),
        audio: audio.is_some(),
    })
}

/// CMAF §7.2: `cmfc`; `iso6` for signed composition offsets in `trun`.
fn file_type() -> Ftyp {
    Ftyp {
        major_brand: FourCC::new(b"iso6"),
        minor_version: 0,
        compatible_brands: vec![FourCC::new(b"iso6"), FourCC::new(b"cmfc"), FourCC::new(b"mp41")],
    }
}

fn milli((numerator, denominator): (u32, u32)) -> Option<u32> {
    u32::try_from(u64::from(numerator) * 1_000 / u64::from(denominator.max(1))).ok()
}

fn video_track(config: &VideoConfig) -> Result<Trak, mp4_atom::Error> {
    let tkhd = Tkhd {
        track_id: VIDEO_TRACK,
        enabled: true,
        in_movie: true,
        width: side(config.width).into(),
        height: side(config.height).into(),
        ..Tkhd::default()
    };
    let minf = Minf { vmhd: Some(Vmhd::default()), ..media_information(sample_entry::video(config)?) };
    Ok(track(tkhd, CLOCK, b"vide", minf))
}

fn audio_track(config: &AudioConfig) -> Result<Trak, mp4_atom::Error> {
    let tkhd = Tkhd {
        track_id: AUDIO_TRACK,
        alternate_group: 1,
        enabled: true,
        in_movie: true,
        volume: 1.into(),
        ..Tkhd::default()
    };
    let minf = Minf { smhd: Some(Smhd::default()), ..media_information(sample_entry::audio(config)?) };
    Ok(track(tkhd, config.sample_rate, b"soun", minf))
}

fn track(tkhd: Tkhd, timescale: u32, handler: &[u8; 4], minf: Minf) -> Trak {
    let mdhd = Mdhd { timescale, language: "und".into(), ..Mdhd::default() };
    let hdlr = Hdlr { handler: FourCC::new(handler), name: String::new() };
    Trak { tkhd, mdia: Mdia { mdhd, hdlr, minf }, ..Trak::default() }
}

/// §8.4.4 with an empty sample table, as §8.16.2 wants it before fragments.
fn media_information(codec: mp4_atom::Codec) -> Minf {
    let here = mp4_atom::DrefEntry::Url(Url { location: String::new() });
    Minf {
        dinf: Dinf { dref: Dref { entries: vec![here] } },
        stbl: Stbl { stsd: Stsd { codecs: vec![codec] }, stco: Some(Stco::default()), ..Stbl::default() },
        ..Minf::default()
    }
}

fn side(pixels: u32) -> u16 {
    u16::try_from(pixels).unwrap_or(u16::MAX)
}
