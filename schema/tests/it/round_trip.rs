//! What is stored and read again is the same event, through bytes and back.

use proptest::{
    collection::{btree_map, btree_set, vec},
    option,
    prelude::*,
    sample::select,
};
use sigma_domain::{
    Actor, ActorKind, ApiTokenEvent, ApiTokenGrant, AudioCodec, AudioFormat, ChannelChanges, ChannelEvent,
    ChannelId, ChannelName, ChannelSettings, EndReason, FeedNumber, IngestFault, IngestProtocol, InputFormat,
    LatencyMode, LossCause, LossEnd, MaxSessionDuration, NodeId, Personal, PlaybackId, ProjectEvent,
    ProjectId, ReconnectWindow, Scope, SealedText, SessionEvent, SessionHealthEvent, SessionId, Timestamp,
    VideoCodec, VideoFormat,
};
use sigma_schema::{actor_from_json, actor_to_json};

use crate::events::AnyEvent;

fn at() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(Timestamp::from_millis)
}

fn hex() -> impl Strategy<Value = String> {
    "[0-9a-f]{32}"
}

fn channel_id() -> impl Strategy<Value = ChannelId> {
    hex().prop_map(|hex| format!("ch_{hex}").parse().unwrap())
}

fn session_id() -> impl Strategy<Value = SessionId> {
    hex().prop_map(|hex| format!("se_{hex}").parse().unwrap())
}

fn project_id() -> impl Strategy<Value = ProjectId> {
    prop_oneof![
        Just(ProjectId::default_project()),
        hex().prop_map(|hex| format!("pr_{hex}").parse().unwrap())
    ]
}

fn node() -> impl Strategy<Value = NodeId> {
    "[A-Za-z0-9._-]{1,64}".prop_map(|text| text.parse().unwrap())
}

fn feed() -> impl Strategy<Value = FeedNumber> {
    (1..=u32::MAX).prop_map(|number| number.try_into().unwrap())
}

fn name() -> impl Strategy<Value = Personal<ChannelName>> {
    let plain = "\\PC{1,60}".prop_filter_map("a name", |text| text.parse().ok().map(Personal::Plain));
    let sealed = ("\\PC{0,20}", "[A-Za-z0-9+/=]{0,80}")
        .prop_map(|(key_id, sealed)| Personal::Sealed(SealedText { key_id, sealed }));
    prop_oneof![plain, sealed]
}

fn duration() -> impl Strategy<Value = MaxSessionDuration> {
    (MaxSessionDuration::MIN..=MaxSessionDuration::MAX).prop_map(|seconds| seconds.try_into().unwrap())
}

fn window() -> impl Strategy<Value = ReconnectWindow> {
    (ReconnectWindow::MIN..=ReconnectWindow::MAX).prop_map(|seconds| seconds.try_into().unwrap())
}

fn settings() -> impl Strategy<Value = ChannelSettings> {
    (select(LatencyMode::ALL), any::<bool>(), duration(), window(), any::<bool>()).prop_map(
        |(latency_mode, auto_go_live, max_session_duration, reconnect_window, end_on_unpublish)| {
            ChannelSettings {
                latency_mode,
                auto_go_live,
                max_session_duration,
                reconnect_window,
                end_on_unpublish,
            }
        },
    )
}

fn changes() -> impl Strategy<Value = ChannelChanges> {
    (
        option::of(name()),
        option::of(select(LatencyMode::ALL)),
        option::of(any::<bool>()),
        option::of(duration()),
        option::of(window()),
        option::of(any::<bool>()),
    )
        .prop_map(
            |(name, latency_mode, auto_go_live, max_session_duration, reconnect_window, end_on_unpublish)| {
                ChannelChanges {
                    name,
                    latency_mode,
                    auto_go_live,
                    max_session_duration,
                    reconnect_window,
                    end_on_unpublish,
                }
            },
        )
}

