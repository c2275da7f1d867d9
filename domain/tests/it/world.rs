//! One channel and its people, for sentences: times are seconds from the first of them.

use sigma_domain::{
    ApiTokenCommand, ApiTokenEvent, ApiTokenGrant, ApiTokenId, AssetCommand, AssetEvent, AssetFailure,
    AssetId, AssetKind, AudioCodec, AudioFormat, ChannelChanges, ChannelCommand, ChannelEvent, ChannelId,
    ChannelSettings, Deadline, EndReason, EndedBy, Extent, FeedNumber, IngestFault, IngestProtocol,
    InputFormat, LossCause, LossEnd, NewAsset, NodeId, Personal, PlaybackId, ProjectId, Scope, SealedText,
    SessionCommand, SessionEvent, SessionHealthCommand, SessionHealthEvent, SessionId, SessionSettings, Span,
    Timestamp, VideoCodec, VideoFormat, WarningData,
};

pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_790_000_000_000 + seconds * 1000)
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

pub fn the_channel() -> ChannelId {
    parsed("ch_0190163d8694739bb9fe2b8f9c1f8f5a")
}

pub fn the_project() -> ProjectId {
    ProjectId::default_project()
}

pub fn the_playback_id() -> PlaybackId {
    parsed("abcdefghijklmnopqr27")
}

/// The n-th session of the channel.
pub fn session(n: u32) -> SessionId {
    parsed(&format!("se_0190163d8694739bb9fe2b8f{n:08x}"))
}

pub fn this_node() -> NodeId {
    parsed("node-a")
}

pub fn other_node() -> NodeId {
    parsed("node-b")
}

pub fn feed(n: u32) -> FeedNumber {
    FeedNumber::try_from(n).unwrap()
}

pub fn picture_and_sound(height: u32) -> InputFormat {
    let video = VideoFormat {
        codec: VideoCodec::H264,
        width: height * 16 / 9,
        height,
        frame_rate_milli: Some(30_000),
    };
    let audio = AudioFormat { codec: AudioCodec::Aac, sample_rate: 48_000, channels: 2 };
    InputFormat::new(IngestProtocol::Rtmp, Some(video), Some(audio), Some(3_000_000)).unwrap()
}

/// What the broadcaster sends where nothing else is said.
pub fn hd() -> InputFormat {
    picture_and_sound(720)
}

pub fn defaults() -> SessionSettings {
    ChannelSettings::default().for_session()
}

// Channel: what happened.

pub fn created() -> ChannelEvent {
    ChannelEvent::Created {
        id: the_channel(),
        project: the_project(),
        name: sealed("Evening news"),
        playback_id: the_playback_id(),
        settings: ChannelSettings::default(),
        at: at(0),
    }
}

/// As older versions wrote it.
pub fn created_in_clear() -> ChannelEvent {
    let ChannelEvent::Created { id, project, playback_id, settings, at, .. } = created() else {
        unreachable!()
    };
    let name = parsed::<sigma_domain::ChannelName>("Evening news").into();
    ChannelEvent::Created { id, project, name, playback_id, settings, at }
}

pub fn attached(n: u32) -> ChannelEvent {
    ChannelEvent::SessionAttached { session: session(n), at: at(1) }
}

pub fn detached(n: u32) -> ChannelEvent {
    ChannelEvent::SessionDetached { session: session(n), at: at(1) }
}

pub fn stopped() -> ChannelEvent {
    ChannelEvent::Stopped { session: None, at: at(1) }
}

pub fn stopped_with(n: u32) -> ChannelEvent {
    ChannelEvent::Stopped { session: Some(session(n)), at: at(1) }
}

pub fn started() -> ChannelEvent {
    ChannelEvent::Started { at: at(1) }
}

pub fn deleted() -> ChannelEvent {
    ChannelEvent::Deleted { at: at(1) }
}

pub fn erased() -> ChannelEvent {
    ChannelEvent::Erased { at: at(1) }
}

pub fn updated(changes: ChannelChanges) -> ChannelEvent {
    ChannelEvent::Updated { changes, at: at(1) }
}

