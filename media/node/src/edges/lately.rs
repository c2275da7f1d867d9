//! Edges that were made lately: who cuts again, for his request was given up or he moved one end only, has them at once.

use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lru::LruCache;
use sigma_clock::{Instant, monotonic};
use sigma_hls::recording::{Block, Edge, Stretch};

/// How long they are taken again: far shorter than the sweeper leaves alone what nobody names.
const TAKEN: Duration = Duration::from_secs(60);
/// Parts of blocks whose edges are remembered.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(256).unwrap();

/// A part of a block of a session.
type Part = (String, Block, Stretch);

/// What was made lately.
#[derive(Debug)]
pub(crate) struct Lately(Mutex<LruCache<Part, (Instant, Vec<Edge>)>>);

impl Default for Lately {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(REMEMBERED)))
    }
}

impl Lately {
    pub(super) fn find(&self, session: &str, block: &Block, keep: &Stretch) -> Option<Vec<Edge>> {
        let part = (session.to_owned(), block.clone(), *keep);
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        made.get(&part).filter(|(at, _)| at.elapsed() < TAKEN).map(|(_, edges)| edges.clone())
    }

    pub(super) fn note(&self, session: &str, block: &Block, keep: &Stretch, edges: &[Edge]) {
        let part = (session.to_owned(), block.clone(), *keep);
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        made.put(part, (monotonic(), edges.to_vec()));
    }
}

#[cfg(test)]
mod tests {
    use sigma_hls::Span;
    use sigma_hls::recording::{EdgeInit, EdgeName};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn edges_are_taken_again_for_a_minute_and_for_the_same_part_alone() {
        let block =
            Block { first: 3, last: 3, after: None, init: 0, from: 9, to: 99, independent: true, len: 5 };
        let (keep, lately) = (Stretch { from: 20, to: 99 }, Lately::default());
        let span = Span { from_us: 222, to_us: 1_100 };
        let edge = Edge { name: EdgeName(1), span, of: span, len: 5, crc32: 0, init: EdgeInit::Session(0) };
        lately.note("se_1", &block, &keep, std::slice::from_ref(&edge));
        assert_eq!(lately.find("se_1", &block, &keep), Some(vec![edge]));
        assert_eq!(lately.find("se_2", &block, &keep), None);
        assert_eq!(lately.find("se_1", &block, &Stretch { from: 21, to: 99 }), None);
        let longer = Block { after: Some(4), ..block.clone() };
        assert_eq!(lately.find("se_1", &longer, &keep), None, "more sound is there now");
        sigma_clock::sleep(TAKEN).await;
        assert_eq!(lately.find("se_1", &block, &keep), None);
    }
}
