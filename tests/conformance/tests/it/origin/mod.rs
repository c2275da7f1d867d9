//! A small origin that keeps every rule, over real HTTP in real time, and breaks one rule where it is told to.
//!
//! Two renditions: parts of side A are files of their own, those of side B byte ranges of their segments. Over some
//! twenty seconds it is followed for, its feed is lost and comes back, its format changes, and it ends. All of side A is there
//! as a recording too.

mod answers;
mod boxes;
mod recorded;
mod script;
mod server;
mod text;

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;

use bytes::Bytes;
use script::{Item, PART, Script};

pub(crate) use server::{Door, serve};

/// One of the two renditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Side {
    A,
    B,
}

impl Side {
    fn name(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }

    fn size(self, format: usize) -> (u16, u16) {
        let times = 1 + u16::try_from(format).expect("small");
        match self {
            Self::A => (640 * times, 360 * times),
            Self::B => (320 * times, 180 * times),
        }
    }
}

/// The origin.
#[derive(Debug)]
pub(crate) struct Origin {
    script: Script,
    broken: u8,
    made: Mutex<HashMap<(Side, u64, usize), Bytes>>,
    /// How often the recording's playlist was asked for.
    asked: AtomicUsize,
}

impl Origin {
    /// An origin that breaks one rule, or none (0); from 101 on, the rule of a hundred less in a second way.
    pub(crate) fn new(broken: u8) -> Self {
        Self { script: Script::new(broken), broken, made: Mutex::default(), asked: AtomicUsize::new(0) }
    }

    fn breaks(&self, rule: u8) -> bool {
        self.broken == rule
    }

    /// Where there are parts, a segment that is late has late parts, or is too long: the variant that breaks rule 12
    /// alone is a playlist without parts.
    fn has_parts(&self) -> bool {
        !self.breaks(12) && !self.breaks(112)
    }

    fn part_target(&self) -> u64 {
        PART
    }

    fn part_bytes(&self, side: Side, item: &Item, index: usize) -> Bytes {
        if item.gap {
            return Bytes::new();
        }
        let mut made = self.made.lock().expect("nobody panicked");
        let make = || {
            let before: u64 = item.parts[..index].iter().map(|part| part.ms).sum();
            let shift = if self.breaks(39) && side == Side::B { 1_000 } else { 0 };
            let bytes = if side == Side::A { 1_200 } else { 400 };
            let decode_time = item.decode_time + before + shift;
            Bytes::from(boxes::part(decode_time, item.parts[index].ms, bytes, index == 0))
        };
        made.entry((side, item.msn, index)).or_insert_with(make).clone()
    }

    fn segment(&self, side: Side, item: &Item) -> Bytes {
        let parts: Vec<Bytes> = (0..item.parts.len()).map(|part| self.part_bytes(side, item, part)).collect();
        Bytes::from(parts.concat())
    }

    fn segment_bytes(&self, side: Side) -> usize {
        self.segment(side, &self.script.items[0]).len()
    }
}
