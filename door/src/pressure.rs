//! What a process lacks at the moment, told to its doors: beyond it nobody new is let in, and who is in goes on.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::descriptors::Descriptors;

/// Written by who measures, read by the doors. Cheap to ask.
#[derive(Debug, Default)]
pub struct Pressure {
    memory: AtomicBool,
    bandwidth: AtomicBool,
    descriptors: Descriptors,
}

impl Pressure {
    /// Whether the memory that newcomers would need is gone.
    pub fn memory(&self) -> bool {
        self.memory.load(Ordering::Relaxed)
    }

    /// Whether as much goes out as may.
    pub fn bandwidth(&self) -> bool {
        self.bandwidth.load(Ordering::Relaxed)
    }

    /// The file descriptors that connections leave to the disk.
    pub fn descriptors(&self) -> &Descriptors {
        &self.descriptors
    }

    /// Answers whether that is news.
    pub fn set_memory(&self, lacking: bool) -> bool {
        self.memory.swap(lacking, Ordering::Relaxed) != lacking
    }

    /// Answers whether that is news.
    pub fn set_bandwidth(&self, lacking: bool) -> bool {
        self.bandwidth.swap(lacking, Ordering::Relaxed) != lacking
    }
}
