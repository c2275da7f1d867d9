//! What pictures look like.

use sigma_elementary::VideoCodec;
use sigma_gst::{KeyFrame, PictureError, Pictures, Standing, Tile, Width};

use crate::media::{AV1, H264, HEVC, HEVC_10, frames_of, key_frames, look, near, solid};
use crate::settings;

const RED: [u8; 3] = [255, 0, 0];
const LIME: [u8; 3] = [0, 255, 0];
const BLUE: [u8; 3] = [0, 0, 255];
const BLACK: [u8; 3] = [0, 0, 0];

fn wide(pixels: u32) -> Width {
    Width::new(pixels).unwrap()
}

#[tokio::test]
async fn a_thumbnail_of_each_codec_shows_what_was_broadcast() {
    let pictures = Pictures::start(settings());
    for (name, coded) in [("h264", &H264[..]), ("hevc", &HEVC), ("hevc, 10 bits", &HEVC_10), ("av1", &AV1)] {
        for (colour, expected) in [("red", RED), ("lime", LIME), ("blue", BLUE)] {
            let frame = key_frames(&solid(colour, "1280x720"), 1, coded).remove(0);
            let file = pictures
                .thumbnail("a", "live", frame, wide(320))
                .await
                .unwrap_or_else(|e| panic!("{name}: {e}"));
            let seen = look(&file);
            assert_eq!((seen.width, seen.height), (320, 180), "{name}");
            assert!(near(seen.at(50, 50), expected), "{name}, {colour}: {:?}", seen.at(50, 50));
        }
    }
}

#[tokio::test]
async fn all_widths_of_the_list_are_made_and_none_is_wider_than_its_source() {
    let pictures = Pictures::start(settings());
    let frame = key_frames("testsrc2=size=854x480", 1, &H264).remove(0);
    let mut sizes = Vec::new();
    for width in Width::ALL {
        let seen = look(&pictures.thumbnail("a", "live", frame.clone(), width).await.unwrap());
        sizes.push((seen.width, seen.height));
    }
    assert_eq!(sizes, [(160, 90), (320, 180), (640, 360), (854, 480)]);
    let upright = key_frames("testsrc2=size=360x640", 1, &H264).remove(0);
    let seen = look(&pictures.thumbnail("a", "live", upright, wide(160)).await.unwrap());
    assert_eq!((seen.width, seen.height), (160, 284));
}

#[tokio::test]
async fn the_worker_says_what_it_is_once_it_is_asked() {
    let pictures = Pictures::start(settings());
    assert_eq!(pictures.standing(), Standing::Idle);
    let standing = pictures.look().await;
    let Standing::Ready { gstreamer, decoders } = &standing else { panic!("{standing:?}") };
    assert!(gstreamer.starts_with("GStreamer 1."), "{gstreamer}");
    assert_eq!(decoders[..], [VideoCodec::H264, VideoCodec::Hevc, VideoCodec::Av1]);
    assert_eq!(pictures.standing(), standing);
}

#[tokio::test]
async fn a_sheet_has_its_tiles_row_by_row_and_fits_each_picture_into_its_tile() {
    let pictures = Pictures::start(settings());
    let mut frames = Vec::new();
    for (colour, size) in [("red", "640x360"), ("lime", "640x360"), ("blue", "360x640"), ("red", "640x360")] {
        frames.extend(key_frames(&solid(colour, size), 1, &H264));
    }
    let file = pictures.sheet("a", frames, Tile::new(160, 90, 3).unwrap()).await.unwrap();
    let seen = look(&file);
    assert_eq!((seen.width, seen.height), (480, 180));
    // Middles of the three columns; the third holds an upright picture with black beside it.
    let row = |y| [16, 50, 83].map(|x| seen.at(x, y));
    for (found, expected) in row(25).into_iter().zip([RED, LIME, BLUE]) {
        assert!(near(found, expected), "{found:?} for {expected:?}");
    }
    assert!(near(seen.at(70, 25), BLACK) && near(seen.at(97, 25), BLACK));
    for (found, expected) in row(75).into_iter().zip([RED, BLACK, BLACK]) {
        assert!(near(found, expected), "{found:?} for {expected:?}");
    }
}

