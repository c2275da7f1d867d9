//! What is stored and read again is the same event, through bytes and back.

use proptest::{
    collection::{btree_map, btree_set, vec},
    option,
    prelude::*,
    sample::select,
};
use sigma_domain::{
    Actor, ActorKind, ApiTokenEvent, ApiTokenGrant, AssetEvent, AssetFailure, AssetKind, AudioCodec,
    AudioFormat, ChannelChanges, ChannelEvent, ChannelId, ChannelSettings, DvrWindow, Edge, EdgeInit,
    EndReason, Extent, FeedNumber, IngestFault, IngestProtocol, InputFormat, LatencyMode, LossCause, LossEnd,
    MaxSessionDuration, NewAsset, NodeId, Personal, PlaybackId, ProjectEvent, ProjectId, ReconnectWindow,
    Retention, RetentionTime, Scope, SealedText, SessionEvent, SessionHealthEvent, SessionId, Span,
    Timestamp, ValueError, VideoCodec, VideoFormat,
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

fn name<T>() -> impl Strategy<Value = Personal<T>>
where
    T: std::str::FromStr<Err = ValueError> + Clone + std::fmt::Debug,
{
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

fn dvr_window() -> impl Strategy<Value = DvrWindow> {
    prop_oneof![
        Just(DvrWindow::DEFAULT),
        (0..=DvrWindow::MAX).prop_map(|seconds| seconds.try_into().unwrap())
    ]
}

fn retention() -> impl Strategy<Value = Retention> {
    let time = (RetentionTime::MIN..=RetentionTime::MAX).prop_map(|seconds| seconds.try_into().unwrap());
    prop_oneof![Just(Retention::UntilDeleted), time.prop_map(Retention::For)]
}

fn settings() -> impl Strategy<Value = ChannelSettings> {
    let first = (select(LatencyMode::ALL), any::<bool>(), duration(), window(), any::<bool>());
    let recording = (dvr_window(), any::<bool>(), any::<bool>(), retention(), retention());
    (first, recording).prop_map(|(first, recording)| {
        let (latency_mode, auto_go_live, max_session_duration, reconnect_window, end_on_unpublish) = first;
        let (dvr_window, record_source, catchup, source_retention, catchup_retention) = recording;
        ChannelSettings {
            latency_mode,
            auto_go_live,
            max_session_duration,
            reconnect_window,
            end_on_unpublish,
            dvr_window,
            record_source,
            catchup,
            source_retention,
            catchup_retention,
        }
    })
}

fn changes() -> impl Strategy<Value = ChannelChanges> {
    // What is wanted of each setting, and which of them are to change.
    (option::of(name()), settings(), vec(any::<bool>(), 10)).prop_map(|(name, wanted, which)| {
        ChannelChanges {
            name,
            latency_mode: which[0].then_some(wanted.latency_mode),
            auto_go_live: which[1].then_some(wanted.auto_go_live),
            max_session_duration: which[2].then_some(wanted.max_session_duration),
            reconnect_window: which[3].then_some(wanted.reconnect_window),
            end_on_unpublish: which[4].then_some(wanted.end_on_unpublish),
            dvr_window: which[5].then_some(wanted.dvr_window),
            record_source: which[6].then_some(wanted.record_source),
            catchup: which[7].then_some(wanted.catchup),
            source_retention: which[8].then_some(wanted.source_retention),
            catchup_retention: which[9].then_some(wanted.catchup_retention),
        }
    })
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

fn extent() -> impl Strategy<Value = Extent> {
    let spans = btree_set(0..=Span::LAST_US, 2..20).prop_map(|moments| {
        let moments: Vec<_> = moments.into_iter().collect();
        let spans: Vec<_> =
            moments.chunks_exact(2).map(|pair| Span::new(pair[0], pair[1]).unwrap()).collect();
        spans.try_into().unwrap()
    });
    let init = prop_oneof![
        any::<u32>().prop_map(EdgeInit::Session),
        (any::<u32>(), "[a-z0-9.,]{0,40}").prop_map(|(bytes, codecs)| EdgeInit::Own { bytes, codecs }),
    ];
    let span = || (0..Span::LAST_US).prop_map(|from| Span::new(from, from + 1).unwrap());
    let edge = ("[0-9a-f]{32}", span(), span(), any::<u64>(), any::<u32>(), init);
    let edge = edge.prop_map(|(name, span, of, bytes, crc32, init)| Edge {
        name: name.try_into().unwrap(),
        span,
        of,
        bytes,
        crc32,
        init,
    });
    let edges = proptest::option::of(proptest::collection::vec(edge, 0..5));
    let edges = edges.prop_map(|edges| edges.map(|edges| edges.try_into().unwrap()));
    (spans, edges, any::<u64>(), any::<u64>(), any::<u64>()).prop_map(
        |(spans, edges, duration_ms, bytes, gaps_ms)| Extent { spans, edges, duration_ms, bytes, gaps_ms },
    )
}

fn asset_event() -> impl Strategy<Value = AssetEvent> {
    use AssetEvent as Event;
    let asset_id = || hex().prop_map(|hex| format!("as_{hex}").parse().unwrap());
    let kind = select(AssetKind::ALL);
    let started = (
        asset_id(),
        project_id(),
        channel_id(),
        session_id(),
        kind,
        option::of(name()),
        option::of(asset_id()),
    );
    let started = started.prop_map(|(id, project, channel, session, kind, title, parent)| NewAsset {
        id,
        project,
        channel,
        session,
        kind,
        title,
        parent,
    });
    prop_oneof![
        (started, at()).prop_map(|(asset, at)| Event::Started { asset, at }),
        (extent(), any::<u32>(), option::of(at()), at())
            .prop_map(|(extent, files, expires_at, at)| { Event::Ready { extent, files, expires_at, at } }),
        (select(AssetFailure::ALL), at()).prop_map(|(reason, at)| Event::Failed { reason, at }),
        (extent(), at()).prop_map(|(extent, at)| Event::Trimmed { extent, at }),
        at().prop_map(|at| Event::Untrimmed { at }),
        (0..=Span::LAST_US, at()).prop_map(|(moment_us, at)| Event::PosterSet { moment_us, at }),
        at().prop_map(|at| Event::Deleted { at }),
        at().prop_map(|at| Event::Expired { at }),
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
        5 => asset_event().prop_map(AnyEvent::Asset),
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
