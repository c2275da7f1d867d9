//! Commands of a client (RTMP 1.0 §7.2), and those that Adobe's encoder brought with it.

use std::time::Duration;

use super::{
    Publishing, Session,
    address::{self, Address},
    reply,
};
use crate::{
    Action, CloseReason, ProtocolError, PublishRefusal, StreamKeyText,
    amf::{self, Value},
    flv::{AUDIO_FOURCCS, VIDEO_FOURCCS},
    metadata,
};

/// What a server calls itself; encoders look for the shape.
const SERVER_VERSION: &str = "FMS/3,5,7,7009";
/// The capabilities that go with it.
const SERVER_CAPABILITIES: f64 = 31.0;

/// E-RTMP v2 `FourCcInfoMask`: we read the codec and pass it on.
const CAN_DECODE_AND_FORWARD: f64 = (0x01 | 0x04) as f64;
/// E-RTMP v2 `CapsExMask`: ModEx and TimestampNanoOffset. Several tracks and reconnect requests are not asked for.
const CAPABILITIES_EX: f64 = (0x04 | 0x08) as f64;

/// A command's parts (§7.2).
struct Command<'a> {
    transaction: f64,
    /// The message stream that it came on.
    stream: u32,
    object: &'a Value,
    arguments: &'a [Value],
}

impl Command<'_> {
    fn argument(&self, index: usize) -> &Value {
        self.arguments.get(index).unwrap_or(&Value::Null)
    }
}

impl Session {
    pub(super) fn command(
        &mut self,
        now: Duration,
        stream: u32,
        data: &[u8],
        out: &mut Vec<Action>,
    ) -> Result<(), CloseReason> {
        let values = amf::decode(data).map_err(ProtocolError::from)?;
        let [Value::String(name), Value::Number(transaction), rest @ ..] = &values[..] else {
            return Err(ProtocolError::MalformedCommand.into());
        };
        let (object, arguments) = rest.split_first().unwrap_or((&Value::Null, &[]));
        let command = Command { transaction: *transaction, stream, object, arguments };
        if name == "connect" {
            return self.connect(&command, out);
        }
        if self.address.is_none() {
            return Err(ProtocolError::OutOfOrder { command: "a command", when: "before" }.into());
        }
        match name.as_str() {
            "createStream" => self.create_stream(&command, out),
            "publish" => return self.publish(&command, out),
            "FCPublish" => {
                self.result(command.transaction, Value::Undefined, out);
                let information = reply::information("status", "NetStream.Publish.Start", "FCPublish");
                let command = [Value::string("onFCPublish"), Value::Number(0.0), Value::Null, information];
                self.send_command(0, &command, out);
            }
            "FCUnpublish" => {
                self.unpublish(now, out);
                self.result(command.transaction, Value::Undefined, out);
                let information = reply::information("status", "NetStream.Unpublish.Success", "FCUnpublish");
                let command = [Value::string("onFCUnpublish"), Value::Number(0.0), Value::Null, information];
                self.send_command(0, &command, out);
            }
            "deleteStream" => {
                if self.is_publishing_on(command.argument(0).as_count()) {
                    self.unpublish(now, out);
                }
            }
            "closeStream" => {
                if self.is_publishing_on(Some(stream)) {
                    self.unpublish(now, out);
                }
            }
            "play" | "play2" => {
                let description = "nothing is played over RTMP here: open the channel's watch page".into();
                return Err(self.refused(stream, "NetStream.Play.Failed", description, out));
            }
            "getStreamLength" => self.result(command.transaction, Value::Number(0.0), out),
            "releaseStream" | "_checkbw" => self.result(command.transaction, Value::Undefined, out),
            // Answers to what we asked nothing.
            "_result" | "_error" | "onStatus" => {}
            _ => self.error(
                command.transaction,
                "NetConnection.Call.Failed",
                "this server does not know the command",
                out,
            ),
        }
        Ok(())
    }

    fn is_publishing_on(&self, stream: Option<u32>) -> bool {
        match self.publishing {
            Publishing::Asked { stream: publishing } | Publishing::OnAir { stream: publishing } => {
                Some(publishing) == stream
            }
            Publishing::No | Publishing::Left => false,
        }
    }

