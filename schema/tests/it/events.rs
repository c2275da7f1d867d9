//! One event of each kind for the golden files: every field that can be there is there. A name with a part behind a hyphen
//! is another example of the same event.

use sigma_domain::{
    ApiTokenEvent, ApiTokenGrant, AssetEvent, AssetFailure, AssetKind, AudioCodec, AudioFormat,
    ChannelChanges, ChannelEvent, ChannelName, ChannelSettings, Edge, EdgeInit, EndReason, Extent,
    FeedNumber, IngestFault, IngestProtocol, InputFormat, LatencyMode, LossCause, LossEnd, NewAsset,
    Personal, ProjectEvent, ProjectId, Retention, Scope, SealedText, SessionEvent, SessionHealthEvent,
    SessionId, Span, Timestamp, VideoCodec, VideoFormat,
};
use sigma_schema::{SchemaError, Stored, StoredEvent};

/// Any of the events there are.
#[derive(Debug, Clone, PartialEq)]
pub enum AnyEvent {
    Project(ProjectEvent),
    Channel(ChannelEvent),
    Session(SessionEvent),
    ApiToken(ApiTokenEvent),
    Asset(AssetEvent),
    SessionHealth(SessionHealthEvent),
}

impl AnyEvent {
    pub fn to_stored(&self) -> StoredEvent {
        match self {
            Self::Project(event) => event.to_stored(),
            Self::Channel(event) => event.to_stored(),
            Self::Session(event) => event.to_stored(),
            Self::ApiToken(event) => event.to_stored(),
            Self::Asset(event) => event.to_stored(),
            Self::SessionHealth(event) => event.to_stored(),
        }
    }

    pub fn from_stored(name: &str, version: u16, data: serde_json::Value) -> Result<Self, SchemaError> {
        match name.split_once('.').map(|(aggregate, _)| aggregate) {
            Some("project") => Stored::from_stored(name, version, data).map(Self::Project),
            Some("channel") => Stored::from_stored(name, version, data).map(Self::Channel),
            Some("api_token") => Stored::from_stored(name, version, data).map(Self::ApiToken),
            Some("asset") => Stored::from_stored(name, version, data).map(Self::Asset),
            Some("health") => Stored::from_stored(name, version, data).map(Self::SessionHealth),
            _ => Stored::from_stored(name, version, data).map(Self::Session),
        }
    }
}

/// Every event's name with the newest version of its shape.
pub fn newest() -> impl Iterator<Item = (&'static str, u16)> {
    ProjectEvent::NEWEST
        .iter()
        .chain(ChannelEvent::NEWEST)
        .chain(SessionEvent::NEWEST)
        .chain(ApiTokenEvent::NEWEST)
        .chain(AssetEvent::NEWEST)
        .chain(SessionHealthEvent::NEWEST)
        .copied()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_790_000_000_000 + seconds * 1000)
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

fn session_id() -> SessionId {
    parsed("se_01a0c4f01c2f7a3d8e5b6c7d8e9fa0b1")
}

fn input() -> InputFormat {
    let video =
        VideoFormat { codec: VideoCodec::H264, width: 1280, height: 720, frame_rate_milli: Some(29_970) };
    let audio = AudioFormat { codec: AudioCodec::Aac, sample_rate: 48_000, channels: 2 };
    InputFormat::new(IngestProtocol::Rtmp, Some(video), Some(audio), Some(3_000_000)).unwrap()
}

fn sound_only() -> InputFormat {
    let audio = AudioFormat { codec: AudioCodec::Opus, sample_rate: 48_000, channels: 1 };
    InputFormat::new(IngestProtocol::Rtmp, None, Some(audio), None).unwrap()
}

/// What the golden file of this name holds, in the first version of each shape.
pub fn examples() -> Vec<(&'static str, AnyEvent)> {
    let mut examples = vec![(
        "project.created.v1",
        AnyEvent::Project(ProjectEvent::Created {
            id: ProjectId::default_project(),
            name: parsed("default"),
            at: at(0),
        }),
    )];
    examples.extend(channel().into_iter().map(|(name, event)| (name, AnyEvent::Channel(event))));
    examples.extend(session().into_iter().map(|(name, event)| (name, AnyEvent::Session(event))));
    examples.extend(api_token().into_iter().map(|(name, event)| (name, AnyEvent::ApiToken(event))));
    examples.extend(asset().into_iter().map(|(name, event)| (name, AnyEvent::Asset(event))));
    examples.extend(session_health().into_iter().map(|(name, event)| (name, AnyEvent::SessionHealth(event))));
    examples
}

