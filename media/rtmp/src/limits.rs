use std::time::Duration;

/// What one connection may cost. Every length that a client names is held against one of these before memory is taken for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The largest audio or video message in bytes. A 4K key frame at 50 Mbit/s stays below 3 MB.
    pub media_message: u32,
    /// The largest message of any other kind (command, metadata, control) in bytes.
    pub other_message: u32,
    /// Bytes promised by all messages under way on the connection together.
    pub buffered: u32,
    /// The largest chunk size a client may set (RTMP 1.0 §5.4.1: from 0xFFFFFF on all are the same, no message is longer).
    pub chunk_size: u32,
    /// Chunk streams that a client may have in use (RTMP 1.0 §5.3.1.1 knows 65 597 of them; encoders use fewer than ten).
    pub chunk_streams: usize,
    /// Message streams that a client may create on the connection (RTMP 1.0 §7.2.1.3); one of them can publish.
    pub message_streams: u32,
    /// Messages without a payload that may come one after the other. Some encoders send empty audio for silence.
    pub empty_messages: u32,
    /// The longest stream key in bytes.
    pub stream_key: usize,
    /// How long a connection may stay without an accepted publish.
    pub half_open: Duration,
    /// After how long without a byte from the client it is sent a ping (RTMP 1.0 §7.1.7).
    pub ping_after: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            media_message: 8 << 20,
            other_message: 256 << 10,
            buffered: 16 << 20,
            chunk_size: 0xFF_FFFF,
            chunk_streams: 64,
            message_streams: 16,
            empty_messages: 256,
            stream_key: 256,
            half_open: Duration::from_secs(10),
            ping_after: Duration::from_secs(5),
        }
    }
}
