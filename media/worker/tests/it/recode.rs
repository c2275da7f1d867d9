//! Parts of real groups of pictures, with and without B-frames, coded anew.
#![allow(clippy::print_stdout, reason = "figures, for who runs it with --nocapture")]

use bytes::Bytes;
use sigma_elementary::RandomAccess;
use sigma_gst::{Gop, Picture, PictureError, Pictures, Recoded};
use sigma_packager::edge::recoded_init;
use sigma_packager::edge::{Still, segment};
use sigma_packager::reader::VideoTrack;

use crate::media::run;
use crate::settings;

/// Ticks of a picture at 30 a second.
const FRAME: i64 = 3_000;

/// One group of 60 pictures by libx264, as the packager's reader finds it; and the init section.
fn group(coded: &[&str]) -> (Bytes, Gop) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("source.mp4");
    let path = file.to_str().unwrap();
    let from = ["-y", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=320x180:rate=30", "-t", "2"];
    let usual =
        ["-c:v", "libx264", "-preset", "veryfast", "-g", "60", "-keyint_min", "60", "-sc_threshold", "0"];
    let to =
        ["-video_track_timescale", "90000", "-movflags", "+frag_keyframe+delay_moov+default_base_moof", path];
    run("ffmpeg", &[&from[..], &usual, coded, &to].concat());
    let bytes = Bytes::from(std::fs::read(&file).unwrap());
    let begin = bytes.windows(4).position(|name| name == b"moof").unwrap() - 4;
    let track = VideoTrack::read(&bytes[..begin]).unwrap().unwrap();
    let media = bytes.slice(begin..);
    let samples = track.samples(&media).unwrap();
    assert_eq!(samples.len(), 60);
    let pictures = samples.into_iter().map(|sample| Picture {
        pts: sample.decode_time.cast_signed() + sample.offset,
        data: media.slice(sample.bytes),
    });
    let pictures: Vec<_> = pictures.collect();
    (bytes.slice(..begin), Gop { config: track.config, keep: 0..0, pictures })
}

fn keeping(gop: &Gop, frames: std::ops::Range<i64>) -> Gop {
    let first = gop.pictures.iter().map(|picture| picture.pts).min().unwrap();
    Gop { keep: first + frames.start * FRAME..first + frames.end * FRAME, ..gop.clone() }
}

/// What ffmpeg decodes of it: its pictures in grey, one behind the other.
fn decoded(init: &[u8], gop: &Gop, recoded: Option<&Recoded>) -> Vec<Vec<u8>> {
    let pictures = recoded.map_or(&gop.pictures, |recoded| &recoded.pictures);
    let stills: Vec<Still> = (0..)
        .zip(pictures)
        .map(|(number, picture)| Still {
            decode_time: number * FRAME.unsigned_abs(),
            offset: i32::try_from(picture.pts - number.cast_signed() * FRAME - pictures[0].pts).unwrap(),
            key: number == 0,
            data: picture.data.clone(),
        })
        .collect();
    let end = stills.len() as u64 * FRAME.unsigned_abs();
    let init = match recoded {
        Some(recoded) => recoded_init(init, &recoded.config).unwrap(),
        None => init.to_vec(),
    };
    let file = [init, segment(1, &stills, end, &[]).unwrap().concat()].concat();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.mp4");
    std::fs::write(&path, file).unwrap();
    let path = path.to_str().unwrap();
    let grey = run(
        "ffmpeg",
        &[
            "-v",
            "error",
            "-xerror",
            "-i",
            path,
            "-f",
            "rawvideo",
            "-pix_fmt",
            "gray",
            "-fps_mode",
            "passthrough",
            "-",
        ],
    );
    grey.chunks(320 * 180).map(<[u8]>::to_vec).collect()
}

/// How far two pictures are apart, a pixel, on average.
fn apart(one: &[u8], other: &[u8]) -> f64 {
    let sum: u64 = one.iter().zip(other).map(|(one, other)| u64::from(one.abs_diff(*other))).sum();
    sum as f64 / one.len() as f64
}

#[tokio::test]
async fn just_the_wanted_pictures_come_back_looking_as_they_did() {
    let pictures = Pictures::start(settings());
    for coded in [
        &["-bf", "0"][..],
        &["-bf", "3"],
        &["-bf", "3", "-pix_fmt", "yuv420p", "-profile:v", "main", "-b_strategy", "0"],
    ] {
        let (init, gop) = group(coded);
        let before = decoded(&init, &gop, None);
        assert_eq!(before.len(), 60);
        for frames in [17..60, 0..23, 29..30, 13..41] {
            let kept = keeping(&gop, frames.clone());
            let wanted = kept.wanted();
            let begun = sigma_clock::monotonic();
            let recoded = pictures.recode("a", kept).await.unwrap();
            println!("{coded:?}: {} of 60 pictures in {:?}", wanted.len(), begun.elapsed());
            assert!(recoded.pictures.iter().map(|picture| picture.pts).eq(wanted));
            assert_eq!((recoded.config.width, recoded.config.height), (320, 180));
            let first = recoded.config.random_access(&recoded.pictures[0].data);
            assert_eq!(first, RandomAccess::Closed);
            let after = decoded(&init, &gop, Some(&recoded));
            assert_eq!(after.len(), frames.clone().count());
            for (place, after) in frames.zip(&after) {
                let here = apart(after, &before[usize::try_from(place).unwrap()]);
                assert!(here < 3.0, "picture {place} of {coded:?} is {here} away from what it was");
            }
        }
    }
    assert_eq!(pictures.figures().losses, 0);
}

#[tokio::test]
async fn what_cannot_be_coded_anew_is_refused_in_words() {
    let pictures = Pictures::start(settings());
    let (_, gop) = group(&["-bf", "2"]);
    let words = async |gop: Gop| match pictures.recode("a", gop).await {
        Err(PictureError::Broken(words)) => words,
        other => panic!("{other:?}"),
    };
    assert!(words(keeping(&gop, 60..70)).await.contains("none of its pictures"));
    let mut headless = keeping(&gop, 30..40);
    headless.pictures.remove(0);
    assert!(words(headless).await.contains("decoding cannot start"));
    let mut torn = keeping(&gop, 30..40);
    torn.pictures[20].data = torn.pictures[20].data.slice(..9);
    assert!(words(torn).await.contains("not whole"));
    let mut bent = keeping(&gop, 0..50);
    for picture in &mut bent.pictures[1..] {
        let mut bytes = picture.data.to_vec();
        bytes.iter_mut().skip(5).for_each(|byte| *byte ^= 0x5a);
        picture.data = bytes.into();
    }
    // It comes to fewer pictures, or to grey ones: never to a worker that is lost.
    let _ = pictures.recode("a", bent).await;
    let too_many = Gop { pictures: vec![gop.pictures[0].clone(); 901], ..gop.clone() };
    assert!(matches!(pictures.recode("a", too_many).await, Err(PictureError::TooMuch { .. })));
    assert_eq!(pictures.figures().losses, 0);
}
