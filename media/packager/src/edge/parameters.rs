//! Parameter sets of pictures that were coded anew, beside those of the pictures that were sent.
//!
//! Both have numbers of their own, so that a decoder may know both: readers that go on with the first init section that they
//! saw (ffmpeg's of HLS) decode all of a cut.

use bytes::{BufMut, Bytes, BytesMut};
use mp4_atom::{Atom, Avcc, Error};
use sigma_elementary::{VideoCodec, VideoConfig};

/// Bytes of a length before a NAL unit, as encoders write them.
const LENGTH: u8 = 4;

/// A configuration by which a decoder knows both: what was coded anew comes first.
///
/// # Errors
/// One of them is not H.264's, or both cannot be one.
pub fn joined_config(recoded: &VideoConfig, sent: &VideoConfig) -> Result<VideoConfig, Error> {
    let mut joined = Avcc::decode_body(&mut &recoded.record[..])?;
    let sent = Avcc::decode_body(&mut &sent.record[..])?;
    for set in sent.sequence_parameter_sets {
        if !joined.sequence_parameter_sets.contains(&set) {
            joined.sequence_parameter_sets.push(set);
        }
    }
    for set in sent.picture_parameter_sets {
        if !joined.picture_parameter_sets.contains(&set) {
            joined.picture_parameter_sets.push(set);
        }
    }
    // ISO/IEC 14496-15 §5.3.3.1.2: what is claimed holds for every sequence parameter set.
    joined.avc_profile_indication = joined.avc_profile_indication.max(sent.avc_profile_indication);
    joined.avc_level_indication = joined.avc_level_indication.max(sent.avc_level_indication);
    joined.profile_compatibility &= sent.profile_compatibility;
    let mut record = Vec::new();
    joined.encode_body(&mut record)?;
    let config = VideoConfig::parse(VideoCodec::H264, record.into());
    config.map_err(|_| Error::Unsupported("parameter sets that do not go together"))
}

/// A key frame with its parameter sets before it.
///
/// # Errors
/// `config` is not H.264's, or its lengths are not of four bytes.
pub fn with_parameters(config: &VideoConfig, unit: &[u8]) -> Result<Bytes, Error> {
    if config.nal_length_size != LENGTH {
        return Err(Error::Unsupported("lengths that encoders do not write"));
    }
    let known = Avcc::decode_body(&mut &config.record[..])?;
    let mut whole = BytesMut::with_capacity(unit.len() + config.record.len());
    for set in known.sequence_parameter_sets.iter().chain(&known.picture_parameter_sets) {
        whole.put_u32(u32::try_from(set.len()).map_err(|_| Error::InvalidSize)?);
        whole.put_slice(set);
    }
    whole.put_slice(unit);
    Ok(whole.freeze())
}
