//! Boxes (§4.2) and the numbers in them. Nothing is read beyond what is there.

/// The most boxes on one level that are looked at.
const MOST: usize = 10_000;

/// One box.
#[derive(Clone, Copy, Debug)]
pub(super) struct Atom<'a> {
    pub(super) name: [u8; 4],
    pub(super) body: &'a [u8],
    /// Where it begins in what was read.
    pub(super) at: usize,
}

/// The boxes that stand one behind the other in `bytes`.
pub(super) fn atoms(bytes: &[u8]) -> Result<Vec<Atom<'_>>, String> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if out.len() == MOST {
            return Err("too many boxes".to_owned());
        }
        let size = u32_at(bytes, at)?;
        let name: [u8; 4] = array(bytes, at + 4)?;
        let (head, size) = match size {
            0 => (8, bytes.len() - at),
            1 => (16, usize::try_from(u64_at(bytes, at + 8)?).map_err(|_| "a box is too large")?),
            size => (8, size as usize),
        };
        let end = at.checked_add(size).filter(|end| *end <= bytes.len() && size >= head);
        let end =
            end.ok_or_else(|| format!("the box {} at byte {at} is cut off", String::from_utf8_lossy(&name)))?;
        out.push(Atom { name, body: &bytes[at + head..end], at });
        at = end;
    }
    Ok(out)
}

/// The first box of this name.
pub(super) fn child<'a>(bytes: &'a [u8], name: &[u8; 4]) -> Result<Option<Atom<'a>>, String> {
    Ok(atoms(bytes)?.into_iter().find(|atom| atom.name == *name))
}

/// The box at the end of a path, which must be there.
pub(super) fn path<'a>(bytes: &'a [u8], names: &[&[u8; 4]]) -> Result<Atom<'a>, String> {
    let mut found = Atom { name: *b"root", body: bytes, at: 0 };
    for name in names {
        found =
            child(found.body, name)?.ok_or_else(|| format!("no box {}", String::from_utf8_lossy(*name)))?;
    }
    Ok(found)
}

pub(super) fn array<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], String> {
    let cut = || format!("{N} bytes are missing at byte {at}");
    let found = at.checked_add(N).and_then(|end| bytes.get(at..end)).ok_or_else(cut)?;
    found.try_into().map_err(|_| cut())
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Result<u16, String> {
    Ok(u16::from_be_bytes(array(bytes, at)?))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Result<u32, String> {
    Ok(u32::from_be_bytes(array(bytes, at)?))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> Result<u64, String> {
    Ok(u64::from_be_bytes(array(bytes, at)?))
}