pub fn key_shown() -> ChannelEvent {
    ChannelEvent::KeyShown { at: at(1) }
}

// Channel: what is asked, all at the same moment.

pub fn create() -> ChannelCommand {
    ChannelCommand::Create {
        id: the_channel(),
        project: the_project(),
        name: sealed("Evening news"),
        playback_id: the_playback_id(),
        settings: ChannelSettings::default(),
        at: at(0),
    }
}

pub fn update(changes: ChannelChanges) -> ChannelCommand {
    ChannelCommand::Update { changes, at: at(1) }
}

pub fn start() -> ChannelCommand {
    ChannelCommand::Start { at: at(1) }
}

pub fn stop() -> ChannelCommand {
    ChannelCommand::Stop { at: at(1) }
}

pub fn delete() -> ChannelCommand {
    ChannelCommand::Delete { at: at(1) }
}

pub fn erase() -> ChannelCommand {
    ChannelCommand::Erase { at: at(1) }
}

/// A name of which an event keeps nothing that can be read without a key.
pub fn sealed(text: &str) -> Personal<sigma_domain::ChannelName> {
    Personal::Sealed(SealedText { key_id: "k1".to_owned(), sealed: text.to_owned() })
}

pub fn rotate_key(overlap: i64) -> ChannelCommand {
    ChannelCommand::RotateKey { overlap: overlap.try_into().unwrap(), at: at(1) }
}

pub fn show_key() -> ChannelCommand {
    ChannelCommand::ShowKey { at: at(1) }
}

pub fn attach(n: u32) -> ChannelCommand {
    ChannelCommand::AttachSession { session: session(n), at: at(1) }
}

pub fn detach(n: u32) -> ChannelCommand {
    ChannelCommand::DetachSession { session: session(n), at: at(1) }
}

// Session: what happened. The session opens at 0 and its first media comes at 1.

pub fn opened() -> SessionEvent {
    opened_with(defaults())
}

pub fn opened_with(settings: SessionSettings) -> SessionEvent {
    SessionEvent::Opened {
        id: session(1),
        channel: the_channel(),
        project: the_project(),
        playback_id: the_playback_id(),
        node: this_node(),
        feed: feed(1),
        settings,
        media_until: at(30),
        max_until: at(settings.max_session_duration.seconds().into()),
        at: at(0),
    }
}

pub fn abandoned() -> SessionEvent {
    SessionEvent::Abandoned { id: session(1), channel: the_channel(), project: the_project(), at: at(0) }
}

pub fn processing() -> SessionEvent {
    processing_of(1, 1)
}

pub fn processing_of(n: u32, when: i64) -> SessionEvent {
    SessionEvent::Processing { feed: feed(n), input: hd(), at: at(when) }
}

pub fn input_changed(n: u32, input: InputFormat, when: i64) -> SessionEvent {
    SessionEvent::InputChanged { feed: feed(n), input, at: at(when) }
}

pub fn live() -> SessionEvent {
    live_at(2)
}

pub fn live_at(when: i64) -> SessionEvent {
    SessionEvent::Live { at: at(when) }
}

/// On air, the usual way.
pub fn on_air() -> Vec<SessionEvent> {
    vec![opened(), processing(), live()]
}

/// Lost at `when`, with the default window; the broadcaster went.
pub fn lost(n: u32, cause: LossCause, when: i64) -> SessionEvent {
    lost_until(n, cause, when, when + 60, LossEnd::BroadcasterLeft)
}

/// Lost with the node, with the default window.
pub fn lost_with_node(n: u32, cause: LossCause, when: i64) -> SessionEvent {
    lost_until(n, cause, when, when + 60, LossEnd::NodeLost)
}

pub fn lost_until(n: u32, cause: LossCause, when: i64, until: i64, ends_as: LossEnd) -> SessionEvent {
    SessionEvent::Error { feed: feed(n), cause, until: at(until), ends_as, at: at(when) }
}

pub fn recovered(n: u32, when: i64) -> SessionEvent {
    SessionEvent::Recovered { feed: feed(n), at: at(when) }
}

