//! The boxes that we write, ISO/IEC 14496-12 and CMAF (ISO/IEC 23000-19).

mod init;
mod mdat;
mod moof;
mod sample_entry;

pub(crate) use init::init_section;
pub(crate) use moof::{Fragment, Run, Sample, fragment};
pub(crate) use sample_entry::video as video_entry;

/// The video's track id.
pub(crate) const VIDEO_TRACK: u32 = 1;
/// The audio's track id.
pub(crate) const AUDIO_TRACK: u32 = 2;
