//! The window: forward chunks that were taken and are not acknowledged, in order. Pure: time is an
//! argument.

use std::{collections::VecDeque, sync::Arc, time::Instant};

use trunkline_record::chunk_id;

use crate::{outbox::Chunk, streams::Stream};

/// So many forward chunks may be unacknowledged, however small they are: a bound for the bookkeeping
/// where many quiet files make many tiny ones.
const MOST_CHUNKS: usize = 1024;

/// The window.
#[derive(Debug)]
pub struct Unacked {
    queue: VecDeque<Entry>,
    /// Index of the next entry to write on this connection.
    next: usize,
    bytes: usize,
    limit: usize,
    /// Since when the first entry has been the first.
    first_since: Option<Instant>,
    /// Something came from the spool, where a stretch of a stream can have been given up.
    gaps: bool,
    /// The segments of entries that left the window.
    released: Vec<u64>,
}

#[derive(Debug)]
struct Entry {
    chunk: Chunk,
    id: String,
    sent: Option<Instant>,
    acked: bool,
    /// The segment of the spool that keeps it.
    segment: Option<u64>,
}

impl Unacked {
    /// An empty window of `limit` compressed bytes.
    pub fn new(limit: usize) -> Self {
        let (queue, released) = (VecDeque::new(), Vec::new());
        Self { queue, next: 0, bytes: 0, limit, first_since: None, gaps: false, released }
    }

    /// Whether another forward chunk may be taken. An empty window takes one of any size.
    pub fn has_room(&self) -> bool {
        self.queue.is_empty() || (self.bytes < self.limit && self.queue.len() < MOST_CHUNKS)
    }

    /// Takes a forward chunk.
    pub fn push(&mut self, chunk: Chunk) {
        self.insert(chunk, None);
    }

    /// Takes a forward chunk out of the spool, of which that segment keeps it.
    pub fn push_spooled(&mut self, chunk: Chunk, segment: Option<u64>) {
        self.gaps = true;
        self.insert(chunk, segment);
    }

    fn insert(&mut self, chunk: Chunk, segment: Option<u64>) {
        self.bytes += chunk.sealed.entries.len();
        let id = chunk_id(&chunk.stream.id, chunk.sealed.from, chunk.sealed.to);
        self.queue.push_back(Entry { chunk, id, sent: None, acked: false, segment });
    }

    /// The entries that no segment of the spool keeps, in order, with the place for that.
    pub fn unspooled(&mut self) -> impl Iterator<Item = (&Chunk, &mut Option<u64>)> {
        let entries = self.queue.iter_mut().filter(|entry| entry.segment.is_none());
        entries.map(|entry| (&entry.chunk, &mut entry.segment))
    }

    /// The segments whose entries were acknowledged since this was asked last, one for each entry.
    pub fn released(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.released)
    }

    /// The next forward chunk to write, which is taken to be sent at `now`.
    ///
    /// Where something before it was given up, it waits until all before that is acknowledged: only then
    /// is it true that its sender has nothing older, which is what lets the store take it.
    pub fn send(&mut self, now: Instant) -> Option<&Chunk> {
        while self.queue.get(self.next)?.acked {
            self.next += 1;
        }
        if self.gaps && !self.has_no_gap_before(self.next)? {
            return None;
        }
        let entry = self.queue.get_mut(self.next)?;
        entry.sent = Some(now);
        self.next += 1;
        Some(&entry.chunk)
    }

    /// Whether an entry goes on where its stream is; if nothing of it is before, it is where it says.
    fn has_no_gap_before(&self, at: usize) -> Option<bool> {
        let chunk = &self.queue.get(at)?.chunk;
        let mut before = self.queue.iter().take(at).rev().map(|entry| &entry.chunk);
        match before.find(|other| other.stream.id == chunk.stream.id) {
            Some(other) => Some(other.sealed.to >= chunk.sealed.from),
            None => {
                chunk.stream.pass(chunk.sealed.from);
                Some(true)
            }
        }
    }

    /// The connection is gone: everything is to be written again.
    pub fn rewind(&mut self) {
        self.next = 0;
        for entry in &mut self.queue {
            entry.sent = None;
        }
    }

    /// Takes an ack. Answers how far its stream is acknowledged without a gap, if that moved; and how
    /// many forward chunks left the window.
    pub fn acknowledge(&mut self, id: &[u8], now: Instant) -> Acknowledged {
        let Some(at) =
            self.queue.iter().position(|entry| entry.id.as_bytes() == id && entry.sent.is_some())
        else {
            return Acknowledged::Unknown;
        };
        let entry = &mut self.queue[at];
        entry.acked = true;
        let stream = Arc::clone(&entry.chunk.stream);
        let mut moved = None;
        let mut chunks = 0;
        let mut at = 0;
        while let Some(entry) = self.queue.get(at) {
            if entry.chunk.stream.id != stream.id {
                at += 1;
                continue;
            }
            if !entry.acked {
                break;
            }
            // The queue is at most `MOST_CHUNKS` long, and almost always the first entry goes.
            if let Some(entry) = self.queue.remove(at) {
                moved = Some(entry.chunk.sealed.to);
                self.bytes -= entry.chunk.sealed.entries.len();
                self.released.extend(entry.segment);
                chunks += 1;
            }
            if at < self.next {
                self.next -= 1;
            }
            if at == 0 {
                self.first_since = Some(now);
            }
        }
        match moved {
            Some(to) => Acknowledged::Moved { stream, to, chunks },
            None => Acknowledged::Early,
        }
    }

    /// Since when the first forward chunk has been waiting for its ack, if it was sent.
    pub fn waiting_since(&self) -> Option<Instant> {
        let sent = self.queue.front()?.sent?;
        Some(self.first_since.map_or(sent, |since| since.max(sent)))
    }

    /// How many forward chunks are in the window.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Their compressed bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

/// What an ack did.
#[derive(Debug)]
pub enum Acknowledged {
    /// The stream is acknowledged up to here; so many forward chunks left the window.
    Moved {
        /// Whose position moved.
        stream: Arc<Stream>,
        /// Where to.
        to: u64,
        /// How many forward chunks that were.
        chunks: u64,
    },
    /// An older forward chunk of the stream is still waiting.
    Early,
    /// No such forward chunk was sent on this connection.
    Unknown,
}

#[cfg(test)]
mod tests;
