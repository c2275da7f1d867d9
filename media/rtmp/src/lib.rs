//! The server's side of RTMP as a state machine without sockets and clocks.
//!
//! A shell reads bytes from a socket, hands them to [`Session::handle`] with the time since the connection began, and performs
//! the [`Action`]s it gets, in order. Everything that a client may send is bounded by [`Limits`]; a client that breaks the
//! protocol gets [`Action::Close`] with a reason that names the clause.
//!
//! Clauses: Adobe's Real Time Messaging Protocol 1.0 (2012), "RTMP 1.0"; Veovera's Enhanced RTMP v2, "E-RTMP v2"; Adobe's FLV
//! 10.1, AMF 0 and AMF 3.

mod action;
pub mod amf;
mod chunk;
mod error;
pub mod flv;
mod handshake;
mod limits;
mod message;
mod metadata;
mod session;

pub use action::{Action, CloseReason, Input, PublishRefusal, StreamKeyText};
pub use error::{AmfError, FlvError, ProtocolError};
pub use limits::Limits;
pub use metadata::Metadata;
pub use session::Session;