fn created(name: Personal<ChannelName>) -> ChannelEvent {
    ChannelEvent::Created {
        id: parsed("ch_01a0c4f01b2e7f3c9d4a5b6c7d8e9fa0"),
        project: ProjectId::default_project(),
        name,
        playback_id: parsed("abcdefghijklmnopqr27"),
        settings: ChannelSettings::default(),
        at: at(0),
    }
}

fn channel() -> Vec<(&'static str, ChannelEvent)> {
    let sealed = SealedText { key_id: "k1".to_owned(), sealed: "bm9uY2UgYW5kIGNpcGhlcnRleHQ=".to_owned() };
    let changes = ChannelChanges {
        name: Some(Personal::Plain(parsed("Morning news"))),
        latency_mode: Some(LatencyMode::UltraLow),
        auto_go_live: Some(false),
        max_session_duration: Some(3_600_u32.try_into().unwrap()),
        reconnect_window: Some(0_u32.try_into().unwrap()),
        end_on_unpublish: Some(false),
        ..Default::default()
    };
    let one = ChannelChanges { latency_mode: Some(LatencyMode::Normal), ..Default::default() };
    let recording = ChannelChanges {
        dvr_window: Some(0_u32.try_into().unwrap()),
        record_source: Some(false),
        catchup: Some(false),
        source_retention: Some(Retention::For(86_400_u32.try_into().unwrap())),
        catchup_retention: Some(Retention::UntilDeleted),
        ..Default::default()
    };
    let mut unusual = created(Personal::Plain(parsed("Evening news")));
    if let ChannelEvent::Created { settings, .. } = &mut unusual {
        settings.dvr_window = 600_u32.try_into().unwrap();
        (settings.record_source, settings.catchup) = (false, false);
        settings.source_retention = Retention::For(86_400_u32.try_into().unwrap());
        settings.catchup_retention = Retention::For(60_u32.try_into().unwrap());
    }
    vec![
        ("channel.created.v1-recording", unusual),
        ("channel.updated.v1-recording", ChannelEvent::Updated { changes: recording, at: at(10) }),
        ("channel.created.v1", created(Personal::Plain(parsed("Evening news")))),
        ("channel.created.v1-sealed", created(Personal::Sealed(sealed))),
        ("channel.updated.v1", ChannelEvent::Updated { changes, at: at(10) }),
        ("channel.updated.v1-one", ChannelEvent::Updated { changes: one, at: at(10) }),
        ("channel.started.v1", ChannelEvent::Started { at: at(11) }),
        ("channel.stopped.v1", ChannelEvent::Stopped { session: Some(session_id()), at: at(12) }),
        ("channel.stopped.v1-idle", ChannelEvent::Stopped { session: None, at: at(12) }),
        ("channel.deleted.v1", ChannelEvent::Deleted { at: at(13) }),
        ("channel.erased.v1", ChannelEvent::Erased { at: at(18) }),
        ("channel.key_rotated.v1", ChannelEvent::KeyRotated { overlap_until: Some(at(614)), at: at(14) }),
        ("channel.key_rotated.v1-at-once", ChannelEvent::KeyRotated { overlap_until: None, at: at(14) }),
        ("channel.key_shown.v1", ChannelEvent::KeyShown { at: at(17) }),
        ("channel.session_attached.v1", ChannelEvent::SessionAttached { session: session_id(), at: at(15) }),
        ("channel.session_detached.v1", ChannelEvent::SessionDetached { session: session_id(), at: at(16) }),
    ]
}

