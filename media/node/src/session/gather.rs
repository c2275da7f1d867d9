//! A part's slices, put together in a few blocks.

use bytes::Bytes;

/// Large enough that a segment goes out in a handful of pieces, small enough that the allocator reuses what older parts
/// leave instead of asking the kernel.
const BLOCK: usize = 64 * 1024;

/// The same bytes in blocks. A part comes as some forty slices, of which most are a sound's few hundred bytes: each of them
/// would be looked at by the kernel when it is written to the log and once more for each viewer, and would keep the block
/// that it was read into.
pub(super) fn gather(slices: &[Bytes]) -> Vec<Bytes> {
    let mut left: usize = slices.iter().map(Bytes::len).sum();
    let mut blocks = Vec::with_capacity(left.div_ceil(BLOCK));
    let mut block = Vec::with_capacity(left.min(BLOCK));
    for slice in slices {
        let mut rest = &slice[..];
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(BLOCK - block.len()));
            block.extend_from_slice(now);
            rest = later;
            if block.len() == BLOCK {
                left -= BLOCK;
                let next = Vec::with_capacity(left.min(BLOCK));
                blocks.push(Bytes::from(std::mem::replace(&mut block, next)));
            }
        }
    }
    if !block.is_empty() {
        blocks.push(Bytes::from(block));
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_bytes_stand_in_order_in_blocks_of_one_size() {
        for lengths in [&[][..], &[0], &[1, 0, 2], &[BLOCK], &[BLOCK - 1, 1, 1], &[7, 3 * BLOCK, 400, 90]] {
            let slices: Vec<Bytes> = lengths
                .iter()
                .enumerate()
                .map(|(number, length)| (0..*length).map(|at| (at + number) as u8).collect())
                .collect();
            let blocks = gather(&slices);
            assert_eq!(blocks.concat(), slices.concat(), "{lengths:?}");
            if let Some((last, whole)) = blocks.split_last() {
                assert!(whole.iter().all(|block| block.len() == BLOCK));
                assert!((1..=BLOCK).contains(&last.len()));
            }
        }
    }
}