/// Another feed took over on air.
pub fn taken_over_by(n: u32, when: i64) -> SessionEvent {
    SessionEvent::FeedOpened {
        feed: feed(n),
        node: this_node(),
        takeover: true,
        media_until: None,
        at: at(when),
    }
}

/// Another feed came back after a loss, inside the window.
pub fn back_with(n: u32, when: i64) -> SessionEvent {
    SessionEvent::FeedOpened {
        feed: feed(n),
        node: this_node(),
        takeover: false,
        media_until: Some(at(when + 30)),
        at: at(when),
    }
}

pub fn ended(reason: EndReason, when: i64) -> SessionEvent {
    SessionEvent::Ended { reason, at: at(when) }
}

// Session: what is asked and reported.

pub fn open() -> SessionCommand {
    SessionCommand::Open {
        id: session(1),
        channel: the_channel(),
        project: the_project(),
        playback_id: the_playback_id(),
        node: this_node(),
        settings: defaults(),
        at: at(0),
    }
}

pub fn abandon() -> SessionCommand {
    SessionCommand::Abandon { id: session(1), channel: the_channel(), project: the_project(), at: at(0) }
}

pub fn open_feed(when: i64) -> SessionCommand {
    SessionCommand::OpenFeed { node: this_node(), at: at(when) }
}

pub fn report_processing(n: u32, when: i64) -> SessionCommand {
    report_input(n, hd(), when)
}

pub fn report_input(n: u32, input: InputFormat, when: i64) -> SessionCommand {
    SessionCommand::ReportProcessing { feed: feed(n), input, at: at(when) }
}

pub fn report_playable(n: u32, when: i64) -> SessionCommand {
    SessionCommand::ReportPlayable { feed: feed(n), at: at(when) }
}

pub fn go_live(when: i64) -> SessionCommand {
    SessionCommand::GoLive { at: at(when) }
}

pub fn report_lost(n: u32, cause: LossCause, when: i64) -> SessionCommand {
    SessionCommand::ReportLost { feed: feed(n), cause, at: at(when) }
}

pub fn report_left(n: u32, when: i64) -> SessionCommand {
    SessionCommand::ReportLeft { feed: feed(n), at: at(when) }
}

pub fn report_unusable(n: u32, fault: IngestFault, when: i64) -> SessionCommand {
    SessionCommand::ReportUnusable { feed: feed(n), fault, at: at(when) }
}

pub fn end(by: EndedBy, when: i64) -> SessionCommand {
    SessionCommand::End { by, at: at(when) }
}

pub fn node_restarted(when: i64) -> SessionCommand {
    SessionCommand::NodeRestarted { node: this_node(), at: at(when) }
}

pub fn expire(deadline: Deadline, when: i64) -> SessionCommand {
    SessionCommand::Expire { deadline, at: at(when) }
}

// An API token: what happened and what is asked.

pub fn the_token() -> ApiTokenId {
    parsed("tk_0190163d8694739bb9fe2b8f9c1f8f5a")
}

/// May see channels and sessions of the one channel.
pub fn a_viewers_grant() -> ApiTokenGrant {
    let channels = Some([the_channel()].into());
    ApiTokenGrant::new([Scope::ChannelsRead, Scope::SessionsRead], channels).unwrap()
}

pub fn token_created(expires: Option<i64>) -> ApiTokenEvent {
    ApiTokenEvent::Created {
        id: the_token(),
        project: the_project(),
        name: parsed("A watcher's"),
        prefix: parsed("sgm_0aZ9bY8c"),
        grant: a_viewers_grant(),
        expires_at: expires.map(at),
        at: at(0),
    }
}

pub fn token_revoked(when: i64) -> ApiTokenEvent {
    ApiTokenEvent::Revoked { at: at(when) }
}

pub fn create_token(expires: Option<i64>) -> ApiTokenCommand {
    ApiTokenCommand::Create {
        id: the_token(),
        project: the_project(),
        name: parsed("A watcher's"),
        prefix: parsed("sgm_0aZ9bY8c"),
        grant: a_viewers_grant(),
        expires_at: expires.map(at),
        at: at(0),
    }
}

pub fn revoke_token(when: i64) -> ApiTokenCommand {
    ApiTokenCommand::Revoke { at: at(when) }
}

