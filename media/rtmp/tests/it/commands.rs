//! From `connect` to the end of a broadcast.

use std::time::Duration;

use sigma_rtmp::{Action, CloseReason, Input, Limits, Metadata, ProtocolError, PublishRefusal, amf::Value};

use crate::client::{
    AUDIO, Answer, COMMAND, Connection, DATA, VIDEO, call, call_on, command, connect, connect_with, encode,
    message, picture, publish, statuses, video_config,
};

fn refused(actions: &[Action]) -> Option<(&'static str, String)> {
    match actions {
        [.., Action::Close { reason: CloseReason::Refused { code, description } }] => {
            Some((code, description.clone()))
        }
        _ => None,
    }
}

fn published(actions: &[Action]) -> Option<(String, String, Option<String>)> {
    match actions {
        [Action::Publish { app, key, encoder }] => {
            Some((app.clone(), key.expose().to_owned(), encoder.clone()))
        }
        _ => None,
    }
}

fn kinds(answers: &[Answer]) -> Vec<u8> {
    answers.iter().map(|answer| answer.kind).collect()
}

#[test]
fn it_introduces_itself_and_answers_connect() {
    let (actions, answers) = Connection::new().send(&connect());
    assert_eq!(actions, []);
    assert_eq!(kinds(&answers), [5, 6, 1, COMMAND]);
    // librtmp and rtmp2sink stall at a window of 4096 or less.
    assert_eq!(answers[0].payload[..], 5_000_000u32.to_be_bytes());
    let values = answers[3].values();
    assert_eq!(values[..2], [Value::string("_result"), Value::Number(1.0)]);
    assert_eq!(values[3].get("code"), Some(&Value::string("NetConnection.Connect.Success")));
    assert_eq!(values[3].get("objectEncoding"), Some(&Value::Number(0.0)));
    assert_eq!(values[3].get("fourCcList"), None);
}

#[test]
fn it_tells_enhanced_clients_what_it_takes() {
    let list = Value::StrictArray(vec![Value::string("hvc1"), Value::string("vp09")]);
    let request = connect_with(vec![
        ("app", Value::string("live")),
        ("objectEncoding", Value::Number(3.0)),
        ("fourCcList", list),
    ]);
    let (_, answers) = Connection::new().send(&request);
    let values = answers.last().unwrap().values();
    let list = ["avc1", "hvc1", "av01", "mp4a", "Opus"].map(Value::string).to_vec();
    assert_eq!(values[3].get("fourCcList"), Some(&Value::StrictArray(list)));
    assert_eq!(values[3].get("objectEncoding"), Some(&Value::Number(3.0)));
    let video = values[3].get("videoFourCcInfoMap").unwrap();
    assert_eq!(video.get("av01"), Some(&Value::Number(5.0)));
    assert_eq!(video.get("vp09"), None);
}

#[test]
fn it_publishes_in_adobes_order() {
    let mut connection = Connection::new();
    connection.send(&connect());
    let (_, answers) = connection.send(&call("releaseStream", 2, &[Value::string("key")]));
    assert_eq!(answers[0].values()[..2], [Value::string("_result"), Value::Number(2.0)]);
    let (_, answers) = connection.send(&call("FCPublish", 3, &[Value::string("key")]));
    assert_eq!(answers[1].values()[0], Value::string("onFCPublish"));
    let (_, answers) = connection.send(&call("createStream", 4, &[]));
    let created = [Value::string("_result"), Value::Number(4.0), Value::Null, Value::Number(1.0)];
    assert_eq!(answers[0].values(), created);

    let (actions, answers) = connection.send(&publish(1, "key"));
    assert_eq!(published(&actions), Some(("live".into(), "key".into(), Some("tiny/1.0".into()))));
    assert_eq!(answers, []);
    let (actions, answers) = connection.input(Input::Accept);
    assert_eq!(actions, []);
    assert_eq!(answers[0].payload[..], [0, 0, 0, 0, 0, 1], "stream begin");
    assert_eq!(statuses(&answers), [(1, "NetStream.Publish.Start".into(), "the stream is on air".into())]);
}

