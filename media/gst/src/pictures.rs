//! The door for those who want pictures.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use sigma_elementary::VideoCodec;
use tokio::sync::{Notify, oneshot};

use crate::figures::{Counters, count};
use crate::keeper::Keeper;
use crate::protocol::{MAX_REQUEST, Order};
use crate::queue::{Job, Queue};
use crate::{
    Figures, KeyFrame, MAX_FRAMES, MAX_PREVIEW_MS, MAX_UNIT, PictureError, PicturesSettings, Tile, Width,
};

/// What sheets and previews are of: none takes another's place.
pub(crate) const EACH: &str = "";

/// Where pictures are made. Cheap to clone; the worker ends with the last clone.
#[derive(Debug, Clone)]
pub struct Pictures(Arc<Door>);

/// How things stand with the worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// The executable is there; it is started with the first request.
    Idle,
    /// It runs.
    Ready {
        /// GStreamer's own word on its version.
        gstreamer: String,
        /// What it can decode.
        decoders: Vec<VideoCodec>,
    },
    /// There are no pictures here. In words, with the mend.
    Unavailable(String),
}

/// What the handles and the thread that keeps the worker share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: PicturesSettings,
    pub(crate) counters: Counters,
    state: Mutex<State>,
    pub(crate) bell: Notify,
}

#[derive(Debug)]
struct State {
    queue: Queue,
    lookers: Vec<oneshot::Sender<Standing>>,
    standing: Standing,
    closed: bool,
}

/// What the keeper is to do next.
#[derive(Debug)]
pub(crate) enum Task {
    Make(Box<Job>),
    Look(oneshot::Sender<Standing>),
    Close,
}

/// Tells the keeper when the last handle is gone.
#[derive(Debug)]
struct Door(Arc<Shared>);

impl Drop for Door {
    fn drop(&mut self) {
        self.0.state().closed = true;
        self.0.bell.notify_one();
    }
}

impl Pictures {
    /// Starts the thread that keeps the worker. The worker itself is started when it is first needed; that it is missing is
    /// no error here.
    pub fn start(settings: PicturesSettings) -> Self {
        let state =
            State { queue: Queue::default(), lookers: Vec::new(), standing: Standing::Idle, closed: false };
        let shared = Arc::new(Shared {
            settings,
            counters: Counters::default(),
            state: Mutex::new(state),
            bell: Notify::new(),
        });
        if let Err(error) = Keeper::start(shared.clone()) {
            let words = format!("no thread could be started for them: {error}");
            let mut state = shared.state();
            state.standing = Standing::Unavailable(words);
            state.closed = true;
        }
        Self(Arc::new(Door(shared)))
    }

    /// A JPEG of a key frame, at most so wide and never wider than the frame. `of` says what it shows, within its channel:
    /// of the requests for one thing and width that wait, only the newest is made.
    ///
    /// # Errors
    /// There is no picture; why.
    pub async fn thumbnail(
        &self,
        channel: &str,
        of: &str,
        frame: KeyFrame,
        width: Width,
    ) -> Result<Bytes, PictureError> {
        self.ask(channel, of, Order::Thumbnail { frame, width }).await
    }

    /// A JPEG of key frames as tiles, row by row. The tile of a frame that cannot be decoded shows the one before it.
    ///
    /// # Errors
    /// There is no picture; why. No frame at all is [`PictureError::Broken`], as are frames of which none can be decoded.
    pub async fn sheet(
        &self,
        channel: &str,
        frames: Vec<KeyFrame>,
        tile: Tile,
    ) -> Result<Bytes, PictureError> {
        self.ask(channel, EACH, Order::Sheet { frames, tile }).await
    }

    /// An animated WebP that shows key frames one after the other and plays for ever; `length_ms`: one round of it.
    ///
    /// # Errors
    /// As [`Self::sheet`].
    pub async fn preview(
        &self,
        channel: &str,
        frames: Vec<KeyFrame>,
        width: Width,
        length_ms: u32,
    ) -> Result<Bytes, PictureError> {
        limit("the length in milliseconds", length_ms as usize, MAX_PREVIEW_MS as usize)?;
        self.ask(channel, EACH, Order::Preview { frames, width, length_ms }).await
    }

