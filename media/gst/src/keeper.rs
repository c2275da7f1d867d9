//! The thread that keeps the worker: starts it, hands it one request after the other, starts it again when it falls.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use sigma_clock::{Backoff, Instant, monotonic};
use tokio::sync::oneshot;

use crate::PictureError;
use crate::figures::count;
use crate::pictures::{Shared, Standing, Task, missing};
use crate::process::{Loss, Worker};
use crate::protocol::{Answer, encode_request};
use crate::queue::Job;
use crate::rests::Rests;

/// The first wait before the worker is started again, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How often a request is given to a worker before it is blamed for the worker's end.
const TRIES: u32 = 2;
pub(crate) struct Keeper {
    shared: Arc<Shared>,
    worker: Option<Worker>,
    pause: Backoff,
    /// Before this moment the worker is not started again.
    earliest: Option<Instant>,
    /// Why it did not start when last tried.
    failure: Option<String>,
    rests: Rests,
    requests: u64,
}

/// However it ends: a fault of ours too leaves nobody waiting.
impl Drop for Keeper {
    fn drop(&mut self) {
        self.shared.abandon();
    }
}

impl Keeper {
    /// On a thread of its own, for two reasons: the worker dies with the thread that spawned it, and a runtime's threads come
    /// and go; and what waits here waits for nobody else's work.
    pub(crate) fn start(shared: Arc<Shared>) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let keeper = Self {
            shared,
            worker: None,
            pause: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE),
            earliest: None,
            failure: None,
            rests: Rests::default(),
            requests: 0,
        };
        std::thread::Builder::new()
            .name("pictures".into())
            .spawn(move || runtime.block_on(keeper.run()))
            .map(|_| ())
    }

    async fn run(mut self) {
        loop {
            match self.shared.next() {
                Some(Task::Make(job)) => self.make(*job).await,
                Some(Task::Look(reply)) => self.look(reply).await,
                Some(Task::Close) => break,
                None => self.rest().await,
            }
        }
        if let Some(worker) = self.worker.take() {
            let shared = self.shared.clone();
            worker.end(&Loss::Gone, || shared.counters.processor.ends()).await;
        }
    }

    /// Waits for work, with an eye on the worker.
    async fn rest(&mut self) {
        let fallen = match &mut self.worker {
            None => {
                self.shared.bell.notified().await;
                None
            }
            Some(worker) => tokio::select! {
                () = self.shared.bell.notified() => None,
                loss = worker.falls() => Some(loss),
            },
        };
        if let Some(loss) = fallen {
            self.lose(loss).await;
        }
    }

    async fn look(&mut self, reply: oneshot::Sender<Standing>) {
        let standing = match self.start_if_needed().await {
            Ok(()) => self.shared.standing(),
            Err(words) => Standing::Unavailable(words),
        };
        // Who asked may have left.
        let _ = reply.send(standing);
    }

    async fn make(&mut self, job: Job) {
        if self.rests.rests(&job.channel, monotonic()) {
            return self.shared.answer(job, Err(PictureError::Resting));
        }
        self.requests += 1;
        let id = self.requests;
        let request = encode_request(id, &job.order);
        let settings = &self.shared.settings;
        let (limit, slow) = (settings.limit_of(&job.order), settings.slow_of(&job.order));
        let mut ended = String::new();
        for _ in 0..TRIES {
            if let Err(words) = self.start_if_needed().await {
                return self.shared.answer(job, Err(PictureError::Unavailable(words)));
            }
            let Some(worker) = &mut self.worker else { continue };
            // By the worker's own time: where the machine is busy, a channel is not blamed for it.
            let begun = self.shared.counters.processor.read().0;
            let loss = match worker.ask(id, &request, limit).await {
                Ok(answer) => {
                    let took = self.shared.counters.processor.read().0.saturating_sub(begun);
                    return self.answered(job, answer, took >= slow);
                }
                Err(loss) => loss,
            };
            ended = self.lose(loss).await;
            if job.reply.is_closed() {
                return;
            }
        }
        tracing::warn!(channel.id = %job.channel, error = ended, "a channel's pictures rest: they ended the media worker");
        self.rests.strike(&job.channel, monotonic());
        self.shared.answer(job, Err(PictureError::Broken(format!("it ended the worker process: {ended}"))));
    }

    /// `slow`: it took so long that the others' pictures waited for it. Then the channel rests, as one whose media ends the
    /// worker does.
    fn answered(&mut self, job: Job, answer: Answer, slow: bool) {
        self.pause.reset();
        if slow {
            tracing::warn!(channel.id = %job.channel, "a channel's pictures rest: they take too long");
            self.rests.strike(&job.channel, monotonic());
        } else {
            self.rests.forget(&job.channel);
        }
        let result = match answer {
            Answer::Done { broken, picture, .. } => {
                count(&self.shared.counters.broken_frames, broken.into());
                Ok(picture)
            }
            Answer::Refused { why, .. } => Err(PictureError::Broken(why)),
            Answer::Hello(_) => Err(PictureError::Broken("the worker greets where it should answer".into())),
        };
        self.shared.answer(job, result);
    }

    /// Sees to it that the worker runs. The error: why it does not, in words.
    async fn start_if_needed(&mut self) -> Result<(), String> {
        if self.worker.is_some() {
            return Ok(());
        }
        if let Some(words) = missing(&self.shared.settings) {
            self.shared.stands(Standing::Unavailable(words.clone()));
            return Err(words);
        }
        if let Some(earliest) = self.earliest {
            match &self.failure {
                Some(words) if monotonic() < earliest => return Err(words.clone()),
                _ => sigma_clock::sleep_until(earliest).await,
            }
        }
        match self.begin().await {
            Ok(()) => {
                self.failure = None;
                Ok(())
            }
            Err(words) => {
                tracing::warn!(error = words, "the media worker does not start: there are no pictures");
                self.earliest = Some(monotonic() + self.pause.step());
                self.failure = Some(words.clone());
                self.shared.stands(Standing::Unavailable(words.clone()));
                Err(words)
            }
        }
    }

    async fn begin(&mut self) -> Result<(), String> {
        let settings = &self.shared.settings;
        let path = settings.worker.display();
        let mut worker =
            Worker::spawn(settings).map_err(|error| format!("{path} does not start: {error}"))?;
        let processor = &self.shared.counters.processor;
        if let Some(id) = worker.id() {
            processor.begins(id);
        }
        count(&self.shared.counters.starts, 1);
        match worker.hello(settings.start_limit).await {
            Ok(hello) => {
                tracing::info!(gstreamer = hello.gstreamer, decoders = ?hello.decoders, "the media worker runs");
                let (gstreamer, decoders) = (hello.gstreamer, hello.decoders);
                self.shared.stands(Standing::Ready { gstreamer, decoders });
                self.worker = Some(worker);
                Ok(())
            }
            Err(loss) => {
                let end = worker.end(&loss, || processor.ends()).await;
                Err(format!("{path} does not start: {end}"))
            }
        }
    }

    /// The worker is of no use any more: it is put away, and what ended it is answered.
    async fn lose(&mut self, loss: Loss) -> String {
        let Some(worker) = self.worker.take() else { return String::new() };
        let end = worker.end(&loss, || self.shared.counters.processor.ends()).await;
        count(&self.shared.counters.losses, 1);
        self.earliest = Some(monotonic() + self.pause.step());
        self.shared.stands(Standing::Idle);
        tracing::warn!(error = end, "the media worker is lost and is started again");
        end
    }
}
