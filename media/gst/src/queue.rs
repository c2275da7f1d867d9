//! What waits for the worker: thumbnails before sheets, the newest of a thing in the place of its older ones.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::PictureError;
use crate::protocol::Order;

/// The most thumbnails that wait; beyond it the one that has waited longest goes.
const MAX_URGENT: usize = 64;
/// The most sheets and previews that wait; beyond it none is taken.
const MAX_PATIENT: usize = 64;
/// … and of one channel.
const MAX_PATIENT_OF_A_CHANNEL: usize = 8;
/// The most that all that waits may hold in memory, in bytes; beyond it none is taken.
const MAX_BYTES: usize = 256 * 1024 * 1024;
/// So many thumbnails in a row, then a sheet or preview has its turn.
const IN_A_ROW: u32 = 8;

/// What was asked for and who waits for it.
#[derive(Debug)]
pub(crate) struct Job {
    /// Whose media it is: it rests where that ends the worker.
    pub(crate) channel: Arc<str>,
    /// What it shows. Of thumbnails of the same thing only the newest is worth making; of sheets and previews each is.
    pub(crate) of: Arc<str>,
    pub(crate) order: Order,
    pub(crate) reply: oneshot::Sender<Result<Bytes, PictureError>>,
}

impl Job {
    fn bytes(&self) -> usize {
        self.order.bytes()
    }
}

#[derive(Debug, Default)]
pub(crate) struct Queue {
    urgent: VecDeque<Job>,
    patient: VecDeque<Job>,
    in_a_row: u32,
}

impl Queue {
    /// Takes a job, or answers the one that is not to be done for it: an older one, or this one.
    pub(crate) fn push(&mut self, job: Job) -> Option<Job> {
        let held: usize = self.urgent.iter().chain(&self.patient).map(Job::bytes).sum();
        if held + job.bytes() > MAX_BYTES {
            return Some(job);
        }
        let Order::Thumbnail { width, .. } = &job.order else {
            self.patient.retain(|waiting| !waiting.reply.is_closed());
            let of_channel = self.patient.iter().filter(|waiting| waiting.channel == job.channel).count();
            if self.patient.len() >= MAX_PATIENT || of_channel >= MAX_PATIENT_OF_A_CHANNEL {
                return Some(job);
            }
            self.patient.push_back(job);
            return None;
        };
        let same = |waiting: &&mut Job| {
            let wide = matches!(&waiting.order, Order::Thumbnail { width: other, .. } if other == width);
            wide && waiting.channel == job.channel && waiting.of == job.of
        };
        if let Some(older) = self.urgent.iter_mut().find(same) {
            return Some(std::mem::replace(older, job));
        }
        let longest = if self.urgent.len() >= MAX_URGENT { self.urgent.pop_front() } else { None };
        self.urgent.push_back(job);
        longest
    }