fn session() -> Vec<(&'static str, SessionEvent)> {
    let (one, two) = (FeedNumber::FIRST, FeedNumber::FIRST.next());
    let opened = SessionEvent::Opened {
        id: session_id(),
        channel: parsed("ch_01a0c4f01b2e7f3c9d4a5b6c7d8e9fa0"),
        project: ProjectId::default_project(),
        playback_id: parsed("abcdefghijklmnopqr27"),
        node: parsed("node-a"),
        feed: one,
        settings: ChannelSettings::default().for_session(),
        media_until: at(30),
        max_until: at(43_200),
        at: at(0),
    };
    let mut unrecorded = opened.clone();
    if let SessionEvent::Opened { settings, .. } = &mut unrecorded {
        settings.dvr_window = 600_u32.try_into().unwrap();
        (settings.record_source, settings.catchup) = (false, false);
    }
    let abandoned = SessionEvent::Abandoned {
        id: session_id(),
        channel: parsed("ch_01a0c4f01b2e7f3c9d4a5b6c7d8e9fa0"),
        project: ProjectId::default_project(),
        at: at(0),
    };
    let feed_opened = |takeover, media_until| SessionEvent::FeedOpened {
        feed: two,
        node: parsed("node-b"),
        takeover,
        media_until,
        at: at(40),
    };
    let error = |cause, ends_as| SessionEvent::Error { feed: one, cause, until: at(90), ends_as, at: at(30) };
    let ended = |reason| SessionEvent::Ended { reason, at: at(90) };
    use EndReason as End;
    vec![
        ("session.opened.v1", opened),
        ("session.opened.v1-recording", unrecorded),
        ("session.abandoned.v1", abandoned),
        ("session.feed_opened.v1", feed_opened(false, Some(at(70)))),
        ("session.feed_opened.v1-takeover", feed_opened(true, None)),
        ("session.processing.v1", SessionEvent::Processing { feed: one, input: input(), at: at(1) }),
        (
            "session.processing.v1-sound",
            SessionEvent::Processing { feed: one, input: sound_only(), at: at(1) },
        ),
        (
            "session.input_changed.v1",
            SessionEvent::InputChanged { feed: two, input: sound_only(), at: at(41) },
        ),
        (
            "session.input_changed.v1-picture",
            SessionEvent::InputChanged { feed: two, input: input(), at: at(41) },
        ),
        ("session.live.v1", SessionEvent::Live { at: at(2) }),
        ("session.error.v1", error(LossCause::ConnectionBroken, LossEnd::BroadcasterLeft)),
        ("session.error.v1-silence", error(LossCause::Silence, LossEnd::BroadcasterLeft)),
        ("session.error.v1-unpublished", error(LossCause::Unpublished, LossEnd::BroadcasterLeft)),
        ("session.error.v1-node-stopped", error(LossCause::NodeStopped, LossEnd::NodeLost)),
        ("session.error.v1-node-restarted", error(LossCause::NodeRestarted, LossEnd::NodeLost)),
        ("session.recovered.v1", SessionEvent::Recovered { feed: two, at: at(42) }),
        ("session.ended.v1", ended(End::IngestError(IngestFault::VideoCodec))),
        ("session.ended.v1-audio-codec", ended(End::IngestError(IngestFault::AudioCodec))),
        ("session.ended.v1-no-media", ended(End::IngestError(IngestFault::NoMedia))),
        ("session.ended.v1-malformed", ended(End::IngestError(IngestFault::Malformed))),
        ("session.ended.v1-broadcaster-left", ended(End::BroadcasterLeft)),
        ("session.ended.v1-channel-stopped", ended(End::ChannelStopped)),
        ("session.ended.v1-by-user", ended(End::SessionEndedByUser)),
        ("session.ended.v1-max-duration", ended(End::MaxDuration)),
        ("session.ended.v1-node-lost", ended(End::NodeLost)),
    ]
}

fn api_token() -> Vec<(&'static str, ApiTokenEvent)> {
    let created = |grant, expires_at| ApiTokenEvent::Created {
        id: parsed("tk_01a0c4f01b2e7f3c9d4a5b6c7d8e9fa0"),
        project: ProjectId::default_project(),
        name: parsed("A studio's"),
        prefix: parsed("sgm_0aZ9bY8c"),
        grant,
        expires_at,
        at: at(0),
    };
    let channels = Some([parsed("ch_01a0c4f01b2e7f3c9d4a5b6c7d8e9fa0")].into());
    let bound = ApiTokenGrant::new([Scope::ChannelsRead, Scope::ChannelsSecrets], channels).unwrap();
    let is_of_assets = |scope: &Scope| scope.code().starts_with("assets:");
    let before = Scope::ALL.iter().copied().filter(|scope| !is_of_assets(scope));
    let before = ApiTokenGrant::new(before, None).unwrap();
    let everything = ApiTokenGrant::new(Scope::ALL.iter().copied(), None).unwrap();
    vec![
        ("api_token.created.v1", created(bound.clone(), Some(at(3_600)))),
        ("api_token.created.v1-everything", created(before, None)),
        ("api_token.created.v2", created(bound, Some(at(3_600)))),
        ("api_token.created.v2-everything", created(everything, None)),
        ("api_token.revoked.v1", ApiTokenEvent::Revoked { at: at(18) }),
    ]
}

fn session_health() -> Vec<(&'static str, SessionHealthEvent)> {
    let numbers: std::collections::BTreeMap<_, _> =
        [("seconds".to_owned(), 8), ("wantedSeconds".to_owned(), 2)].into();
    let raised = |name: &str, message: &str, data: std::collections::BTreeMap<String, i64>| {
        SessionHealthEvent::WarningRaised {
            session: session_id(),
            channel: parsed("ch_01a0c4f01b2e7f3c9d4a5b6c7d8e9fa0"),
            project: ProjectId::default_project(),
            name: parsed(name),
            message: parsed(message),
            data: data.try_into().unwrap(),
            at: at(20),
        }
    };
    let interval = "key frames come every 8 s; set the key-frame interval to 2 s";
    vec![
        ("health.warning_raised.v1", raised("KEY_FRAME_INTERVAL_LONG", interval, numbers)),
        ("health.warning_raised.v1-no-numbers", raised("NO_AUDIO", "no sound comes", [].into())),
        (
            "health.warning_cleared.v1",
            SessionHealthEvent::WarningCleared { name: parsed("KEY_FRAME_INTERVAL_LONG"), at: at(60) },
        ),
    ]
}

