//! `sigma-media-worker`: the one executable that links GStreamer.
//!
//! It is started by the supervisor (`sigma-gst`) with a socket as its standard input, takes key frames from it and gives
//! pictures back, one after the other. It ends with its supervisor, however that ends. What crashes it crashes nothing else.

mod decode;
mod door;
mod encode;
mod limits;
mod make;
mod recode;
mod refusal;
mod scale;
mod webp;

use std::process::ExitCode;

use sigma_elementary::VideoCodec;
use sigma_gst::protocol::{Answer, Hello, VERSION};

use crate::door::Door;
use crate::limits::Limits;

fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(words) => {
            // Standard error is read by the supervisor, and by people who start the executable by hand.
            use std::io::Write as _;
            let _ = writeln!(std::io::stderr(), "sigma-media-worker: {words}");
            ExitCode::FAILURE
        }
    }
}

fn serve() -> Result<(), String> {
    let limits = Limits::from_arguments(std::env::args().skip(1))?;
    limits::follow_the_parent();
    limits.be_nice();
    let mut door = Door::open()?;
    gstreamer::init().map_err(|error| format!("GStreamer does not start: {error}"))?;
    // After GStreamer's start: its first one looks through all plugins in a process that would inherit the limits.
    limits.set()?;
    let all = [VideoCodec::H264, VideoCodec::Hevc, VideoCodec::Av1].into_iter();
    let decoders = all.filter(|codec| decode::decoder(*codec).is_some()).collect();
    let gstreamer = gstreamer::version_string().to_string();
    door.answer(&Answer::Hello(Hello { version: VERSION, gstreamer, decoders }))?;
    while let Some((id, order)) = door.request() {
        let answer = match make::make(&order) {
            Ok(made) => Answer::Done { id, broken: made.broken, picture: made.picture.into() },
            Err(refusal) => Answer::Refused { id, why: refusal.to_string() },
        };
        door.answer(&answer)?;
    }
    Ok(())
}