    /// The next job that somebody still waits for.
    pub(crate) fn next(&mut self) -> Option<Job> {
        loop {
            let turn = self.in_a_row >= IN_A_ROW && !self.patient.is_empty();
            let urgent = if turn { None } else { self.urgent.pop_front() };
            self.in_a_row = if urgent.is_some() { self.in_a_row + 1 } else { 0 };
            let job = urgent.or_else(|| self.patient.pop_front())?;
            if !job.reply.is_closed() {
                return Some(job);
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.urgent.len() + self.patient.len()
    }
}

#[cfg(test)]
mod tests {
    use sigma_elementary::{VideoCodec, VideoConfig};

    use super::*;
    use crate::{KeyFrame, Tile, Width};

    const AVC: &[u8] =
        b"\x01\x42\xc0\x1f\xff\xe1\x00\x17\x67\x42\xc0\x1f\xda\x01\x40\x16\xec\x04\x40\x00\x00\x03\x00\
        \x40\x00\x00\x0f\x03\xc6\x0c\xa8\x01\x00\x04\x68\xce\x0f\xc8";

    type Reply = oneshot::Receiver<Result<Bytes, PictureError>>;

    fn job(channel: &str, order: Order) -> (Job, Reply) {
        let (reply, answer) = oneshot::channel();
        (Job { channel: channel.into(), of: "live".into(), order, reply }, answer)
    }

    fn frame() -> KeyFrame {
        let config = VideoConfig::parse(VideoCodec::H264, Bytes::from_static(AVC)).unwrap();
        KeyFrame { config, data: Bytes::new() }
    }

    fn thumbnail(channel: &str) -> (Job, Reply) {
        job(channel, Order::Thumbnail { frame: frame(), width: Width::ALL[1] })
    }

    fn sheet(channel: &str) -> (Job, Reply) {
        job(channel, Order::Sheet { frames: vec![frame()], tile: Tile::new(160, 90, 5).unwrap() })
    }

    fn names(queue: &mut Queue) -> Vec<String> {
        std::iter::from_fn(|| queue.next()).map(|job| job.channel.to_string()).collect()
    }

    #[test]
    fn the_newest_thumbnail_of_a_thing_takes_the_place_of_the_one_that_waits() {
        let mut queue = Queue::default();
        let (first, mut first_reply) = thumbnail("a");
        let (second, _second_reply) = thumbnail("b");
        let (third, mut third_reply) = thumbnail("a");
        assert!(queue.push(first).is_none() && queue.push(second).is_none());
        let older = queue.push(third).unwrap();
        older.reply.send(Err(PictureError::Shed)).unwrap();
        assert!(first_reply.try_recv().is_ok() && third_reply.try_recv().is_err());
        assert_eq!(names(&mut queue), ["a", "b"]);
    }

    #[test]
    fn pictures_of_several_recordings_of_a_channel_wait_beside_each_other() {
        let mut queue = Queue::default();
        let of = |of: &str| {
            let (job, reply) = thumbnail("a");
            (Job { of: of.into(), ..job }, reply)
        };
        let (jobs, _replies): (Vec<_>, Vec<_>) = ["first", "second", "first"].map(of).into_iter().unzip();
        let overtaken: Vec<_> = jobs.into_iter().filter_map(|job| queue.push(job)).collect();
        assert_eq!(overtaken.iter().map(|job| &*job.of).collect::<Vec<_>>(), ["first"]);
        assert_eq!(queue.len(), 2);
    }

    #[test]
    fn another_width_is_another_picture() {
        let mut queue = Queue::default();
        let (narrow, _narrow) = thumbnail("a");
        let (wide, _wide) = job("a", Order::Thumbnail { frame: frame(), width: Width::ALL[2] });
        assert!(queue.push(narrow).is_none() && queue.push(wide).is_none());
        assert_eq!(queue.len(), 2);
    }

    #[test]
    fn where_too_many_channels_wait_the_oldest_picture_goes() {
        let mut queue = Queue::default();
        let jobs = (0..=MAX_URGENT).map(|number| thumbnail(&number.to_string()));
        let (jobs, replies): (Vec<_>, Vec<_>) = jobs.unzip();
        let gone: Vec<Job> = jobs.into_iter().filter_map(|job| queue.push(job)).collect();
        assert_eq!(gone.iter().map(|job| &*job.channel).collect::<Vec<_>>(), ["0"]);
        assert_eq!((queue.len(), replies.len()), (MAX_URGENT, MAX_URGENT + 1));
    }

    #[test]
    fn sheets_wait_for_thumbnails_but_not_for_ever() {
        let mut queue = Queue::default();
        let mut replies = Vec::new();
        let mut push = |(job, reply): (Job, Reply)| {
            replies.push(reply);
            assert!(queue.push(job).is_none());
        };
        push(sheet("sheet"));
        (0..IN_A_ROW + 2).for_each(|number| push(thumbnail(&number.to_string())));
        let order = names(&mut queue);
        assert_eq!(order.iter().position(|name| name == "sheet"), Some(IN_A_ROW as usize));
        assert_eq!(order.len(), IN_A_ROW as usize + 3);
    }

    #[test]
    fn one_channel_does_not_take_all_places_of_sheets() {
        let mut queue = Queue::default();
        let jobs = (0..MAX_PATIENT_OF_A_CHANNEL + 1).map(|_| sheet("a"));
        let (jobs, _replies): (Vec<_>, Vec<_>) = jobs.unzip();
        assert_eq!(jobs.into_iter().filter_map(|job| queue.push(job)).count(), 1);
        let (other, _other) = sheet("b");
        assert!(queue.push(other).is_none());
    }

    #[test]
    fn what_nobody_waits_for_any_more_is_not_made() {
        let mut queue = Queue::default();
        let (gone, reply) = thumbnail("gone");
        let (there, _there) = thumbnail("there");
        assert!(queue.push(gone).is_none() && queue.push(there).is_none());
        drop(reply);
        assert_eq!(names(&mut queue), ["there"]);
    }

    #[test]
    fn what_waits_holds_so_much_memory_and_no_more() {
        let mut queue = Queue::default();
        let large = KeyFrame { data: vec![0; 16 << 20].into(), ..frame() };
        let mut replies = Vec::new();
        let mut push = |channel: &str| {
            let (job, reply) = job(channel, Order::Thumbnail { frame: large.clone(), width: Width::ALL[0] });
            replies.push(reply);
            queue.push(job).map(|refused| refused.channel.to_string())
        };
        assert!((0..16).all(|number| push(&number.to_string()).is_none()));
        assert_eq!(push("16"), Some("16".into()));
        queue.next();
        let (small, _small) = thumbnail("16");
        assert!(queue.push(small).is_none());
    }
}
