//! Values are right by construction, and an error says what would be.

use sigma_domain::{
    Actor, ActorKind, ApiTokenGrant, ApiTokenId, ApiTokenName, ApiTokenPrefix, AssetId, ChannelId,
    ChannelName, CommandId, DvrWindow, FeedNumber, IngestProtocol, InputFormat, KeyOverlap, LatencyMode,
    MaxSessionDuration, NodeId, PlaybackId, ProjectId, ReconnectWindow, Retention, Scope, SessionId, Span,
    Spans, Timestamp, ValueError, VideoCodec, WarningData, WarningMessage, WarningName,
};

use proptest::prelude::*;

use crate::world::picture_and_sound;

fn error<T: std::str::FromStr<Err = ValueError> + std::fmt::Debug>(text: &str) -> String {
    text.parse::<T>().unwrap_err().to_string()
}

#[test]
fn ids_have_a_prefix_and_a_uuid() {
    let uuid = uuid::Uuid::from_u128(0x0190_163d_8694_739b_b9fe_2b8f_9c1f_8f5a);
    assert_eq!(ChannelId::from_uuid(uuid).as_str(), "ch_0190163d8694739bb9fe2b8f9c1f8f5a");
    assert_eq!(SessionId::from_uuid(uuid).as_str(), "se_0190163d8694739bb9fe2b8f9c1f8f5a");
    assert_eq!(ProjectId::from_uuid(uuid).as_str(), "pr_0190163d8694739bb9fe2b8f9c1f8f5a");
    assert_eq!(AssetId::from_uuid(uuid).as_str(), "as_0190163d8694739bb9fe2b8f9c1f8f5a");
    assert_eq!(ApiTokenId::from_uuid(uuid).as_str(), "tk_0190163d8694739bb9fe2b8f9c1f8f5a");
    assert_eq!(ChannelId::from_uuid(uuid).as_str().parse(), Ok(ChannelId::from_uuid(uuid)));
}

#[test]
fn an_id_of_another_kind_or_form_is_no_id() {
    let mend = "the channel's id must be an id like ch_0190163d8694739bb9fe2b8f9c1f8f5a";
    for text in [
        "",
        "ch_",
        "se_0190163d8694739bb9fe2b8f9c1f8f5a",
        "ch_0190163D8694739BB9FE2B8F9C1F8F5A",
        "ch_0190163d8694739bb9fe2b8f9c1f8f5",
        "ch_0190163d8694739bb9fe2b8f9c1f8f5aa",
        "ch_0190163d8694739bb9fe2b8f9c1f8f5 ",
        "ch_default",
    ] {
        assert_eq!(error::<ChannelId>(text), mend, "{text:?}");
    }
}

#[test]
fn the_default_project_has_a_name_for_an_id() {
    assert_eq!("pr_default".parse(), Ok(ProjectId::default_project()));
    assert!(ProjectId::default_project().is_default());
    assert!(error::<ProjectId>("pr_other").contains("pr_default"));
}

#[test]
fn a_playback_id_is_twenty_characters_without_look_alikes() {
    assert_eq!(PlaybackId::from_random(0).as_str(), "aaaaaaaaaaaaaaaaaaaa");
    assert_eq!(PlaybackId::from_random(u128::MAX).as_str(), "77777777777777777777");
    assert_eq!(
        PlaybackId::from_random(1 << 95).as_str(),
        "aaaaaaaaaaaaaaaaaaab",
        "the last character counts"
    );
    for text in
        ["", "aaaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaaaa1", "AAAAAAAAAAAAAAAAAAAA"]
    {
        assert_eq!(error::<PlaybackId>(text), "the playback id must be 20 characters of a to z and 2 to 7");
    }
}

#[test]
fn a_name_is_trimmed_and_has_one_to_a_hundred_characters() {
    assert_eq!("  Evening news\n".parse::<ChannelName>().unwrap().as_str(), "Evening news");
    assert_eq!("ü".repeat(100).parse::<ChannelName>().unwrap().as_str().chars().count(), 100);
    assert_eq!(error::<ChannelName>(" \t "), "the channel's name must have 1 to 100 characters; this has 0");
    assert_eq!(
        error::<ChannelName>(&"ü".repeat(101)),
        "the channel's name must have 1 to 100 characters; this has 101"
    );
    assert_eq!(
        error::<ChannelName>(&"x".repeat(9_999)),
        "the channel's name must have 1 to 100 characters; this has 101"
    );
}