fn input() -> impl Strategy<Value = InputFormat> {
    let video = (select(VideoCodec::ALL), any::<u32>(), any::<u32>(), any::<Option<u32>>()).prop_map(
        |(codec, width, height, frame_rate_milli)| VideoFormat { codec, width, height, frame_rate_milli },
    );
    let audio = (select(AudioCodec::ALL), any::<u32>(), any::<u8>())
        .prop_map(|(codec, sample_rate, channels)| AudioFormat { codec, sample_rate, channels });
    (select(IngestProtocol::ALL), option::of(video), option::of(audio), any::<Option<u64>>())
        .prop_filter_map("picture or sound", |(protocol, video, audio, bitrate)| {
            InputFormat::new(protocol, video, audio, bitrate).ok()
        })
}

fn end_reason() -> impl Strategy<Value = EndReason> {
    prop_oneof![
        Just(EndReason::BroadcasterLeft),
        Just(EndReason::ChannelStopped),
        Just(EndReason::SessionEndedByUser),
        Just(EndReason::MaxDuration),
        Just(EndReason::NodeLost),
        select(IngestFault::ALL).prop_map(EndReason::IngestError),
    ]
}

fn channel_event() -> impl Strategy<Value = ChannelEvent> {
    use ChannelEvent as Event;
    prop_oneof![
        (channel_id(), project_id(), name(), any::<u128>(), settings(), at()).prop_map(
            |(id, project, name, random, settings, at)| Event::Created {
                id,
                project,
                name,
                playback_id: PlaybackId::from_random(random),
                settings,
                at,
            }
        ),
        (changes(), at()).prop_map(|(changes, at)| Event::Updated { changes, at }),
        at().prop_map(|at| Event::Started { at }),
        (option::of(session_id()), at()).prop_map(|(session, at)| Event::Stopped { session, at }),
        at().prop_map(|at| Event::Deleted { at }),
        at().prop_map(|at| Event::Erased { at }),
        (option::of(at()), at()).prop_map(|(overlap_until, at)| Event::KeyRotated { overlap_until, at }),
        at().prop_map(|at| Event::KeyShown { at }),
        (session_id(), at()).prop_map(|(session, at)| Event::SessionAttached { session, at }),
        (session_id(), at()).prop_map(|(session, at)| Event::SessionDetached { session, at }),
    ]
}

fn session_event() -> impl Strategy<Value = SessionEvent> {
    use SessionEvent as Event;
    let opened =
        (session_id(), channel_id(), project_id(), any::<u128>(), node(), feed(), settings(), vec(at(), 3))
            .prop_map(|(id, channel, project, random, node, feed, settings, times)| Event::Opened {
                id,
                channel,
                project,
                playback_id: PlaybackId::from_random(random),
                node,
                feed,
                settings: settings.for_session(),
                media_until: times[0],
                max_until: times[1],
                at: times[2],
            });
    prop_oneof![
        opened,
        (session_id(), channel_id(), project_id(), at())
            .prop_map(|(id, channel, project, at)| Event::Abandoned { id, channel, project, at }),
        (feed(), node(), any::<bool>(), option::of(at()), at()).prop_map(
            |(feed, node, takeover, media_until, at)| Event::FeedOpened {
                feed,
                node,
                takeover,
                media_until,
                at
            }
        ),
        (feed(), input(), at()).prop_map(|(feed, input, at)| Event::Processing { feed, input, at }),
        (feed(), input(), at()).prop_map(|(feed, input, at)| Event::InputChanged { feed, input, at }),
        at().prop_map(|at| Event::Live { at }),
        (feed(), select(LossCause::ALL), at(), select(LossEnd::ALL), at())
            .prop_map(|(feed, cause, until, ends_as, at)| Event::Error { feed, cause, until, ends_as, at }),
        (feed(), at()).prop_map(|(feed, at)| Event::Recovered { feed, at }),
        (end_reason(), at()).prop_map(|(reason, at)| Event::Ended { reason, at }),
    ]
}

