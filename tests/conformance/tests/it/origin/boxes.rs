//! Small fragmented MP4: ten pictures a second, the first of a segment an IDR picture. Nobody could watch it.

/// Milliseconds of a picture.
const PICTURE: u64 = 100;

fn atom(name: &[u8; 4], body: &[&[u8]]) -> Vec<u8> {
    let body = body.concat();
    [&u32::try_from(body.len() + 8).expect("small").to_be_bytes()[..], name, &body].concat()
}

fn full(name: &[u8; 4], flags: u32, body: &[&[u8]]) -> Vec<u8> {
    atom(name, &[&flags.to_be_bytes(), &body.concat()])
}

/// An init section of one H.264 track in milliseconds.
pub(crate) fn init(width: u16, height: u16) -> Vec<u8> {
    let avcc = atom(
        b"avcC",
        &[&[1, 0x42, 0xc0, 0x1e, 0xff, 0xe1, 0, 4, 0x67, 0x42, 0xc0, 0x1e, 1, 0, 4, 0x68, 0xce, 0x3c, 0x80]],
    );
    let size = [width.to_be_bytes(), height.to_be_bytes()].concat();
    let entry = atom(b"avc1", &[&[0; 6], &[0, 1], &[0; 16], &size, &[0; 50], &avcc]);
    let stsd = full(b"stsd", 0, &[&1u32.to_be_bytes(), &entry]);
    let stbl = atom(b"stbl", &[&stsd]);
    let minf = atom(b"minf", &[&stbl]);
    let mdhd = full(b"mdhd", 0, &[&[0; 8], &1_000u32.to_be_bytes(), &[0; 8]]);
    let hdlr = full(b"hdlr", 0, &[&[0; 4], b"vide", &[0; 13]]);
    let mdia = atom(b"mdia", &[&mdhd, &hdlr, &minf]);
    let tkhd = full(b"tkhd", 7, &[&[0; 8], &1u32.to_be_bytes(), &[0; 68]]);
    let trak = atom(b"trak", &[&tkhd, &mdia]);
    let trex = full(b"trex", 0, &[&1u32.to_be_bytes(), &1u32.to_be_bytes(), &[0; 12]]);
    let mvex = atom(b"mvex", &[&trex]);
    let moov = atom(b"moov", &[&full(b"mvhd", 0, &[&[0; 96]]), &trak, &mvex]);
    [atom(b"ftyp", &[b"iso6", &[0; 4]]), moov].concat()
}

/// A part of `ms` milliseconds from `decode_time` on, with pictures of about `bytes`; `idr`: its first stands alone.
pub(crate) fn part(decode_time: u64, ms: u64, bytes: usize, idr: bool) -> Vec<u8> {
    let mut media = Vec::new();
    let mut samples = Vec::new();
    for index in 0..ms / PICTURE {
        let key = idr && index == 0;
        let unit =
            [&[if key { 0x65 } else { 0x41 }][..], &vec![0xab; if key { bytes * 3 } else { bytes }]].concat();
        let length = u32::try_from(unit.len()).expect("small");
        media.extend_from_slice(&length.to_be_bytes());
        media.extend_from_slice(&unit);
        samples.extend_from_slice(&u32::try_from(PICTURE).expect("small").to_be_bytes());
        samples.extend_from_slice(&(length + 4).to_be_bytes());
        samples.extend_from_slice(&(if key { 0x0200_0000u32 } else { 0x0101_0000 }).to_be_bytes());
    }
    let count = u32::try_from(ms / PICTURE).expect("small");
    let moof = |offset: u32| {
        let tfhd = full(b"tfhd", 0x02_0000, &[&1u32.to_be_bytes()]);
        let tfdt = full(b"tfdt", 0x0100_0000, &[&decode_time.to_be_bytes()]);
        let trun = full(b"trun", 0x701, &[&count.to_be_bytes(), &offset.to_be_bytes(), &samples]);
        let traf = atom(b"traf", &[&tfhd, &tfdt, &trun]);
        atom(b"moof", &[&full(b"mfhd", 0, &[&1u32.to_be_bytes()]), &traf])
    };
    let offset = u32::try_from(moof(0).len() + 8).expect("small");
    [moof(offset), atom(b"mdat", &[&media])].concat()
}

/// Where the first picture of a segment ends: behind its `moof`, its `mdat`'s head, and as many bytes as its length says.
pub(crate) fn first_picture_ends(segment: &[u8]) -> usize {
    let number = |at: usize| {
        let bytes: [u8; 4] = segment[at..at + 4].try_into().expect("four bytes");
        u32::from_be_bytes(bytes) as usize
    };
    let picture = number(0) + 8;
    picture + 4 + number(picture)
}