/// `scuffle-rtmp` 0.2.3 answered on message stream 0, which `rtmp2sink` and librtmp refuse.
#[test]
fn it_answers_publish_on_the_publishing_stream() {
    for stream in [1, 2, 77] {
        let mut connection = Connection::connected();
        connection.send(&publish(stream, "key"));
        let (_, answers) = connection.input(Input::Accept);
        assert_eq!(statuses(&answers)[0].0, stream);
        let mut connection = Connection::connected();
        connection.send(&publish(stream, "key"));
        let code = PublishRefusal::BadName;
        let (_, answers) = connection.input(Input::Refuse { code, description: "no".into() });
        assert_eq!(statuses(&answers)[0].0, stream);
    }
}

#[test]
fn it_refuses_with_a_sentence_and_closes() {
    for (code, expected) in [
        (PublishRefusal::BadName, "NetStream.Publish.BadName"),
        (PublishRefusal::Denied, "NetStream.Publish.Denied"),
    ] {
        let mut connection = Connection::connected();
        connection.send(&publish(1, "key"));
        let description = "the channel is stopped: start it first";
        let (actions, answers) = connection.input(Input::Refuse { code, description: description.into() });
        assert_eq!(statuses(&answers), [(1, expected.into(), description.into())]);
        assert_eq!(refused(&actions), Some((expected, description.into())));
        assert_eq!(connection.send(&publish(1, "key")), (vec![], vec![]), "nothing follows");
    }
}

#[test]
fn it_takes_the_key_from_wherever_encoders_put_it() {
    let cases: [(Option<&str>, Option<&str>, &str, &str); 7] = [
        (Some("live"), None, "KEY", "KEY"),
        (Some("live"), None, "KEY?token=1", "KEY"),
        (Some("live/KEY"), None, "", "KEY"),
        (Some("live/KEY"), None, "OTHER", "OTHER"),
        (None, Some("rtmp://host/live/KEY"), "", "KEY"),
        (Some("live/"), Some("rtmp://host/live/"), "KEY", "KEY"),
        (Some("live"), None, "live/KEY", "KEY"),
    ];
    for (app, tc_url, name, key) in cases {
        let mut properties = Vec::new();
        properties.extend(app.map(|app| ("app", Value::string(app))));
        properties.extend(tc_url.map(|url| ("tcUrl", Value::string(url))));
        let mut connection = Connection::new();
        connection.send(&connect_with(properties));
        let (actions, _) = connection.send(&publish(1, name));
        assert_eq!(published(&actions), Some(("live".into(), key.into(), None)), "{app:?} {tc_url:?} {name}");
    }
}

#[test]
fn it_refuses_a_missing_or_absurd_key() {
    for (key, sentence) in [("", "no stream key was given"), (&"x".repeat(257), "the stream key is too long")]
    {
        let (actions, answers) = Connection::connected().send(&publish(1, key));
        let (code, description) = refused(&actions).unwrap();
        assert_eq!(code, "NetStream.Publish.BadName");
        assert!(description.starts_with(sentence), "{description}");
        assert_eq!(statuses(&answers).len(), 1);
    }
}

#[test]
fn it_shows_no_key_in_debug() {
    let mut connection = Connection::new();
    connection.send(&connect_with(vec![("app", Value::string("live/secretkey"))]));
    let (actions, _) = connection.send(&publish(1, ""));
    assert_eq!(published(&actions).unwrap().1, "secretkey");
    assert!(!format!("{actions:?} {:?}", connection.session).contains("secretkey"));
    // Not even while half of the command is here.
    let mut connection = Connection::connected();
    let bytes = publish(1, "secretkey");
    connection.send(&bytes[..bytes.len() - 4]);
    let shown = format!("{:?} {:?}", connection.session, Input::Bytes(b"secretkey"));
    assert!(!shown.contains("secretkey") && !shown.contains("115, 101, 99"), "{shown}");
}

#[test]
fn it_refuses_other_applications_by_name() {
    for (app, sentence) in [
        ("backup", "the application backup takes no feeds yet"),
        ("vod", "there is no application vod"),
        ("", "no application is named"),
    ] {
        let (actions, answers) = Connection::new().send(&connect_with(vec![("app", Value::string(app))]));
        let (code, description) = refused(&actions).unwrap();
        assert_eq!(code, "NetConnection.Connect.Rejected");
        assert!(description.starts_with(sentence), "{description}");
        assert_eq!(statuses(&answers), [(0, code.into(), description)]);
    }
}