#[tokio::test]
async fn a_broken_frame_leaves_its_tile_the_picture_before_it() {
    let pictures = Pictures::start(settings());
    let mut frames = Vec::new();
    ["red", "lime", "blue"]
        .iter()
        .for_each(|colour| frames.extend(key_frames(&solid(colour, "320x180"), 1, &H264)));
    frames[1].data = frames[1].data.slice(..frames[1].data.len() - 3);
    let tile = Tile::new(160, 90, 3).unwrap();
    let seen = look(&pictures.sheet("a", frames.clone(), tile).await.unwrap());
    for (x, expected) in [(16, RED), (50, RED), (83, BLUE)] {
        assert!(near(seen.at(x, 50), expected), "at {x}: {:?}", seen.at(x, 50));
    }
    let preview = pictures.preview("a", frames.clone(), wide(160), 3_000).await.unwrap();
    assert_eq!(frames_of(&preview).len(), 2);
    assert_eq!(pictures.figures().broken_frames, 2);
    let all_broken = vec![frames[1].clone(); 3];
    let error = pictures.sheet("a", all_broken, tile).await.unwrap_err();
    assert_eq!(error, PictureError::Broken("it is not whole".into()));
}

#[tokio::test]
async fn a_preview_moves_through_its_key_frames_in_the_time_it_has() {
    let pictures = Pictures::start(settings());
    let mut frames = Vec::new();
    for colour in ["red", "lime", "blue", "red", "lime", "blue"] {
        frames.extend(key_frames(&solid(colour, "640x360"), 1, &H264));
    }
    let file = pictures.preview("a", frames, wide(320), sigma_gst::PREVIEW_MS).await.unwrap();
    let frames = frames_of(&file);
    assert_eq!(frames.len(), 6);
    for ((still, milliseconds), expected) in frames.iter().zip([RED, LIME, BLUE, RED, LIME, BLUE]) {
        let seen = look(still);
        assert_eq!((seen.width, seen.height, *milliseconds), (320, 180, 500));
        assert!(near(seen.at(50, 50), expected), "{:?} for {expected:?}", seen.at(50, 50));
    }
}

#[tokio::test]
async fn more_than_a_request_may_is_refused_by_name() {
    let pictures = Pictures::start(settings());
    let frame = key_frames(&solid("red", "320x180"), 1, &H264).remove(0);
    let tile = Tile::new(160, 90, 10).unwrap();
    let many = vec![frame.clone(); sigma_gst::MAX_FRAMES + 1];
    let error = pictures.sheet("a", many, tile).await.unwrap_err();
    assert_eq!(error, PictureError::TooMuch { what: "the number of key frames", limit: 144 });
    let large = KeyFrame { data: vec![0; sigma_gst::MAX_UNIT + 1].into(), ..frame.clone() };
    let error = pictures.thumbnail("a", "live", large, wide(160)).await.unwrap_err();
    assert_eq!(error, PictureError::TooMuch { what: "the largest key frame", limit: 16 << 20 });
    let heavy = KeyFrame { data: vec![0; sigma_gst::MAX_UNIT].into(), ..frame.clone() };
    let error = pictures.sheet("a", vec![heavy; 4], tile).await.unwrap_err();
    assert!(matches!(error, PictureError::TooMuch { what: "the size of all key frames", .. }), "{error}");
    let error = pictures.preview("a", vec![frame], wide(160), 30_001).await.unwrap_err();
    assert!(matches!(error, PictureError::TooMuch { what: "the length in milliseconds", .. }), "{error}");
    assert_eq!(pictures.sheet("a", vec![], tile).await, Err(PictureError::Broken("there is none".into())));
    assert_eq!(pictures.figures().starts, 0, "none of this is worth a worker");
}

#[tokio::test]
async fn the_largest_sheet_is_made() {
    let pictures = Pictures::start(settings());
    let frame = key_frames("testsrc2=size=320x320", 1, &H264).remove(0);
    let frames = vec![frame; sigma_gst::MAX_FRAMES];
    let seen = look(&pictures.sheet("a", frames, Tile::new(320, 320, 12).unwrap()).await.unwrap());
    assert_eq!((seen.width, seen.height), (3_840, 3_840));
}