#[test]
fn a_name_has_no_control_characters_and_turns_no_page_around() {
    for text in ["a\u{0}b", "a\nb", "a\u{7f}b", "a\u{85}b", "a\u{202e}b", "a\u{2066}b"] {
        assert_eq!(
            error::<ChannelName>(text),
            "the channel's name must be free of control characters",
            "{text:?}"
        );
    }
    assert!("👩‍👩‍👧 सत्य عربى".parse::<ChannelName>().is_ok(), "joiners and right-to-left letters are names");
}

#[test]
fn durations_have_bounds_and_say_them() {
    assert_eq!(MaxSessionDuration::DEFAULT.seconds(), 43_200);
    assert_eq!(ReconnectWindow::DEFAULT.seconds(), 60);
    assert_eq!(KeyOverlap::DEFAULT.seconds(), 0);
    for (seconds, fits) in
        [(59, false), (60, true), (604_800, true), (604_801, false), (-1, false), (i64::MAX, false)]
    {
        assert_eq!(MaxSessionDuration::try_from(seconds).is_ok(), fits, "{seconds}");
    }
    for (seconds, fits) in [(-1_i64, false), (0, true), (3_600, true), (3_601, false), (1 << 32, false)] {
        assert_eq!(ReconnectWindow::try_from(seconds).is_ok(), fits, "{seconds}");
    }
    let error = ReconnectWindow::try_from(-5_i64).unwrap_err().to_string();
    assert_eq!(error, "the reconnect window must be 0 to 3600 seconds, not -5");
}

#[test]
fn what_is_recorded_is_kept_until_it_is_deleted_or_for_a_time_within_bounds() {
    assert_eq!((DvrWindow::DEFAULT.seconds(), DvrWindow::MIN, DvrWindow::MAX), (7_200, 0, 86_400));
    let ready = Timestamp::from_millis(1_000);
    let forever = Retention::try_from(None).unwrap();
    assert_eq!((forever, forever.seconds(), forever.end_of(ready)), (Retention::default(), None, None));
    for (seconds, fits) in [(59, false), (60, true), (315_360_000, true), (315_360_001, false), (-1, false)] {
        assert_eq!(Retention::try_from(Some(seconds)).is_ok(), fits, "{seconds}");
    }
    let a_minute = Retention::try_from(Some(60)).unwrap();
    assert_eq!(a_minute.end_of(ready), Some(Timestamp::from_millis(61_000)));
    let error = Retention::try_from(Some(0)).unwrap_err().to_string();
    assert_eq!(error, "the retention must be 60 to 315360000 seconds, not 0");
}

#[test]
fn a_span_is_a_range_that_ends_after_it_begins() {
    assert!(Span::new(0, 1).is_ok() && Span::new(0, Span::LAST_US).is_ok());
    for (from, to) in [(0, 0), (5, 4), (0, Span::LAST_US + 1), (u64::MAX, u64::MAX)] {
        assert!(Span::new(from, to).is_err(), "{from} {to}");
    }
    let span = |from, to| Span::new(from, to).unwrap();
    assert!(span(2, 8).holds(span(2, 8)) && !span(2, 8).holds(span(1, 8)) && !span(2, 8).holds(span(2, 9)));
}

