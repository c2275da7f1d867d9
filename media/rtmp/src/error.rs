use sigma_elementary::ConfigError;

/// How a client broke the protocol. The text names the clause and, where it helps, the mend.
///
/// Clauses are those of Adobe's Real Time Messaging Protocol 1.0 (2012), E-RTMP v2 (Veovera) and Adobe's AMF 0 and AMF 3.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ProtocolError {
    /// The first byte is no RTMP version (RTMP 1.0 §5.2.2).
    #[error("this is not RTMP (§5.2.2, first byte {byte:#04x}): {hint}")]
    NotRtmp {
        /// C0 as it came.
        byte: u8,
        /// What it looks like, and the mend.
        hint: &'static str,
    },
    /// A chunk header leans on an earlier one that there was not (RTMP 1.0 §5.3.1.2).
    #[error(
        "chunk stream {chunk_stream} begins with a type {format} header, which needs one before it (§5.3.1.2)"
    )]
    NoEarlierHeader {
        /// The chunk stream.
        chunk_stream: u32,
        /// The header type, 2 or 3.
        format: u8,
    },
    /// A new message began inside another one (RTMP 1.0 §5.3.1.2.4).
    #[error("a message began on chunk stream {chunk_stream} before the last one was whole (§5.3.1.2.4)")]
    MessageInsideMessage {
        /// The chunk stream.
        chunk_stream: u32,
    },
    /// The client uses more chunk streams than it may.
    #[error("more than {limit} chunk streams in use")]
    TooManyChunkStreams {
        /// [`Limits::chunk_streams`](crate::Limits::chunk_streams).
        limit: usize,
    },
    /// A message is announced that is longer than its kind may be.
    #[error("a message of type {message_type} announces {length} bytes, {limit} are allowed")]
    MessageTooLong {
        /// The RTMP message type id.
        message_type: u8,
        /// Announced bytes.
        length: u32,
        /// The limit it met.
        limit: u32,
    },
    /// Messages under way promise more together than the connection may hold.
    #[error("messages under way promise more than {limit} bytes together")]
    TooMuchBuffered {
        /// [`Limits::buffered`](crate::Limits::buffered).
        limit: u32,
    },
    /// Too many messages without a payload.
    #[error("{limit} messages without a payload came one after the other")]
    EmptyMessages {
        /// [`Limits::empty_messages`](crate::Limits::empty_messages).
        limit: u32,
    },
    /// A command or control message without a payload, or one too short for its kind (RTMP 1.0 §5.4, §7.1).
    #[error("a message of type {message_type} is too short: {length} bytes (§5.4, §7.1)")]
    MessageTooShort {
        /// The RTMP message type id.
        message_type: u8,
        /// Bytes it has.
        length: usize,
    },
    /// Set Chunk Size outside its bounds (RTMP 1.0 §5.4.1).
    #[error("chunk size {size} is not within 1 and {limit} (§5.4.1)")]
    ChunkSize {
        /// What the client set.
        size: u32,
        /// [`Limits::chunk_size`](crate::Limits::chunk_size).
        limit: u32,
    },
    /// A command or data message that cannot be read.
    #[error("{0}")]
    Amf(#[from] AmfError),
    /// A command that is not of the form name, transaction, object (RTMP 1.0 §7.2).
    #[error("a command message does not begin with a name and a transaction number (§7.2)")]
    MalformedCommand,
    /// Commands before `connect`, or a second `connect` (RTMP 1.0 §7.2.1.1).
    #[error("{command} came {when} connect (§7.2.1.1)")]
    OutOfOrder {
        /// The command's name.
        command: &'static str,
        /// `before` or `after`.
        when: &'static str,
    },
    /// Media before the publish was accepted (RTMP 1.0 §7.2.2.6).
    #[error("media came before publish was answered (§7.2.2.6)")]
    MediaBeforePublish,
    /// An audio or video message that cannot be read.
    #[error("{0}")]
    Flv(#[from] FlvError),
}

/// A fault in an audio or video payload.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FlvError {
    /// The payload ends inside a field (FLV 10.1 annex E.4, E-RTMP v2 "Enhanced Video", "Enhanced Audio").
    #[error("the {track} message ends inside its {field}")]
    Truncated {
        /// `audio` or `video`.
        track: &'static str,
        /// The field that is cut.
        field: &'static str,
    },
    /// A value that the specification does not define.
    #[error("the {track} message has an undefined {field} {value} (E-RTMP v2)")]
    Undefined {
        /// `audio` or `video`.
        track: &'static str,
        /// The field.
        field: &'static str,
        /// Its value.
        value: u8,
    },
    /// A decoder configuration that cannot be read.
    #[error("the {track} decoder configuration cannot be read: {cause}")]
    Config {
        /// `audio` or `video`.
        track: &'static str,
        /// What is wrong with it.
        cause: ConfigError,
    },
}

/// A fault in an AMF value (AMF 0, AMF 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AmfError {
    /// The value ends early.
    #[error("an AMF value ends early")]
    Truncated,
    /// Deeper than [`MAX_DEPTH`](crate::amf::MAX_DEPTH).
    #[error("AMF values nest deeper than {}", crate::amf::MAX_DEPTH)]
    TooDeep,
    /// More than [`MAX_VALUES`](crate::amf::MAX_VALUES).
    #[error("a message holds more than {} AMF values", crate::amf::MAX_VALUES)]
    TooMany,
    /// A marker that is reserved or not served (AMF 0 §2.1, AMF 3 §3.1).
    #[error("AMF {version} marker {marker:#04x} is not served")]
    Marker {
        /// 0 or 3.
        version: u8,
        /// The marker byte.
        marker: u8,
    },
    /// A reference to what does not stand before it (AMF 0 §2.9, AMF 3 §2.2).
    #[error("an AMF reference points nowhere")]
    Reference,
}