fn asset() -> Vec<(&'static str, AssetEvent)> {
    let span = |(from, to): &(u64, u64)| Span::new(*from, *to).unwrap();
    let extent = |spans: &[(u64, u64)]| Extent {
        spans: spans.iter().map(span).collect::<Vec<_>>().try_into().unwrap(),
        edges: None,
        duration_ms: 24_000,
        bytes: 9_000_000,
        gaps_ms: 1_500,
    };
    let new = |kind| NewAsset {
        id: parsed("as_01a0c4f01d3f7b4e9c5d6e7f8a9fb0c1"),
        project: ProjectId::default_project(),
        channel: parsed("ch_01a0c4f01b2e7f3c9d4a5b6c7d8e9fa0"),
        session: session_id(),
        kind,
        title: None,
        parent: None,
    };
    let sealed = SealedText { key_id: "k1".to_owned(), sealed: "bm9uY2UgYW5kIGNpcGhlcnRleHQ=".to_owned() };
    let parent = Some(parsed("as_01a0c4f01e4a7c5fad6e7f8a9b0ac1d2"));
    let clip = NewAsset { title: Some(Personal::Sealed(sealed)), parent, ..new(AssetKind::Clip) };
    let plain = NewAsset { title: Some(Personal::Plain(parsed("The goal"))), ..new(AssetKind::Clip) };
    let ready = |expires_at| AssetEvent::Ready {
        extent: extent(&[(0, 12_000_000), (13_500_000, 25_500_000)]),
        files: 2,
        expires_at,
        at: at(90),
    };
    let edge = |name: &str, shows: (u64, u64), of: (u64, u64), init| Edge {
        name: name.repeat(16).try_into().unwrap(),
        span: span(&shows),
        of: span(&of),
        bytes: 90_000,
        crc32: 3_405_691_582,
        init,
    };
    let own = EdgeInit::Own { bytes: 812, codecs: "avc1.640028,mp4a.40.2".to_owned() };
    let edges = vec![
        edge("a1", (3_500_000, 4_000_000), (2_000_000, 4_000_000), own),
        edge("0e", (10_000_000, 10_500_000), (10_000_000, 14_000_000), EdgeInit::Session(1)),
    ];
    let exact = |edges: Vec<Edge>| Extent {
        edges: Some(edges.try_into().unwrap()),
        ..extent(&[(3_500_000, 4_000_000), (4_000_000, 10_000_000), (10_000_000, 10_500_000)])
    };
    let exactly = exact(edges.clone());
    let failed = |reason| AssetEvent::Failed { reason, at: at(90) };
    vec![
        ("asset.started.v1", AssetEvent::Started { asset: clip, at: at(20) }),
        ("asset.started.v1-plain", AssetEvent::Started { asset: plain, at: at(20) }),
        ("asset.started.v1-source", AssetEvent::Started { asset: new(AssetKind::Source), at: at(1) }),
        ("asset.started.v1-catchup", AssetEvent::Started { asset: new(AssetKind::Catchup), at: at(2) }),
        ("asset.ready.v1", ready(Some(at(86_490)))),
        ("asset.ready.v1-kept", ready(None)),
        (
            "asset.ready.v1-exact",
            AssetEvent::Ready { extent: exactly, files: 2, expires_at: None, at: at(90) },
        ),
        ("asset.failed.v1", failed(AssetFailure::NoMedia)),
        ("asset.failed.v1-node-lost", failed(AssetFailure::NodeLost)),
        ("asset.failed.v1-media-lost", failed(AssetFailure::MediaLost)),
        ("asset.trimmed.v1", AssetEvent::Trimmed { extent: extent(&[(2_000_000, 12_000_000)]), at: at(95) }),
        ("asset.trimmed.v1-exact", AssetEvent::Trimmed { extent: exact(edges), at: at(95) }),
        ("asset.trimmed.v1-on-key-frames", AssetEvent::Trimmed { extent: exact(vec![]), at: at(95) }),
        ("asset.untrimmed.v1", AssetEvent::Untrimmed { at: at(96) }),
        ("asset.poster_set.v1", AssetEvent::PosterSet { moment_us: 7_250_000, at: at(98) }),
        ("asset.deleted.v1", AssetEvent::Deleted { at: at(97) }),
        ("asset.expired.v1", AssetEvent::Expired { at: at(86_490) }),
    ]
}
