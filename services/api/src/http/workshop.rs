//! Where GraphQL runs: threads of its own, so that the operating system shares the processor between it and the media
//! plane, however long one request computes without a pause; and a bounded number of requests at once.

use std::future::Future;
use std::sync::Arc;
use std::thread::available_parallelism;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::AbortOnDropHandle;
use tracing::{Instrument, warn};

/// Bytes of a thread's stack: queries are parsed, checked and run by recursion.
const STACK: usize = 4 * 1024 * 1024;

/// Threads of their own for GraphQL.
pub(crate) struct Workshop {
    runtime: Option<Runtime>,
    room: Arc<Semaphore>,
}

impl Workshop {
    /// Half of the machine's processors work here, and `executions` requests run at once.
    pub(crate) fn new(executions: usize) -> Self {
        let threads = available_parallelism().map_or(1, |all| all.get().div_ceil(2));
        let built = Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("graphql")
            .thread_stack_size(STACK)
            .enable_all()
            .build();
        let runtime = built
            .inspect_err(|error| warn!(%error, "no threads for GraphQL; it runs on those of everything else"))
            .ok();
        Self { runtime, room: Arc::new(Semaphore::new(executions.max(1))) }
    }

    /// Runs one request once there is room, to its end; no longer than who waits for it does.
    pub(crate) async fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        let room = self.room().await;
        let work = async move {
            let _room = room;
            work.await
        };
        match self.start(work).await {
            Ok(done) => done,
            // Nobody ends it but who waits for it, so it panicked; the net under all requests catches it.
            Err(ended) => match ended.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => std::future::pending().await,
            },
        }
    }

    /// A turn among the requests that run at once; given back when dropped.
    pub(crate) async fn room(&self) -> OwnedSemaphorePermit {
        // Unwrap safety: the semaphore is never closed.
        Arc::clone(&self.room).acquire_owned().await.expect("an open semaphore")
    }

    /// Starts something that lasts; it ends when the handle is dropped. Bounded by who starts it.
    pub(crate) fn start<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> AbortOnDropHandle<T> {
        let work = work.in_current_span();
        AbortOnDropHandle::new(match &self.runtime {
            Some(runtime) => runtime.spawn(work),
            None => tokio::spawn(work),
        })
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        // Waiting for threads is not allowed where this may be dropped: inside another runtime.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn what_computes_without_a_pause_holds_up_nobody_outside() {
        let workshop = Arc::new(Workshop::new(4));
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let busy = Arc::clone(&workshop);
        let busy = tokio::spawn(async move { busy.run(async move { stopped.recv().is_err() }).await });
        tokio::task::yield_now().await;
        // This test's only thread goes on.
        sigma_clock::timeout(Duration::from_secs(5), tokio::task::yield_now()).await.expect("a turn");
        drop(stop);
        assert!(busy.await.expect("ended"));
    }

    #[tokio::test]
    async fn no_more_run_at_once_than_there_is_room_for() {
        let workshop = Arc::new(Workshop::new(1));
        let (free, held) = tokio::sync::oneshot::channel::<()>();
        let first = Arc::clone(&workshop);
        let first = tokio::spawn(async move { first.run(async move { held.await.is_ok() }).await });
        while workshop.room.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let second = sigma_clock::timeout(Duration::from_millis(50), workshop.run(async { 2 })).await;
        assert!(second.is_err());
        free.send(()).expect("still held");
        assert!(first.await.expect("ended"));
        assert_eq!(workshop.run(async { 2 }).await, 2);
    }

    #[tokio::test]
    async fn who_stops_waiting_gives_his_room_back() {
        let workshop = Workshop::new(1);
        let waited =
            sigma_clock::timeout(Duration::from_millis(20), workshop.run(std::future::pending::<()>())).await;
        assert!(waited.is_err());
        let next = sigma_clock::timeout(Duration::from_secs(5), workshop.run(async { 1 })).await;
        assert_eq!(next, Ok(1));
    }

    #[tokio::test]
    async fn a_panic_reaches_who_waits() {
        let workshop = Arc::new(Workshop::new(1));
        let inside = Arc::clone(&workshop);
        let ended = tokio::spawn(async move { inside.run(async { panic!("a fault") }).await });
        assert!(ended.await.expect_err("a panic").is_panic());
        assert_eq!(workshop.run(async { 1 }).await, 1);
    }
}
