//! Pictures that were made lately. All who ask for one while it is made wait for the same.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use lru::LruCache;
use sigma_clock::{Instant, monotonic};

use super::respond::Problem;

/// Bytes of all pictures that are kept; beyond, those go that nobody has asked for the longest.
const KEPT_BYTES: usize = 64 << 20;
/// … and names of pictures, made or not.
const KEPT_NAMES: usize = 8_192;
/// Who asks for what could not be made within this time gets the same answer: who asks often makes nobody work more.
const REFUSED_FOR: Duration = Duration::from_secs(2);

/// A picture, or another file made of media.
#[derive(Clone, Debug)]
pub(super) struct Picture {
    pub(super) file: Bytes,
    /// What it is of, where that goes on under one name: the number of a segment.
    pub(super) of: u64,
    pub(super) made: Instant,
}

/// Where pictures are kept, by name.
#[derive(Debug)]
pub(super) struct Shelf(Mutex<Places>);

#[derive(Debug)]
struct Places {
    by_name: LruCache<String, Arc<Place>>,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Place {
    held: tokio::sync::Mutex<Held>,
    /// What it takes of the shelf.
    bytes: AtomicUsize,
}

#[derive(Debug, Default)]
struct Held {
    picture: Option<Picture>,
    refused: Option<(Instant, Problem)>,
}

impl Default for Shelf {
    fn default() -> Self {
        Self(Mutex::new(Places { by_name: LruCache::unbounded(), bytes: 0 }))
    }
}

impl Shelf {
    /// The picture of this name, made of `of` where the one that is there is not `fresh`. Where none can be made, the last one
    /// is better than none.
    ///
    /// # Errors
    /// There is none, and none can be made.
    pub(super) async fn picture(
        &self,
        name: &str,
        of: u64,
        fresh: impl FnOnce(&Picture) -> bool,
        make: impl Future<Output = Result<Bytes, Problem>>,
    ) -> Result<Picture, Problem> {
        let place = self.place(name);
        let mut held = place.held.lock().await;
        if let Some(picture) = held.picture.as_ref().filter(|picture| fresh(picture)) {
            return Ok(picture.clone());
        }
        let refused = held.refused.as_ref().filter(|(at, _)| at.elapsed() < REFUSED_FOR);
        let made = match refused {
            Some((_, problem)) => Err(problem.clone()),
            None => make.await.inspect_err(|problem| held.refused = Some((monotonic(), problem.clone()))),
        };
        match made {
            Ok(file) => {
                let picture = Picture { file, of, made: monotonic() };
                *held = Held { picture: Some(picture.clone()), refused: None };
                self.lock().put(name, &place, picture.file.len());
                Ok(picture)
            }
            Err(problem) => held.picture.clone().ok_or(problem),
        }
    }

    fn place(&self, name: &str) -> Arc<Place> {
        let mut places = self.lock();
        let place = Arc::clone(places.by_name.get_or_insert_ref(name, Arc::default));
        while places.by_name.len() > KEPT_NAMES {
            places.pop();
        }
        place
    }

    fn lock(&self) -> MutexGuard<'_, Places> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Places {
    /// A place holds so many bytes from now on, unless it has lost its name meanwhile.
    fn put(&mut self, name: &str, place: &Arc<Place>, bytes: usize) {
        if !self.by_name.peek(name).is_some_and(|known| Arc::ptr_eq(known, place)) {
            return;
        }
        self.bytes += bytes;
        self.bytes -= place.bytes.swap(bytes, Ordering::Relaxed);
        while self.bytes > KEPT_BYTES && self.by_name.len() > 1 {
            self.pop();
        }
    }

    fn pop(&mut self) {
        if let Some((_, place)) = self.by_name.pop_lru() {
            self.bytes -= place.bytes.load(Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::super::unavailable;
    use super::*;

    async fn put(shelf: &Shelf, name: &str, bytes: usize) {
        let file = Bytes::from(vec![0; bytes]);
        shelf.picture(name, 0, |_| false, ready(Ok(file))).await.expect("a picture");
    }

    async fn is_there(shelf: &Shelf, name: &str) -> bool {
        shelf.picture(name, 0, |_| true, ready(Err(unavailable()))).await.is_ok()
    }

    #[tokio::test]
    async fn so_many_bytes_are_kept_and_no_more() {
        let shelf = Shelf::default();
        for name in ["a", "b", "c"] {
            put(&shelf, name, KEPT_BYTES / 3).await;
        }
        assert!(is_there(&shelf, "a").await, "it is asked for again");
        put(&shelf, "d", KEPT_BYTES / 3).await;
        assert!(is_there(&shelf, "a").await && !is_there(&shelf, "b").await);
        // The same under the same name takes no more room.
        put(&shelf, "d", KEPT_BYTES / 3).await;
        assert!(is_there(&shelf, "c").await);
        assert!(shelf.lock().bytes <= KEPT_BYTES);
    }

    #[tokio::test]
    async fn names_are_not_kept_for_ever() {
        let shelf = Shelf::default();
        for number in 0..=KEPT_NAMES {
            let name = number.to_string();
            let refused = shelf.picture(&name, 0, |_| true, ready(Err(unavailable())));
            assert!(refused.await.is_err());
        }
        assert_eq!(shelf.lock().by_name.len(), KEPT_NAMES);
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_made_is_not_tried_for_each_who_asks() {
        let shelf = Shelf::default();
        let tried = AtomicUsize::new(0);
        let ask = || {
            let make = async {
                tried.fetch_add(1, Ordering::Relaxed);
                Err(unavailable())
            };
            shelf.picture("a", 0, |_| true, make)
        };
        assert!(ask().await.is_err() && ask().await.is_err());
        assert_eq!(tried.load(Ordering::Relaxed), 1);
        sigma_clock::sleep(REFUSED_FOR).await;
        assert!(ask().await.is_err());
        assert_eq!(tried.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn an_older_picture_is_shown_where_no_newer_can_be_made() {
        let shelf = Shelf::default();
        put(&shelf, "a", 1).await;
        let shown = shelf.picture("a", 7, |_| false, ready(Err(unavailable()))).await.expect("a picture");
        assert_eq!(shown.of, 0);
    }

    #[tokio::test]
    async fn many_who_ask_at_once_wait_for_one_picture() {
        let shelf = Shelf::default();
        let made = AtomicUsize::new(0);
        let ask = || {
            let make = async {
                tokio::task::yield_now().await;
                made.fetch_add(1, Ordering::Relaxed);
                Ok(Bytes::from_static(b"picture"))
            };
            shelf.picture("a", 1, |picture| picture.of == 1, make)
        };
        let (one, other) = tokio::join!(ask(), ask());
        assert!(one.is_ok() && other.is_ok());
        assert_eq!(made.load(Ordering::Relaxed), 1);
    }
}
