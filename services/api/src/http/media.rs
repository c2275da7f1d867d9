//! Viewers' answers: bodies that lie in many slices and go out in as few writes as the kernel takes.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::IoSlice;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use futures_util::Stream;
use http_body::{Body, Frame, SizeHint};

/// An answer goes out in pieces of at most so many bytes, so that it is known how much a slow client has taken.
pub(crate) const PIECE_BYTES: usize = 256 * 1024;

/// A body of slices. As a buffer it is a frame of many: written one by one they would be as many frames, of which hyper
/// gathers no more than a head's worth before it writes.
#[derive(Clone, Debug, Default)]
pub struct Slices {
    runs: VecDeque<Arc<[Bytes]>>,
    /// The next slice of the first run, and how much of it is gone.
    next: usize,
    gone: usize,
    left: usize,
}

impl Slices {
    /// All of `runs`, in order.
    pub fn new(runs: VecDeque<Arc<[Bytes]>>) -> Self {
        let left = runs.iter().flat_map(|run| run.iter()).map(Bytes::len).sum();
        Self { runs, next: 0, gone: 0, left }
    }

    /// A text of one slice.
    pub fn text(text: String) -> Self {
        Self::new([[Bytes::from(text)].into()].into())
    }

    /// What is left of the slices, in order.
    fn slices(&self) -> impl Iterator<Item = &[u8]> {
        let all = self.runs.iter().flat_map(|run| run.iter()).skip(self.next);
        let mut left = self.left;
        let rest = all.enumerate().map(move |(index, slice)| {
            let slice = &slice[if index == 0 { self.gone } else { 0 }..];
            let slice = &slice[..slice.len().min(left)];
            left -= slice.len();
            slice
        });
        rest.filter(|slice| !slice.is_empty())
    }

    /// What goes out next, at once.
    pub(crate) fn next_piece(&mut self) -> Option<Self> {
        let piece = self.split_front(PIECE_BYTES);
        piece.has_remaining().then_some(piece)
    }

    /// The first `count` bytes, or all where there are no more.
    fn split_front(&mut self, count: usize) -> Self {
        if count >= self.left {
            return std::mem::take(self);
        }
        let front = Self { left: count, ..self.clone() };
        self.advance(count);
        front
    }
}

impl Buf for Slices {
    fn remaining(&self) -> usize {
        self.left
    }

    fn chunk(&self) -> &[u8] {
        self.slices().next().unwrap_or_default()
    }

    fn chunks_vectored<'a>(&'a self, places: &mut [IoSlice<'a>]) -> usize {
        let mut filled = 0;
        for (place, slice) in places.iter_mut().zip(self.slices()) {
            *place = IoSlice::new(slice);
            filled += 1;
        }
        filled
    }

    fn advance(&mut self, count: usize) {
        assert!(count <= self.left, "no more than there is can be written");
        self.left -= count;
        let mut count = count + self.gone;
        self.gone = 0;
        while let Some(run) = self.runs.front() {
            match run.get(self.next) {
                Some(slice) if slice.len() > count => {
                    self.gone = count;
                    return;
                }
                Some(slice) => {
                    count -= slice.len();
                    self.next += 1;
                }
                None => {
                    self.runs.pop_front();
                    self.next = 0;
                }
            }
        }
    }
}

/// A body of the media plane.
#[derive(Debug)]
pub enum FromMedia {
    /// All of it is there.
    Slices(Slices),
    /// It comes as it is read.
    Streamed(axum::body::Body),
}

impl FromMedia {
    /// A body that is read piece by piece, no faster than it goes out. An error ends the connection, so that nobody takes
    /// what he has for the whole.
    pub fn streamed(pieces: impl Stream<Item = std::io::Result<Bytes>> + Send + 'static) -> Self {
        Self::Streamed(axum::body::Body::from_stream(pieces))
    }
}

/// The same, slice by slice: for answers that go through routes of ours.
pub(crate) struct OneByOne(pub(crate) Slices);

impl Body for OneByOne {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let length = self.0.chunk().len();
        Poll::Ready((length > 0).then(|| Ok(Frame::data(self.0.copy_to_bytes(length)))))
    }

    fn is_end_stream(&self) -> bool {
        !self.0.has_remaining()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.remaining() as u64)
    }
}

/// What goes out at once: a piece of any answer, or all of a viewer's.
#[derive(Debug)]
pub(crate) enum Piece {
    Any(Bytes),
    Media(Slices),
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        match self {
            Self::Any(bytes) => bytes.remaining(),
            Self::Media(slices) => slices.remaining(),
        }
    }

    fn chunk(&self) -> &[u8] {
        match self {
            Self::Any(bytes) => bytes.chunk(),
            Self::Media(slices) => slices.chunk(),
        }
    }

    fn chunks_vectored<'a>(&'a self, places: &mut [IoSlice<'a>]) -> usize {
        match self {
            Self::Any(bytes) => bytes.chunks_vectored(places),
            Self::Media(slices) => slices.chunks_vectored(places),
        }
    }

    fn advance(&mut self, count: usize) {
        match self {
            Self::Any(bytes) => bytes.advance(count),
            Self::Media(slices) => slices.advance(count),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Slices {
        let run =
            |texts: &[&'static str]| texts.iter().map(|text| Bytes::from_static(text.as_bytes())).collect();
        Slices::new([run(&["ab", "", "c"]), run(&[]), run(&["defg"])].into())
    }

    #[test]
    fn it_gives_the_same_bytes_however_it_is_cut() {
        for step in 1..=7 {
            let (mut slices, mut seen) = (sample(), Vec::new());
            while slices.has_remaining() {
                let mut places = [IoSlice::new(&[]); 8];
                let filled = slices.chunks_vectored(&mut places);
                let all: Vec<u8> = places[..filled].iter().flat_map(|place| place.iter().copied()).collect();
                assert_eq!(all.len(), slices.remaining());
                assert!(all.starts_with(slices.chunk()) && !slices.chunk().is_empty());
                let count = step.min(all.len());
                seen.extend_from_slice(&all[..count]);
                slices.advance(count);
            }
            assert_eq!(seen, b"abcdefg", "in steps of {step}");
        }
    }

    #[test]
    fn it_is_cut_into_two_that_have_all_of_it() {
        for count in 0..=8 {
            let mut back = sample();
            let mut front = back.split_front(count);
            assert_eq!((front.remaining(), back.remaining()), (count.min(7), 7 - count.min(7)));
            let mut all = front.copy_to_bytes(front.remaining()).to_vec();
            all.extend_from_slice(&back.copy_to_bytes(back.remaining()));
            assert_eq!(all, b"abcdefg", "cut at {count}");
        }
    }

    #[test]
    fn fewer_places_than_slices_are_filled() {
        let slices = sample();
        let mut places = [IoSlice::new(&[]); 2];
        assert_eq!(slices.chunks_vectored(&mut places), 2);
        assert_eq!((&*places[0], &*places[1]), (&b"ab"[..], &b"c"[..]));
    }
}
