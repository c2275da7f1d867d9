//! Still WebP files into an animated one: the container of RFC 9649 §2.7.
//!
//! Written by hand: GStreamer's encoder makes stills only, and key frames seconds apart have nothing in common that an
//! animation's encoder could leave out.

/// In `VP8X`: it is an animation.
const ANIMATION: u8 = 0b10;
/// In `ANMF`: the frame covers what was before it instead of being laid over.
const DO_NOT_BLEND: u8 = 0b10;

/// Joins `files`, each of `width` by `height` pixels and shown for so many milliseconds. None: one is no WebP file as VP8's
/// encoder writes it.
pub(crate) fn animation(
    (width, height): (u32, u32),
    milliseconds: u32,
    files: &[Vec<u8>],
) -> Option<Vec<u8>> {
    let mut body = b"WEBP".to_vec();
    let (wide, high) = (width.checked_sub(1)?, height.checked_sub(1)?);
    let extended = [&[ANIMATION, 0, 0, 0][..], &three(wide), &three(high)].concat();
    put_chunk(&mut body, b"VP8X", &extended);
    // Black behind it, and rounds without end.
    put_chunk(&mut body, b"ANIM", &[0, 0, 0, 255, 0, 0]);
    for file in files {
        let picture = picture(file)?;
        let mut frame =
            [&[0; 6][..], &three(wide), &three(high), &three(milliseconds), &[DO_NOT_BLEND]].concat();
        put_chunk(&mut frame, b"VP8 ", picture);
        put_chunk(&mut body, b"ANMF", &frame);
    }
    let mut whole = Vec::with_capacity(body.len() + 8);
    put_chunk(&mut whole, b"RIFF", &body);
    Some(whole)
}

/// The coded picture in a still file.
fn picture(file: &[u8]) -> Option<&[u8]> {
    let mut rest = file.strip_prefix(b"RIFF")?.get(4..)?.strip_prefix(b"WEBP")?;
    loop {
        let (name, after) = rest.split_at_checked(4)?;
        let (length, after) = after.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        let (chunk, after) = after.split_at_checked(length)?;
        if name == b"VP8 " {
            return Some(chunk);
        }
        rest = after.get(length % 2..)?;
    }
}

/// §2.3: a name, a length, the bytes, and one more where their number is odd.
fn put_chunk(to: &mut Vec<u8>, name: &[u8; 4], bytes: &[u8]) {
    to.extend_from_slice(name);
    to.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
    to.extend_from_slice(bytes);
    if bytes.len() % 2 == 1 {
        to.push(0);
    }
}

/// Numbers of 24 bits.
fn three(number: u32) -> [u8; 3] {
    let [a, b, c, _] = number.min(0xff_ffff).to_le_bytes();
    [a, b, c]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn still(picture: &[u8]) -> Vec<u8> {
        let mut body = b"WEBP".to_vec();
        put_chunk(&mut body, b"ICCP", &[1, 2, 3]);
        put_chunk(&mut body, b"VP8 ", picture);
        let mut file = Vec::new();
        put_chunk(&mut file, b"RIFF", &body);
        file
    }

    #[test]
    fn chunks_are_even_and_lengths_are_true() {
        let files = [still(b"odd"), still(b"even")];
        let file = animation((320, 180), 500, &files).unwrap();
        assert_eq!(u32::from_le_bytes(file[4..8].try_into().unwrap()) as usize, file.len() - 8);
        let head = b"WEBPVP8X\x0a\0\0\0\x02\0\0\0\x3f\x01\0\xb3\0\0ANIM\x06\0\0\0\0\0\0\xff\0\0";
        assert!(file[8..].starts_with(head));
        let first = b"ANMF\x1c\0\0\0\0\0\0\0\0\0\x3f\x01\0\xb3\0\0\xf4\x01\0\x02VP8 \x03\0\0\0odd\0ANMF";
        assert!(file[8 + head.len()..].starts_with(first));
        assert!(file.ends_with(b"VP8 \x04\0\0\0even"));
    }

    #[test]
    fn what_is_no_still_file_is_refused() {
        let whole = still(b"even");
        assert!((0..whole.len()).all(|length| animation((16, 16), 1, &[whole[..length].to_vec()]).is_none()));
        assert!(animation((0, 16), 1, &[]).is_none());
    }
}
