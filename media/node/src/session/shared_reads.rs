//! Older media, read from the log once for all who ask for it at the same time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;
use sigma_hls::Resource;

/// A piece of media that is being read, or that somebody's answer still holds.
type Reading = tokio::sync::Mutex<Weak<[Bytes]>>;

/// What of a session has been read from the log and is still held by the answers that it is for. Nothing is kept for its
/// own sake (the page cache does that); what viewers ask for and do not take is bounded by the session's window, and not by
/// how many they are.
#[derive(Debug, Default)]
pub(crate) struct SharedReads(Mutex<HashMap<Resource, Arc<Reading>>>);

impl SharedReads {
    /// The media of `resource`, which never changes; `read` is awaited only where nobody holds it.
    ///
    /// # Errors
    /// Those of `read`. They are not remembered.
    pub(crate) async fn get<E>(
        &self,
        resource: Resource,
        read: impl Future<Output = Result<Option<Bytes>, E>>,
    ) -> Result<Option<Arc<[Bytes]>>, E> {
        let reading = self.reading(resource);
        let mut held = reading.lock().await;
        if let Some(media) = held.upgrade() {
            return Ok(Some(media));
        }
        let media = read.await?.map(|bytes| Arc::from([bytes]));
        if let Some(media) = &media {
            *held = Arc::downgrade(media);
        }
        Ok(media)
    }

    fn reading(&self, resource: Resource) -> Arc<Reading> {
        let mut readings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reading) = readings.get(&resource) {
            return Arc::clone(reading);
        }
        readings.retain(|_, reading| {
            Arc::strong_count(reading) > 1 || reading.try_lock().is_ok_and(|held| held.strong_count() > 0)
        });
        Arc::clone(
            readings.entry(resource).or_insert_with(|| Arc::new(Reading::new(Weak::<[Bytes; 0]>::new()))),
        )
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const MEDIA: Bytes = Bytes::from_static(b"media");

    #[tokio::test]
    async fn all_who_ask_at_the_same_time_hold_one_reading() {
        let (shared, reads) = (SharedReads::default(), Cell::new(0));
        let ask = || {
            shared.get(Resource::Segment(7), async {
                reads.set(reads.get() + 1);
                tokio::task::yield_now().await;
                Ok::<_, ()>(Some(MEDIA))
            })
        };
        let (one, other) = tokio::join!(ask(), ask());
        let (one, other) = (one.expect("read").expect("there"), other.expect("read").expect("there"));
        assert!(Arc::ptr_eq(&one, &other) && *one == [MEDIA]);
        assert_eq!(reads.get(), 1);
        drop((one, other));
        drop(ask().await);
        assert_eq!(reads.get(), 2, "what nobody holds is not kept");
    }

    #[tokio::test]
    async fn what_could_not_be_read_is_read_by_who_asks_next() {
        let shared = SharedReads::default();
        let init = Resource::Init(1);
        assert_eq!(shared.get(init, async { Err("the disk is away") }).await, Err("the disk is away"));
        assert_eq!(shared.get(init, async { Ok::<_, ()>(None) }).await, Ok(None));
        assert_eq!(shared.get(init, async { Ok::<_, ()>(Some(MEDIA)) }).await, Ok(Some(Arc::from([MEDIA]))));
    }

    #[tokio::test]
    async fn no_more_is_remembered_than_is_held() {
        let shared = SharedReads::default();
        let held = shared.get(Resource::Segment(0), async { Ok::<_, ()>(Some(MEDIA)) }).await;
        for msn in 1..100 {
            drop(shared.get(Resource::Segment(msn), async { Ok::<_, ()>(Some(MEDIA)) }).await);
        }
        assert!(shared.0.lock().expect("whole").len() <= 2);
        drop(held);
    }
}
