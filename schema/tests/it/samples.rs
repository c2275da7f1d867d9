//! What is measured, as it stands in a topic: of its schema, and read again as it was.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};
use sigma_schema::{IngestHealth, IngestWarning};

use crate::asyncapi::samples;
use crate::json_schema::faults;

/// As the first version wrote it. Readers are there that know it: it is not to be edited.
const FULL: &str = r#"{
    "sessionId": "se_1", "channelId": "ch_1", "atMs": 1790000001000, "videoBitrate": 2500000, "audioBitrate": 128000,
    "frameRateMilli": 29970, "keyFrameIntervalMs": 2002, "avOffsetMs": -12, "behindMs": 40, "queueMs": 3, "largestGapMs": 34,
    "droppedFrames": 7, "warnings": [{
        "name": "B_FRAMES", "message": "Set B-frames to 0.", "sinceMs": 1789999990000, "data": { "reorderMs": 66 }
    }]
}"#;

fn schema() -> Value {
    samples().remove("ingest_health.v1").unwrap()
}

prop_compose! {
    fn any_warning()(
        name in "[A-Z_]{1,32}", message in ".{0,64}", since_ms in any::<i64>(),
        data in prop::collection::btree_map("[a-zA-Z]{1,12}", any::<i64>(), 0..4),
    ) -> IngestWarning {
        IngestWarning { name, message, since_ms, data }
    }
}

prop_compose! {
    fn any_sample()(
        (session_id, channel_id) in ("[a-z0-9_]{1,32}", "[a-z0-9_]{1,32}"), at_ms in any::<i64>(),
        (video_bitrate, audio_bitrate, dropped_frames) in any::<(u64, u64, u64)>(),
        (frame_rate_milli, key_frame_interval_ms, av_offset_ms) in any::<(Option<u32>, Option<u32>, Option<i32>)>(),
        (behind_ms, queue_ms, largest_gap_ms) in any::<(u32, u32, u32)>(),
        warnings in prop::collection::vec(any_warning(), 0..3),
    ) -> IngestHealth {
        IngestHealth {
            session_id, channel_id, at_ms, video_bitrate, audio_bitrate, frame_rate_milli, key_frame_interval_ms, av_offset_ms,
            behind_ms, queue_ms, largest_gap_ms, dropped_frames, warnings,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_measured_is_of_its_schema_and_read_again_as_it_was(sample in any_sample()) {
        let written = serde_json::to_vec(&sample).unwrap();
        let value: Value = serde_json::from_slice(&written).unwrap();
        prop_assert_eq!(faults(&schema(), &value), Vec::<String>::new());
        prop_assert_eq!(serde_json::from_slice::<IngestHealth>(&written).unwrap(), sample);
    }
}

#[test]
fn the_first_version_is_read_for_ever() {
    let data = BTreeMap::from([("reorderMs".to_owned(), 66)]);
    let warning = IngestWarning {
        name: "B_FRAMES".into(),
        message: "Set B-frames to 0.".into(),
        since_ms: 1_789_999_990_000,
        data,
    };
    let wanted = IngestHealth {
        session_id: "se_1".into(),
        channel_id: "ch_1".into(),
        at_ms: 1_790_000_001_000,
        video_bitrate: 2_500_000,
        audio_bitrate: 128_000,
        frame_rate_milli: Some(29_970),
        key_frame_interval_ms: Some(2_002),
        av_offset_ms: Some(-12),
        behind_ms: 40,
        queue_ms: 3,
        largest_gap_ms: 34,
        dropped_frames: 7,
        warnings: vec![warning],
    };
    assert_eq!(serde_json::from_str::<IngestHealth>(FULL).unwrap(), wanted);
    let full: Value = serde_json::from_str(FULL).unwrap();
    assert_eq!(serde_json::to_value(&wanted).unwrap(), full, "and written so");
}

/// What the schema says of a field, and what the program that reads it says, are one.
#[test]
fn a_field_that_must_be_there_is_one_that_is_not_read_without() {
    let (schema, full) = (schema(), serde_json::from_str::<Value>(FULL).unwrap());
    let title = format!("sigma.{}.v{}", IngestHealth::NAME, IngestHealth::VERSION);
    assert_eq!(schema["title"], json!(title));
    for name in schema["properties"].as_object().unwrap().keys() {
        let mut without = full.clone();
        assert!(without.as_object_mut().unwrap().remove(name).is_some(), "{name} is not in the example");
        let must = schema["required"].as_array().unwrap().contains(&json!(name));
        assert_eq!(serde_json::from_value::<IngestHealth>(without).is_err(), must, "{name}");
    }
    let mut later = full;
    later["later"] = json!("an addition");
    assert!(serde_json::from_value::<IngestHealth>(later).is_ok());
}