fn project_event() -> impl Strategy<Value = ProjectEvent> {
    let name = "\\PC{1,60}".prop_filter_map("a name", |text| text.parse().ok());
    (project_id(), name, at()).prop_map(|(id, name, at)| ProjectEvent::Created { id, name, at })
}

fn grant() -> impl Strategy<Value = ApiTokenGrant> {
    (vec(select(Scope::ALL), 1..10), option::of(btree_set(channel_id(), 1..5)))
        .prop_filter_map("a grant", |(scopes, channels)| ApiTokenGrant::new(scopes, channels).ok())
}

fn api_token_event() -> impl Strategy<Value = ApiTokenEvent> {
    let name = "\\PC{1,60}".prop_filter_map("a name", |text| text.parse().ok());
    let created = (hex(), project_id(), name, "sgm_[0-9A-Za-z]{8}", grant(), option::of(at()), at());
    prop_oneof![
        created.prop_map(|(id, project, name, prefix, grant, expires_at, at)| ApiTokenEvent::Created {
            id: format!("tk_{id}").parse().unwrap(),
            project,
            name,
            prefix: prefix.parse().unwrap(),
            grant,
            expires_at,
            at,
        }),
        at().prop_map(|at| ApiTokenEvent::Revoked { at }),
    ]
}

fn session_health_event() -> impl Strategy<Value = SessionHealthEvent> {
    let name = || "[A-Z_]{1,40}".prop_map(|text| text.parse().unwrap());
    let message = "\\PC{1,60}".prop_filter_map("a message", |text| text.parse().ok());
    let data = btree_map("[A-Za-z0-9]{1,40}", any::<i64>(), 0..5);
    prop_oneof![
        (session_id(), channel_id(), project_id(), name(), message, data, at()).prop_map(
            |(session, channel, project, name, message, data, at)| SessionHealthEvent::WarningRaised {
                session,
                channel,
                project,
                name,
                message,
                data: data.try_into().unwrap(),
                at,
            }
        ),
        (name(), at()).prop_map(|(name, at)| SessionHealthEvent::WarningCleared { name, at }),
    ]
}

pub fn any_event() -> impl Strategy<Value = AnyEvent> {
    prop_oneof![
        9 => channel_event().prop_map(AnyEvent::Channel),
        9 => session_event().prop_map(AnyEvent::Session),
        1 => project_event().prop_map(AnyEvent::Project),
        2 => api_token_event().prop_map(AnyEvent::ApiToken),
        2 => session_health_event().prop_map(AnyEvent::SessionHealth),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_event_stored_and_read_again_is_the_same_event(event in any_event()) {
        let stored = event.to_stored();
        let bytes = serde_json::to_vec(&stored.data).unwrap();
        let data = serde_json::from_slice(&bytes).unwrap();
        prop_assert_eq!(AnyEvent::from_stored(stored.name, stored.version, data), Ok(event));
    }

    #[test]
    fn an_actor_written_and_read_again_is_the_same_actor(kind in select(ActorKind::ALL), id in "[!-~]{1,128}") {
        let actor = Actor::new(kind, &id).unwrap();
        prop_assert_eq!(actor_from_json(&actor_to_json(&actor)), Ok(actor));
    }

    /// Whatever stands in a store, reading answers; it does not panic.
    #[test]
    fn what_is_no_event_is_an_error(event in any_event(), cut in any::<prop::sample::Index>()) {
        let mut stored = event.to_stored();
        let fields = stored.data.as_object_mut().unwrap();
        let field = fields.keys().nth(cut.index(fields.len())).unwrap().clone();
        fields.insert(field, serde_json::json!(["nothing", "of", "that", "kind"]));
        prop_assert!(AnyEvent::from_stored(stored.name, stored.version, stored.data).is_err());
    }
}