#[test]
fn spans_stand_in_any_order_and_are_one_at_least() {
    let spans = |pairs: &[(u64, u64)]| {
        let spans: Vec<_> = pairs.iter().map(|(from, to)| Span::new(*from, *to).unwrap()).collect();
        Spans::try_from(spans)
    };
    assert_eq!(spans(&[(0, 4), (4, 5), (7, 9)]).unwrap().length_us(), 7);
    assert!(spans(&[]).is_err());
    assert_eq!(spans(&[(4, 5), (0, 4), (3, 5)]).unwrap().length_us(), 7, "shown again, shown twice");
    let many: Vec<_> = (0..1_001).map(|n| (2 * n, 2 * n + 1)).collect();
    assert!(spans(&many[..1_000]).is_ok() && spans(&many).is_err());
    let whole = spans(&[(0, 10), (20, 30)]).unwrap();
    assert!(whole.hold(&spans(&[(1, 2), (4, 10), (20, 21)]).unwrap()));
    assert!(!whole.hold(&spans(&[(1, 2), (5, 25)]).unwrap()), "no span of it reaches over the gap");
}

#[test]
fn what_no_issue_has_brought_yet_is_refused_by_name() {
    assert_eq!("ULTRA_LOW".parse(), Ok(LatencyMode::UltraLow));
    assert_eq!(error::<LatencyMode>("ultra-low"), "the latency mode must be one of NORMAL, LOW, ULTRA_LOW");
    assert_eq!(error::<IngestProtocol>("SRT"), "the ingest protocol must be one of RTMP");
    assert_eq!(error::<VideoCodec>("VP9"), "the video codec must be one of H264, HEVC, AV1");
}

#[test]
fn an_input_has_picture_or_sound() {
    let both = picture_and_sound(720);
    let (video, audio) = (both.video().copied(), both.audio().copied());
    for (video, audio) in [(video, audio), (video, None), (None, audio)] {
        let input = InputFormat::new(IngestProtocol::Rtmp, video, audio, None).unwrap();
        assert_eq!((input.video().copied(), input.audio().copied()), (video, audio));
    }
    let neither = InputFormat::new(IngestProtocol::Rtmp, None, None, None).unwrap_err();
    assert_eq!(neither.to_string(), "the input must be video, audio or both");
}

#[test]
fn texts_of_machines_are_short_visible_ascii() {
    assert!("node-1.example_a".parse::<NodeId>().is_ok());
    for text in ["", "a b", "a/b", "ä", &"n".repeat(65)] {
        assert!(text.parse::<NodeId>().is_err(), "{text:?}");
    }
    assert!("key/with:signs=".parse::<CommandId>().is_ok());
    for text in ["", "a b", "a\nb", "ä", &"c".repeat(256)] {
        assert!(text.parse::<CommandId>().is_err(), "{text:?}");
    }
    let actor = Actor::new(ActorKind::System, "deadlines").unwrap();
    assert_eq!((actor.kind(), actor.id()), (ActorKind::System, "deadlines"));
    assert!(Actor::new(ActorKind::Admin, "").is_err());
}

#[test]
fn a_scope_is_one_that_is_known_and_the_error_lists_them() {
    assert_eq!("channels:secrets".parse(), Ok(Scope::ChannelsSecrets));
    assert_eq!(
        error::<Scope>("webhooks:write"),
        "the scope must be one of channels:read, channels:write, channels:secrets, sessions:read, \
         sessions:write, assets:read, assets:write, events:read, health:read, tokens:admin, platform:admin"
    );
}

fn channels(count: u128) -> std::collections::BTreeSet<ChannelId> {
    (0..count).map(|n| ChannelId::from_uuid(uuid::Uuid::from_u128(n))).collect()
}

#[test]
fn a_grant_has_a_scope_and_the_channels_named_or_all() {
    let grant = ApiTokenGrant::new([Scope::EventsRead, Scope::EventsRead], Some(channels(2))).unwrap();
    assert_eq!(grant.scopes().iter().collect::<Vec<_>>(), [&Scope::EventsRead]);
    assert_eq!(grant.channels(), Some(&channels(2)));
    assert_eq!(ApiTokenGrant::new([Scope::EventsRead], None).unwrap().channels(), None);
    let nothing = ApiTokenGrant::new([], None).unwrap_err().to_string();
    assert_eq!(nothing, "the scopes must be one at least");
}