#[test]
fn it_refuses_play() {
    let (actions, answers) = Connection::connected().send(&call_on(1, "play", 0, &[Value::string("key")]));
    assert_eq!(statuses(&answers)[0].1, "NetStream.Play.Failed");
    assert_eq!(refused(&actions).unwrap().0, "NetStream.Play.Failed");
}

#[test]
fn it_answers_harmless_calls_and_knows_no_others() {
    let mut connection = Connection::connected();
    for name in ["_checkbw", "releaseStream", "getStreamLength"] {
        let (actions, answers) = connection.send(&call(name, 9, &[]));
        assert_eq!(actions, []);
        assert_eq!(answers[0].values()[..2], [Value::string("_result"), Value::Number(9.0)], "{name}");
    }
    let (actions, answers) = connection.send(&call("unheard", 9, &[]));
    assert_eq!((actions, statuses(&answers)[0].1.as_str()), (vec![], "NetConnection.Call.Failed"));
    for (name, transaction) in [("unheard", 0), ("_result", 9), ("_error", 9), ("onStatus", 0)] {
        assert_eq!(connection.send(&call(name, transaction, &[])), (vec![], vec![]), "{name}");
    }
}

#[test]
fn it_reads_commands_in_amf3_wrapping() {
    const COMMAND_AMF3: u8 = 17;
    let mut connection = Connection::new();
    // connect's object in AMF 3 behind the avmplus marker: dynamic, app = "live".
    let mut payload = encode(&[Value::string("connect"), Value::Number(1.0)]);
    payload.insert(0, 0);
    payload.extend(b"\x11\x0a\x0b\x01\x07app\x06\x09live\x01");
    let (actions, answers) = connection.send(&message(COMMAND_AMF3, 0, 0, &payload));
    assert_eq!(actions, []);
    assert_eq!(answers.last().unwrap().values()[0], Value::string("_result"));
    // Without the zero byte, as some have it.
    let payload = encode(&[Value::string("publish"), Value::Number(2.0), Value::Null, Value::string("key")]);
    let (actions, _) = connection.send(&message(COMMAND_AMF3, 0, 1, &payload));
    assert_eq!(published(&actions).unwrap().1, "key");
}