// A session's health: what happened and what is asked.

pub fn two_numbers() -> WarningData {
    [("seconds".to_owned(), 8), ("limit".to_owned(), -4)]
        .into_iter()
        .collect::<std::collections::BTreeMap<_, _>>()
        .try_into()
        .unwrap()
}

pub fn raised(name: &str, when: i64) -> SessionHealthEvent {
    SessionHealthEvent::WarningRaised {
        session: session(1),
        channel: the_channel(),
        project: the_project(),
        name: parsed(name),
        message: parsed("key frames come every 8 s; set the encoder to one every 2 s"),
        data: two_numbers(),
        at: at(when),
    }
}

pub fn cleared(name: &str, when: i64) -> SessionHealthEvent {
    SessionHealthEvent::WarningCleared { name: parsed(name), at: at(when) }
}

pub fn raise(name: &str, when: i64) -> SessionHealthCommand {
    SessionHealthCommand::Raise {
        session: session(1),
        channel: the_channel(),
        project: the_project(),
        name: parsed(name),
        message: parsed("key frames come every 8 s; set the encoder to one every 2 s"),
        data: two_numbers(),
        at: at(when),
    }
}

pub fn clear(name: &str, when: i64) -> SessionHealthCommand {
    SessionHealthCommand::Clear { name: parsed(name), at: at(when) }
}

// An asset: what happened and what is asked. Its session's media is a minute with a gap in its midst.

/// The n-th asset.
pub fn asset(n: u32) -> AssetId {
    parsed(&format!("as_0190163d8694739bb9fe2b8f{n:08x}"))
}

/// Spans of whole seconds, with what is in them.
pub fn extent(spans: &[(u64, u64)]) -> Extent {
    let span = |(from, to): &(u64, u64)| Span::new(from * 1_000_000, to * 1_000_000).unwrap();
    let seconds: u64 = spans.iter().map(|(from, to)| to - from).sum();
    Extent {
        spans: spans.iter().map(span).collect::<Vec<_>>().try_into().unwrap(),
        edges: None,
        duration_ms: seconds * 1000,
        bytes: seconds * 375_000,
        gaps_ms: 0,
    }
}

pub fn the_media() -> Extent {
    extent(&[(0, 25), (30, 60)])
}

pub fn new_asset(kind: AssetKind) -> NewAsset {
    let (project, channel, session) = (the_project(), the_channel(), session(1));
    NewAsset { id: asset(1), project, channel, session, kind, title: None, parent: None }
}

pub fn asset_started() -> AssetEvent {
    AssetEvent::Started { asset: new_asset(AssetKind::Source), at: at(0) }
}

/// Ready, and kept for an hour.
pub fn asset_ready(when: i64) -> AssetEvent {
    let expires_at = Some(at(when + 3_600));
    AssetEvent::Ready { extent: the_media(), files: 2, expires_at, at: at(when) }
}

pub fn asset_failed(reason: AssetFailure, when: i64) -> AssetEvent {
    AssetEvent::Failed { reason, at: at(when) }
}

pub fn trimmed(when: i64) -> AssetEvent {
    AssetEvent::Trimmed { extent: extent(&[(10, 20)]), at: at(when) }
}

pub fn start_asset() -> AssetCommand {
    AssetCommand::Start { asset: new_asset(AssetKind::Source), at: at(0) }
}

pub fn start_another_asset() -> AssetCommand {
    AssetCommand::Start { asset: new_asset(AssetKind::Catchup), at: at(0) }
}

pub fn clip() -> AssetCommand {
    let (asset, extent) = (new_asset(AssetKind::Clip), extent(&[(10, 20)]));
    AssetCommand::Clip { asset, extent, files: 1, at: at(30) }
}

pub fn finish_asset(when: i64) -> AssetCommand {
    let expires_at = Some(at(when + 3_600));
    AssetCommand::Finish { extent: the_media(), files: 2, expires_at, at: at(when) }
}

pub fn trim(when: i64) -> AssetCommand {
    AssetCommand::Trim { extent: extent(&[(40, 50)]), at: at(when) }
}