#[test]
fn a_grant_names_one_to_a_hundred_channels() {
    for (count, fits) in [(0, false), (1, true), (100, true), (101, false)] {
        assert_eq!(ApiTokenGrant::new([Scope::ChannelsRead], Some(channels(count))).is_ok(), fits, "{count}");
    }
    let none = ApiTokenGrant::new([Scope::ChannelsRead], Some(channels(0))).unwrap_err().to_string();
    assert_eq!(none, "the channels that a token is bound to must be 1 to 100; this has 0");
}

#[test]
fn a_grant_that_is_bound_to_channels_reaches_no_further() {
    for &scope in Scope::ALL {
        let beyond = matches!(scope, Scope::TokensAdmin | Scope::PlatformAdmin);
        let bound = ApiTokenGrant::new([Scope::ChannelsRead, scope], Some(channels(1)));
        assert_eq!(bound.is_err(), beyond, "{scope}");
        assert!(ApiTokenGrant::new([scope], None).is_ok());
    }
}

#[test]
fn a_prefix_shows_eight_characters_of_a_token_and_no_more() {
    assert!("sgm_0aZ9bY8c".parse::<ApiTokenPrefix>().is_ok());
    for text in ["", "sgm_", "sgm_0aZ9bY8", "sgm_0aZ9bY8cd", "xyz_0aZ9bY8c", "sgm_0aZ9bY8-", "sgm_0aZ9bYä"] {
        assert_eq!(
            error::<ApiTokenPrefix>(text),
            "the API token's prefix must be sgm_ and 8 letters and digits",
            "{text:?}"
        );
    }
    assert_eq!(error::<ApiTokenName>(" "), "the API token's name must have 1 to 100 characters; this has 0");
}

#[test]
fn a_warning_has_a_name_a_message_and_a_few_numbers() {
    assert!("KEY_FRAME_INTERVAL_LONG".parse::<WarningName>().is_ok());
    for text in ["", "no_audio", "NO AUDIO", "NO_AUDIO2", &"A".repeat(41)] {
        assert!(text.parse::<WarningName>().is_err(), "{text:?}");
    }
    assert!("A".repeat(40).parse::<WarningName>().is_ok());
    assert!("ü".repeat(500).parse::<WarningMessage>().is_ok());
    for text in ["", "a\nb", &"ü".repeat(501)] {
        assert!(text.parse::<WarningMessage>().is_err(), "{text:?}");
    }
    let numbers = |names: &[String]| {
        let numbers: std::collections::BTreeMap<_, _> = names.iter().map(|name| (name.clone(), -1)).collect();
        WarningData::try_from(numbers).is_ok()
    };
    let many: Vec<_> = (0..17).map(|n| format!("n{n}")).collect();
    assert!(numbers(&[]) && numbers(&many[..16]) && numbers(&["x".repeat(40)]));
    for wrong in [&many[..], &[String::new()], &["a b".to_owned()], &["x".repeat(41)]] {
        assert!(!numbers(wrong), "{wrong:?}");
    }
}

#[test]
fn feeds_are_counted_from_one() {
    assert!(FeedNumber::try_from(0).is_err());
    assert_eq!(FeedNumber::FIRST.next().get(), 2);
}

#[test]
fn time_does_not_run_over() {
    assert_eq!(Timestamp::from_millis(1).plus_seconds(2).as_millis(), 2_001);
    assert_eq!(Timestamp::from_millis(i64::MAX).plus_seconds(1).as_millis(), i64::MAX);
}

proptest! {
    #[test]
    fn a_name_once_parsed_parses_to_itself(text in "\\PC{0,120}") {
        if let Ok(name) = text.parse::<ChannelName>() {
            prop_assert_eq!(name.as_str().parse::<ChannelName>(), Ok(name.clone()));
            prop_assert_eq!(name.as_str().trim(), name.as_str());
        }
    }

    #[test]
    fn a_playback_id_keeps_a_hundred_random_bits(a in any::<u128>(), b in any::<u128>()) {
        let low = |n: u128| n & ((1 << 100) - 1);
        prop_assert_eq!(low(a) == low(b), PlaybackId::from_random(a) == PlaybackId::from_random(b));
        prop_assert!(PlaybackId::from_random(a).as_str().parse::<PlaybackId>().is_ok());
    }
}
