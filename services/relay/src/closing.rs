//! Clients of librdkafka, and their end.

use std::ops::Deref;

/// A client. Closing it waits for librdkafka's threads: that is done on a thread of its own, and not on one that others
/// need.
pub(crate) struct ClosedAside<T: Send + 'static>(Option<T>);

impl<T: Send + 'static> ClosedAside<T> {
    pub(crate) fn new(client: T) -> Self {
        Self(Some(client))
    }
}

impl<T: Send + 'static> Deref for ClosedAside<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // Unwrap safety: it is taken when it is dropped, and not before.
        self.0.as_ref().expect("a client that is not closed")
    }
}

impl<T: Send + 'static> Drop for ClosedAside<T> {
    fn drop(&mut self) {
        if let Some(client) = self.0.take() {
            std::thread::spawn(move || drop(client));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread::{self, ThreadId};

    use super::*;

    struct Client(mpsc::Sender<ThreadId>);

    impl Drop for Client {
        fn drop(&mut self) {
            let _ = self.0.send(thread::current().id());
        }
    }

    #[test]
    fn a_client_is_closed_on_another_thread() {
        let (closed, told) = mpsc::channel();
        drop(ClosedAside::new(Client(closed)));
        assert_ne!(told.recv().expect("it is closed"), thread::current().id());
    }
}