    /// How things stand, as far as is known without starting the worker.
    pub fn standing(&self) -> Standing {
        let standing = self.shared().standing();
        match (standing, missing(&self.shared().settings)) {
            (Standing::Idle, Some(words)) => Standing::Unavailable(words),
            (standing, _) => standing,
        }
    }

    /// Starts the worker where it does not run, and says how that went.
    pub async fn look(&self) -> Standing {
        let (reply, answer) = oneshot::channel();
        {
            let mut state = self.shared().state();
            if state.closed {
                return state.standing.clone();
            }
            state.lookers.push(reply);
        }
        self.shared().bell.notify_one();
        answer.await.unwrap_or_else(|_| self.standing())
    }

    /// What was made so far, and what it cost.
    pub fn figures(&self) -> Figures {
        let waiting = self.shared().state().queue.len();
        self.shared().counters.figures(waiting)
    }

    pub(crate) async fn ask(&self, channel: &str, of: &str, order: Order) -> Result<Bytes, PictureError> {
        within_limits(&order)?;
        let (reply, answer) = oneshot::channel();
        let shared = self.shared();
        let overtaken = {
            let mut state = shared.state();
            if let (true, Standing::Unavailable(words)) = (state.closed, &state.standing) {
                return Err(PictureError::Unavailable(words.clone()));
            }
            state.queue.push(Job { channel: channel.into(), of: of.into(), order, reply })
        };
        if let Some(overtaken) = overtaken {
            shared.answer(overtaken, Err(PictureError::Shed));
        }
        shared.bell.notify_one();
        answer.await.unwrap_or_else(|_| Err(PictureError::Unavailable("their keeper has ended".into())))
    }

    fn shared(&self) -> &Shared {
        &self.0.0
    }
}

impl Shared {
    /// What there is to do, if there is something.
    pub(crate) fn next(&self) -> Option<Task> {
        let mut state = self.state();
        if state.closed {
            return Some(Task::Close);
        }
        let looker = state.lookers.pop().map(Task::Look);
        looker.or_else(|| state.queue.next().map(|job| Task::Make(Box::new(job))))
    }

    pub(crate) fn stands(&self, standing: Standing) {
        self.state().standing = standing;
    }

    /// The keeper is gone: nobody waits for it any more, and nobody will.
    pub(crate) fn abandon(&self) {
        let mut state = self.state();
        state.closed = true;
        state.standing = Standing::Unavailable("their keeper has ended".into());
        state.queue = Queue::default();
        state.lookers.clear();
    }

    pub(crate) fn standing(&self) -> Standing {
        self.state().standing.clone()
    }

    /// Answers and counts.
    pub(crate) fn answer(&self, job: Job, result: Result<Bytes, PictureError>) {
        let counters = &self.counters;
        count(
            match &result {
                Ok(_) => &counters.made,
                Err(PictureError::Unavailable(_)) => &counters.unavailable,
                Err(PictureError::Shed) => &counters.shed,
                Err(PictureError::Resting) => &counters.resting,
                Err(PictureError::Broken(_) | PictureError::TooMuch { .. }) => &counters.broken,
            },
            1,
        );
        // Who asked may have left.
        let _ = job.reply.send(result);
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Words, where the executable is not there.
pub(crate) fn missing(settings: &PicturesSettings) -> Option<String> {
    let worker = &settings.worker;
    let words =
        || format!("{} is not there; `make build` puts it beside the executable of sigma", worker.display());
    (!worker.is_file()).then(words)
}

fn within_limits(order: &Order) -> Result<(), PictureError> {
    if let Order::Recode(gop) = order {
        return gop.within_limits();
    }
    let frames = order.frames();
    limit("the number of key frames", frames.len(), MAX_FRAMES)?;
    let largest = frames.iter().map(|frame| frame.data.len()).max();
    let Some(largest) = largest else { return Err(PictureError::Broken("there is none".into())) };
    limit("the largest key frame", largest, MAX_UNIT)?;
    // The records and the lengths between them take less than the difference.
    let all = frames.iter().map(|frame| frame.data.len() + frame.config.record.len() + 16).sum::<usize>();
    limit("the size of all key frames", all, MAX_REQUEST - 64)
}

pub(crate) fn limit(what: &'static str, found: usize, limit: usize) -> Result<(), PictureError> {
    if found > limit { Err(PictureError::TooMuch { what, limit }) } else { Ok(()) }
}
