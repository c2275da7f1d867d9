//! The header of `mdat`, ISO/IEC 14496-12 §8.1.1. Written by hand, so that payloads need not be copied.

/// The longest header.
pub(super) const LARGE_HEADER: usize = 16;
/// The usual header.
pub(super) const HEADER: usize = 8;

/// Bytes of the header before this much payload.
pub(super) fn header_length(payload: u64) -> usize {
    if payload + HEADER as u64 > u64::from(u32::MAX) { LARGE_HEADER } else { HEADER }
}

/// Appends the header to `bytes`.
pub(super) fn put_header(bytes: &mut Vec<u8>, payload: u64) {
    let length = header_length(payload);
    let size = payload + length as u64;
    if length == HEADER {
        bytes.extend_from_slice(&(size as u32).to_be_bytes());
        bytes.extend_from_slice(b"mdat");
    } else {
        bytes.extend_from_slice(&1u32.to_be_bytes());
        bytes.extend_from_slice(b"mdat");
        bytes.extend_from_slice(&size.to_be_bytes());
    }
}