#[test]
fn it_reads_metadata() {
    let mut connection = Connection::on_air();
    let values = Value::EcmaArray(
        [
            ("width", Value::Number(1280.0)),
            ("height", Value::Number(720.0)),
            ("framerate", Value::Number(29.97)),
            ("videodatarate", Value::Number(2500.4)),
            ("audiodatarate", Value::Number(f64::NAN)),
            ("duration", Value::Number(-1.0)),
            ("encoder", Value::string(" OBS\u{7}\n studio ")),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec(),
    );
    let expected = Metadata {
        encoder: Some("OBS studio".into()),
        width: Some(1280),
        height: Some(720),
        frame_rate_milli: Some(29_970),
        video_kbps: Some(2500),
        audio_kbps: None,
    };
    let set = [Value::string("@setDataFrame"), Value::string("onMetaData"), values.clone()];
    assert_eq!(connection.send(&message(DATA, 0, 1, &encode(&set))).0, [Action::Metadata(expected.clone())]);
    assert_eq!(
        connection.send(&message(DATA, 0, 1, &encode(&set[1..]))).0,
        [Action::Metadata(expected.clone())]
    );
    let amf3 = [&[0], &encode(&set)[..]].concat();
    assert_eq!(connection.send(&message(15, 0, 1, &amf3)).0, [Action::Metadata(expected)]);
    let other = encode(&[Value::string("onTextData"), values]);
    assert_eq!(connection.send(&message(DATA, 0, 1, &other)).0, []);
}

#[test]
fn it_takes_no_media_before_the_publish_is_accepted() {
    for kind in [AUDIO, VIDEO] {
        let media = message(kind, 0, 1, &video_config());
        let fault = Action::Close { reason: ProtocolError::MediaBeforePublish.into() };
        let mut connection = Connection::connected();
        assert_eq!(connection.send(&media).0.as_slice(), std::slice::from_ref(&fault));
        let mut connection = Connection::connected();
        let (actions, _) = connection.send(&[publish(1, "key"), media].concat());
        assert!(matches!(&actions[..], [Action::Publish { .. }, close] if *close == fault));
        assert_eq!(connection.input(Input::Accept).0, []);
    }
}

#[test]
fn it_ends_in_order() {
    let ends = [
        call("FCUnpublish", 6, &[Value::string("key")]),
        call("deleteStream", 7, &[Value::Number(1.0)]),
        call_on(1, "closeStream", 0, &[]),
    ];
    for end in &ends {
        let mut connection = Connection::on_air();
        assert_eq!(connection.send(end).0, [Action::Unpublish]);
        assert!(!connection.session.is_on_air());
        let late = [ends.concat(), message(VIDEO, 0, 1, &picture(true, 0, b"late"))].concat();
        assert_eq!(connection.send(&late).0, [], "said once, and late media is dropped");
    }
    let mut connection = Connection::on_air();
    let others = [call("deleteStream", 7, &[Value::Number(2.0)]), call_on(2, "closeStream", 0, &[])].concat();
    assert_eq!(connection.send(&others).0, [], "another stream's end");
}

#[test]
fn it_lets_a_client_that_left_come_back_on_the_connection() {
    let mut connection = Connection::on_air();
    connection.send(&message(VIDEO, 0, 1, &video_config()));
    connection.send(&call("FCUnpublish", 6, &[]));
    let (actions, _) = connection.send(&publish(1, "key"));
    assert!(published(&actions).is_some());
    connection.input(Input::Accept);
    let (actions, _) = connection.send(&message(VIDEO, 0, 1, &video_config()));
    assert!(matches!(&actions[..], [Action::Media(_)]), "its configuration is told again");
}

#[test]
fn it_forgets_an_answer_that_comes_too_late() {
    let mut connection = Connection::connected();
    connection.send(&publish(1, "key"));
    assert_eq!(connection.send(&call("deleteStream", 7, &[Value::Number(1.0)])).0, [Action::Unpublish]);
    assert_eq!(connection.input(Input::Accept), (vec![], vec![]));
    assert!(!connection.session.is_on_air());
}

#[test]
fn it_publishes_once_a_connection() {
    let mut connection = Connection::on_air();
    let (actions, answers) = connection.send(&publish(2, "other"));
    assert_eq!(actions, []);
    assert_eq!((statuses(&answers)[0].0, statuses(&answers)[0].1.as_str()), (2, "NetStream.Publish.BadName"));
    assert!(connection.session.is_on_air());
}

#[test]
fn it_tells_a_client_that_the_platform_closes() {
    let mut connection = Connection::on_air();
    let (actions, answers) = connection.input(Input::Close { reason: "the channel was stopped".into() });
    let said = "the channel was stopped".to_owned();
    assert_eq!(actions, [Action::Close { reason: CloseReason::Platform(said.clone()) }]);
    let expected = [
        (1, "NetStream.Unpublish.Success".into(), said.clone()),
        (0, "NetConnection.Connect.Closed".into(), said),
    ];
    assert_eq!(statuses(&answers), expected);
}

#[test]
fn it_wants_connect_first_and_once() {
    let fault = |command, when| Action::Close { reason: ProtocolError::OutOfOrder { command, when }.into() };
    assert_eq!(Connection::new().send(&call("createStream", 1, &[])).0, [fault("a command", "before")]);
    assert_eq!(Connection::connected().send(&connect()).0, [fault("connect", "after")]);
}

#[test]
fn it_bounds_message_streams() {
    let mut connection = Connection::with(Limits { message_streams: 2, ..Limits::default() });
    connection.send(&connect());
    let created = |answers: &[Answer]| answers[0].values()[3].as_count();
    assert_eq!(created(&connection.send(&call("createStream", 2, &[])).1), Some(1));
    assert_eq!(created(&connection.send(&call("createStream", 3, &[])).1), Some(2));
    let (_, answers) = connection.send(&call("createStream", 4, &[]));
    assert_eq!(statuses(&answers)[0].1, "NetConnection.Call.Failed");
}

#[test]
fn it_acknowledges_when_the_window_is_full() {
    let mut connection = Connection::on_air();
    let picture = message(VIDEO, 0, 1, &picture(false, 0, &[0; 10_000]));
    let mut sent = 0;
    let mut acknowledged = Vec::new();
    for _ in 0..600 {
        let (_, answers) = connection.send(&picture);
        sent += picture.len();
        acknowledged
            .extend(answers.iter().filter(|answer| answer.kind == 3).map(|answer| answer.payload.clone()));
    }
    assert_eq!(acknowledged.len(), sent / 2_500_000);
    assert_eq!(acknowledged[0][..], 2_500_000u32.to_be_bytes());
}

#[test]
fn it_keeps_to_a_smaller_window_of_the_client() {
    const WINDOW_ACKNOWLEDGEMENT_SIZE: u8 = 5;
    let mut connection = Connection::on_air();
    connection.send(&message(WINDOW_ACKNOWLEDGEMENT_SIZE, 0, 0, &1000u32.to_be_bytes()));
    let (_, answers) = connection.send(&message(VIDEO, 0, 1, &[0; 5000]));
    assert_eq!(answers.len(), 5);
    // A window of nothing is none.
    connection.send(&message(WINDOW_ACKNOWLEDGEMENT_SIZE, 0, 0, &[0; 4]));
    assert_eq!(connection.send(&message(VIDEO, 0, 1, &[0; 5000])).1.len(), 5);
    // Acknowledgements never outweigh what they acknowledge.
    connection.send(&message(WINDOW_ACKNOWLEDGEMENT_SIZE, 0, 0, &1u32.to_be_bytes()));
    assert!(connection.send(&message(VIDEO, 0, 1, &[0; 5000])).1.len() <= 21);
}

#[test]
fn it_answers_pings_and_sends_them_when_it_is_quiet() {
    const USER_CONTROL: u8 = 4;
    let mut connection = Connection::on_air();
    let (_, answers) = connection.send(&message(USER_CONTROL, 0, 0, &[0, 6, 1, 2, 3, 4]));
    assert_eq!(answers[0].payload[..], [0, 7, 1, 2, 3, 4]);

    assert_eq!(connection.tick(Duration::from_secs(4)), (vec![], vec![]));
    let (actions, answers) = connection.tick(Duration::from_secs(5));
    assert_eq!((actions, answers[0].kind, &answers[0].payload[..2]), (vec![], USER_CONTROL, &[0, 6][..]));
    assert_eq!(connection.tick(Duration::from_secs(6)).1, []);
    assert_eq!(connection.tick(Duration::from_secs(10)).1.len(), 1);
    connection.now = Duration::from_secs(14);
    connection.send(&message(USER_CONTROL, 0, 0, &[0, 7, 0, 0, 0, 0]));
    assert_eq!(connection.tick(Duration::from_secs(18)).1, []);
}

/// `scuffle-rtmp` 0.2.3 hung up after 2.5 s of silence. When silence is too long is the node's to say.
#[test]
fn it_does_not_hang_up_on_silence() {
    let mut connection = Connection::on_air();
    for second in 1..600 {
        assert_eq!(connection.tick(Duration::from_secs(second)).0, []);
    }
    assert!(connection.session.is_on_air());
}

#[test]
fn it_closes_what_publishes_nothing_within_ten_seconds() {
    let silent = Connection::raw(Limits::default());
    let mut asked = Connection::connected();
    asked.send(&publish(1, "key"));
    for mut connection in [silent, Connection::new(), Connection::connected(), asked] {
        assert_eq!(connection.tick(Duration::from_millis(9_999)).0, []);
        let closed = Action::Close { reason: CloseReason::HalfOpen { seconds: 10 } };
        assert_eq!(connection.tick(Duration::from_secs(10)).0, [closed]);
        assert_eq!(connection.tick(Duration::from_secs(20)).0, [], "closed once");
    }
}

#[test]
fn it_gives_who_left_ten_seconds_again() {
    let mut connection = Connection::on_air();
    connection.tick(Duration::from_secs(100));
    connection.send(&call("FCUnpublish", 6, &[]));
    assert_eq!(connection.tick(Duration::from_secs(109)).0, []);
    assert!(matches!(&connection.tick(Duration::from_secs(110)).0[..], [Action::Close { .. }]));
}

#[test]
fn it_refuses_malformed_commands() {
    for values in [vec![Value::string("connect")], vec![Value::Number(1.0), Value::Number(1.0)], vec![]] {
        let (actions, _) = Connection::new().send(&command(0, &values));
        assert!(matches!(&actions[..], [Action::Close { reason: CloseReason::Protocol(_) }]), "{values:?}");
    }
}
