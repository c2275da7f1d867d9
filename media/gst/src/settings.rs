//! Where the worker is and what it may take.

use std::path::PathBuf;
use std::time::Duration;

use crate::protocol::Order;

/// The executable's name.
pub const WORKER: &str = "sigma-media-worker";
/// The least memory that a worker can do its work in, in bytes.
pub const MIN_MEMORY: u64 = 128 * 1024 * 1024;

/// Pictures that are decoded in a row and coded anew take this part each of what a key frame may take by itself.
const IN_A_ROW: u32 = 5;

/// So many pictures that are coded anew may take the processor time of one slow picture.
const RECODED: u32 = 20;

/// How pictures are made.
#[derive(Debug, Clone)]
pub struct PicturesSettings {
    /// The executable.
    pub worker: PathBuf,
    /// How long one picture may take before the worker is taken for stuck and killed.
    pub limit: Duration,
    /// What each further key frame of a request adds to that.
    pub limit_per_frame: Duration,
    /// Processor time of a picture that keeps the worker from the others: a hundred times what one takes. Its channel rests.
    pub slow: Duration,
    /// How long the worker may take to start. Its first start on a machine looks through all of GStreamer's plugins.
    pub start_limit: Duration,
    /// How much memory the worker may write to, in bytes: what would take more fails.
    pub memory: u64,
    /// The worker's niceness, 0 to 19: where the processor is short, pictures wait and the live path does not.
    pub niceness: u8,
    /// Where GStreamer keeps what it knows of its plugins. None: in the user's cache folder.
    pub registry: Option<PathBuf>,
}

impl Default for PicturesSettings {
    /// With the executable beside the one that runs.
    fn default() -> Self {
        let here = std::env::current_exe().unwrap_or_default();
        Self {
            worker: here.with_file_name(WORKER),
            limit: Duration::from_secs(10),
            limit_per_frame: Duration::from_secs(1),
            slow: Duration::from_secs(2),
            start_limit: Duration::from_secs(60),
            memory: 512 * 1024 * 1024,
            niceness: 10,
            registry: None,
        }
    }
}

impl PicturesSettings {
    /// Processor time of this that keeps the worker from the others.
    pub(crate) fn slow_of(&self, order: &Order) -> Duration {
        match order {
            Order::Recode(gop) => {
                let pictures = u32::try_from(gop.pictures.len()).unwrap_or(u32::MAX);
                self.slow.saturating_add(self.slow.saturating_mul(pictures) / RECODED)
            }
            _ => self.slow,
        }
    }

    /// How long this may take.
    pub(crate) fn limit_of(&self, order: &Order) -> Duration {
        let count = |frames: usize| u32::try_from(frames).unwrap_or(u32::MAX);
        let further = match order {
            Order::Recode(gop) => self.limit_per_frame.saturating_mul(count(gop.pictures.len())) / IN_A_ROW,
            order => self.limit_per_frame.saturating_mul(count(order.frames().len()).saturating_sub(1)),
        };
        self.limit.saturating_add(further)
    }
}
