//! Commands that we send (RTMP 1.0 §7.2).

use bytes::BytesMut;

use super::Session;
use crate::{
    Action,
    amf::{self, Value},
    chunk::ChunkWriter,
    message::kind,
};

impl Session {
    /// Sends a command on a message stream.
    pub(super) fn send_command(&mut self, stream: u32, values: &[Value], out: &mut Vec<Action>) {
        let mut payload = BytesMut::new();
        amf::encode(values, &mut payload);
        let mut bytes = BytesMut::new();
        self.writer.write(ChunkWriter::COMMANDS, kind::COMMAND_AMF0, stream, &payload, &mut bytes);
        out.push(Action::Send(bytes.freeze()));
    }

    /// `onStatus` (§7.2.2), on the message stream that it is about: publishers heed it nowhere else.
    pub(super) fn status(
        &mut self,
        stream: u32,
        level: &str,
        code: &str,
        description: &str,
        out: &mut Vec<Action>,
    ) {
        let information = information(level, code, description);
        let command = [Value::string("onStatus"), Value::Number(0.0), Value::Null, information];
        self.send_command(stream, &command, out);
    }

    /// `_result` to a call. A call with transaction 0 wants none (§7.2.1.2).
    pub(super) fn result(&mut self, transaction: f64, value: Value, out: &mut Vec<Action>) {
        if transaction != 0.0 {
            let command = [Value::string("_result"), Value::Number(transaction), Value::Null, value];
            self.send_command(0, &command, out);
        }
    }

    /// `_error` to a call.
    pub(super) fn error(&mut self, transaction: f64, code: &str, description: &str, out: &mut Vec<Action>) {
        if transaction != 0.0 {
            let information = information("error", code, description);
            let command = [Value::string("_error"), Value::Number(transaction), Value::Null, information];
            self.send_command(0, &command, out);
        }
    }
}

/// An information object.
pub(super) fn information(level: &str, code: &str, description: &str) -> Value {
    Value::object([
        ("level", Value::string(level)),
        ("code", Value::string(code)),
        ("description", Value::string(description)),
    ])
}
