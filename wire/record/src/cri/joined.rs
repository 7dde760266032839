//! What one of a container's outputs wrote: its pieces joined, and where in the container log each stands.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use crate::{End, LogRecord, Rejected, Sink, Timestamp};

use super::Lines;
use super::order::{Found, Outwards};

/// An output that has been silent for so long, while the other one wrote, has finished what it was writing. A server and Patroni write
/// a record at once, so that its lines are microseconds apart.
const SILENCE_MICROS: i64 = 1_000_000;

/// Memory for the bytes that stays when there are none.
pub(super) const USUAL: usize = 128 << 10;

/// The unread bytes of one output.
///
/// A place in them is an *inner* position, counted from the last reset; one in the container log is an *outer* position.
#[derive(Debug, Default)]
pub(super) struct Joined {
    data: Vec<u8>,
    /// How much of it has been read.
    start: usize,
    /// The inner position of the first unread byte.
    at: u64,
    pieces: Pieces,
    /// Inner positions behind which there was silence.
    silences: VecDeque<u64>,
    last_time: Option<i64>,
}

/// Where the bytes come from, in their order. None is empty.
#[derive(Debug, Default)]
struct Pieces(VecDeque<Piece>);

/// The content of one physical line.
#[derive(Debug, Clone, Copy)]
struct Piece {
    /// The inner position behind it.
    inner_end: u64,
    /// Where its content begins, inner and outer.
    inner: u64,
    content: u64,
    /// The physical line, outer.
    line: u64,
    line_end: u64,
    time: Timestamp,
}

/// A physical line's place and time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) line: u64,
    pub(super) content: u64,
    pub(super) line_end: u64,
    pub(super) time: Timestamp,
}

impl Joined {
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }

    /// Adds a line's content, with its line feed if it has one.
    pub(super) fn push(&mut self, content: &[u8], line_feed: bool, place: Place) {
        let Place { line, content: content_at, line_end, time } = place;
        self.last_time = Some(time.unix_micros);
        let inner = self.end();
        self.make_room();
        self.data.extend_from_slice(content);
        if line_feed {
            self.data.push(b'\n');
        }
        let inner_end = self.end();
        if inner_end > inner {
            let piece = Piece { inner_end, inner, content: content_at, line, line_end, time };
            self.pieces.0.push_back(piece);
        }
    }

    /// The other output wrote at this time.
    pub(super) fn other_wrote(&mut self, time: Timestamp) {
        if self.last_time.is_some_and(|last| time.unix_micros - last >= SILENCE_MICROS) {
            self.silences.push_back(self.end());
            self.last_time = None;
        }
    }

    /// The outer position of the first unread byte.
    pub(super) fn front(&self) -> Option<u64> {
        self.pieces.start_of(self.at)
    }

    /// Lets the parser read on, until another output is behind this one, and says whether it took something.
    pub(super) fn read<P: Lines, S: Sink>(
        &mut self,
        parser: &mut P,
        end: End,
        outwards: Outwards<'_, S>,
    ) -> bool {
        let mut sink = Placing { pieces: &self.pieces, outwards };
        let time_of = |inner| self.pieces.time_of(inner);
        let taken = loop {
            let unread = self.data.get(self.start..).unwrap_or_default();
            let silence = self.silences.front().map(|silence| silence.saturating_sub(self.at));
            let (readable, end) = match silence {
                // An unread beginning is far shorter than memory is large.
                Some(len) => (unread.get(..len as usize).unwrap_or(unread), End::Pause),
                None => (unread, end),
            };
            let taken = match readable {
                [] => 0,
                readable => parser.parse(readable, self.at, end, &time_of, &mut sink),
            };
            // A line or a record that the silence didn't end goes on behind it.
            if taken > 0 || self.silences.pop_front().is_none() {
                break taken;
            }
        };
        self.take(taken);
        taken > 0
    }

    /// The first `len` unread bytes are read.
    fn take(&mut self, len: usize) {
        self.start += len;
        self.at += len as u64;
        while self.pieces.0.front().is_some_and(|piece| piece.inner_end <= self.at) {
            self.pieces.0.pop_front();
        }
        if self.start >= self.data.len() {
            self.data.clear();
            self.start = 0;
            self.data.shrink_to(USUAL);
        }
    }

    /// Moves the unread bytes to the front when they are less than what was read: each is moved about once.
    fn make_room(&mut self) {
        if self.start > self.data.len() / 2 {
            self.data.drain(..self.start);
            self.start = 0;
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.data.len()
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.data.capacity()
    }

    fn end(&self) -> u64 {
        self.at + (self.data.len() - self.start) as u64
    }
}

impl Pieces {
    /// The piece in which an inner position is.
    fn at(&self, inner: u64) -> Option<&Piece> {
        // Nearly always it is the first.
        self.0.front().filter(|piece| inner < piece.inner_end).or_else(|| {
            let before = self.0.partition_point(|piece| piece.inner_end <= inner);
            self.0.get(before)
        })
    }

    fn time_of(&self, inner: u64) -> Option<Timestamp> {
        self.at(inner).map(|piece| piece.time)
    }

    /// The outer position of an inner one, which is its physical line's where that begins there; `None` behind everything.
    fn start_of(&self, inner: u64) -> Option<u64> {
        let piece = self.at(inner)?;
        let into = inner.saturating_sub(piece.inner);
        Some(if into == 0 { piece.line } else { piece.content + into })
    }

    /// The outer positions behind the byte before an inner one: of that byte, and of its physical line.
    fn end_of(&self, inner: u64) -> Option<(u64, u64)> {
        let piece = self.at(inner.saturating_sub(1))?;
        let into = inner.saturating_sub(piece.inner);
        let is_whole = inner >= piece.inner_end;
        Some((if is_whole { piece.line_end } else { piece.content + into }, piece.line_end))
    }
}

/// The sink of the output's parser: gives what it finds its place in the container log, and breaks when another output is behind.
struct Placing<'a, S> {
    pieces: &'a Pieces,
    outwards: Outwards<'a, S>,
}

impl<S: Sink> Placing<'_, S> {
    /// Hands over what was found between two inner positions.
    fn take<'f>(
        &mut self,
        (inner, inner_end): (u64, u64),
        found: impl FnOnce(u64, usize) -> Found<'f>,
    ) -> ControlFlow<()> {
        let Outwards { others, tail, order, sink } = &mut self.outwards;
        let position = self.pieces.start_of(inner).unwrap_or(*tail);
        let (end, line_end) = self.pieces.end_of(inner_end).unwrap_or((*tail, *tail));
        let front = self.pieces.start_of(inner_end).unwrap_or(*tail);
        let found = found(position, end.saturating_sub(position) as usize);
        order.take(found, line_end, front.min(*others), *sink);
        if order.is_stopped() || front > *others {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}

impl<S: Sink> Sink for Placing<'_, S> {
    fn record(&mut self, inner: u64, len: usize, record: &LogRecord<'_>) -> ControlFlow<()> {
        let span = (inner, inner + len as u64);
        self.take(span, |position, len| Found::Record(position, len, record))
    }

    fn rejected(&mut self, rejected: Rejected<'_>) -> ControlFlow<()> {
        let span = (rejected.position, rejected.position + rejected.raw.len() as u64);
        self.take(span, |position, _| Found::Rejected(Rejected { position, ..rejected }))
    }
}