    /// §7.2.1.1.
    fn connect(&mut self, command: &Command<'_>, out: &mut Vec<Action>) -> Result<(), CloseReason> {
        if self.address.is_some() {
            return Err(ProtocolError::OutOfOrder { command: "connect", when: "after" }.into());
        }
        let text = |name| command.object.get(name).and_then(Value::as_str);
        let (application, key) = address::application(text("app"), text("tcUrl"));
        if let Some(description) = address::refusal(application) {
            let code = "NetConnection.Connect.Rejected";
            self.error(command.transaction, code, &description, out);
            return Err(CloseReason::Refused { code, description });
        }
        self.introduce(out);
        self.address = Some(Address {
            application: application.to_owned(),
            key: key.map(StreamKeyText::new),
            encoder: text("flashVer").and_then(metadata::encoder_name),
        });
        let properties = Value::object([
            ("fmsVer", Value::string(SERVER_VERSION)),
            ("capabilities", Value::Number(SERVER_CAPABILITIES)),
        ]);
        let answer = [
            Value::string("_result"),
            Value::Number(command.transaction),
            properties,
            connected(command.object),
        ];
        self.send_command(0, &answer, out);
        Ok(())
    }

    /// §7.2.1.3.
    fn create_stream(&mut self, command: &Command<'_>, out: &mut Vec<Action>) {
        if self.message_streams >= self.limits.message_streams {
            let description = "too many message streams on one connection";
            self.error(command.transaction, "NetConnection.Call.Failed", description, out);
            return;
        }
        self.message_streams += 1;
        self.result(command.transaction, Value::Number(self.message_streams.into()), out);
    }

    /// §7.2.2.6. The key is asked about before any media is taken.
    fn publish(&mut self, command: &Command<'_>, out: &mut Vec<Action>) -> Result<(), CloseReason> {
        let bad_name = PublishRefusal::BadName.code();
        if matches!(self.publishing, Publishing::Asked { .. } | Publishing::OnAir { .. }) {
            let description = "this connection publishes already: open another one";
            self.status(command.stream, "error", bad_name, description, out);
            return Ok(());
        }
        let Some(address) = &self.address else { return Ok(()) };
        let name = address::stream_name(command.argument(0).as_str().unwrap_or_default());
        let key = match (name, &address.key) {
            ("", Some(key)) => key.clone(),
            (name, _) => StreamKeyText::new(name),
        };
        let length = key.expose().len();
        if length == 0 || length > self.limits.stream_key {
            let description = match length {
                0 => "no stream key was given: copy it from the channel into the encoder",
                _ => "the stream key is too long: copy it again from the channel",
            };
            return Err(self.refused(command.stream, bad_name, description.into(), out));
        }
        let (app, encoder) = (address.application.clone(), address.encoder.clone());
        self.publishing = Publishing::Asked { stream: command.stream };
        out.push(Action::Publish { app, key, encoder });
        Ok(())
    }
}

/// The information object of a successful `connect`. Clients that speak E-RTMP are told what we take.
fn connected(request: &Value) -> Value {
    let encoding = request.get("objectEncoding").and_then(Value::as_count).filter(|encoding| *encoding == 3);
    let mut information = vec![
        ("level".to_owned(), Value::string("status")),
        ("code".to_owned(), Value::string("NetConnection.Connect.Success")),
        ("description".to_owned(), Value::string("connected")),
        ("objectEncoding".to_owned(), Value::Number(encoding.unwrap_or(0).into())),
    ];
    let enhanced = ["fourCcList", "videoFourCcInfoMap", "audioFourCcInfoMap", "capsEx"];
    if enhanced.iter().any(|name| request.get(name).is_some()) {
        let fourccs = VIDEO_FOURCCS.iter().chain(&AUDIO_FOURCCS).copied();
        let map = |fourccs: &[&str]| {
            Value::Object(
                fourccs
                    .iter()
                    .map(|name| ((*name).to_owned(), Value::Number(CAN_DECODE_AND_FORWARD)))
                    .collect(),
            )
        };
        information.extend([
            ("fourCcList".to_owned(), Value::StrictArray(fourccs.map(Value::string).collect())),
            ("videoFourCcInfoMap".to_owned(), map(&VIDEO_FOURCCS)),
            ("audioFourCcInfoMap".to_owned(), map(&AUDIO_FOURCCS)),
            ("capsEx".to_owned(), Value::Number(CAPABILITIES_EX)),
        ]);
    }
    Value::Object(information)
}
