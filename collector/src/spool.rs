//! The spool: forward chunks that could not be shipped yet, on disk, so that their files may go.
//!
//! It is one queue for all streams. The ship task puts everything that is unacknowledged into it, in
//! order, and from then on each new forward chunk behind that, until it has taken the last one out
//! again. So what stands in the spool of a stream has no gap before what is read from its file later,
//! and a restart goes on behind it.
//!
//! A frame is taken out into the window while it stays on disk; a segment is removed when everything in
//! it is acknowledged and all before it is gone. Memory is for the segments' counts and one frame.

pub mod frame;
mod notice;
pub mod read;
mod recover;
pub mod segment;

use std::{
    collections::{HashMap, VecDeque},
    fs::{self, File},
    io,
    path::PathBuf,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant, SystemTime},
};

use trunkline_forward::{Compression, Compressor};
use trunkline_record::{Source, StreamId};

use self::{
    frame::Head,
    notice::Losses,
    read::Item,
    segment::{Segment, Writer},
};
use crate::{
    config::{SpoolConfig, WhenFull},
    metrics::SpoolMetrics,
    outbox::Chunk,
    streams::Stream,
};

/// So many segments make the whole: as much of it is given back, or dropped, at once.
const SEGMENTS: u64 = 16;

/// A segment isn't larger than this, however large the whole may be.
const SEGMENT_MAX: u64 = 16 << 20;

/// After a failure to write, the next attempt is made after this time.
const RETRY: Duration = Duration::from_secs(5);

/// Why something is given up.
const FULL: &str = "spool full";
const DAMAGED: &str = "the spool is damaged";
const UNREADABLE: &str = "the spool can't be read";

/// The queue on disk.
#[derive(Debug)]
pub struct Spool {
    dir: PathBuf,
    config: SpoolConfig,
    source: Arc<Source>,
    segments: VecDeque<Segment>,
    next_number: u64,
    /// Appends to the last segment.
    writer: Option<Writer>,
    /// The segment and the place in it where the next frame is taken out.
    at: (u64, u64),
    /// The streams that have frames which were not taken out.
    waiting: HashMap<StreamId, Waiting>,
    /// From these positions on a stream is read from its file again; frames of earlier runs don't count.
    ignored: HashMap<StreamId, u64>,
    /// Segments below this number are of earlier runs.
    first_own: u64,
    /// What the collector has to say, and is in no segment.
    notices: VecDeque<Chunk>,
    /// Written and not yet synchronised.
    dirty: Vec<Arc<File>>,
    failed_at: Option<Instant>,
    buffer: Vec<u8>,
    /// For entries that travel as they are: a disk has less room than a socket.
    compressor: Compressor,
    metrics: SpoolMetrics,
}

/// Frames of one stream that were not taken out.
#[derive(Debug)]
struct Waiting {
    stream: Arc<Stream>,
    frames: u64,
    /// The segment of the last of them.
    last: u64,
}

/// What is in a segment that is dropped.
#[derive(Default)]
struct Dropped {
    losses: Losses,
    /// What was lost before, and is said there.
    said: Losses,
    /// Notices that are to be kept as they are.
    notices: Vec<Chunk>,
    /// How far each stream was.
    ends: HashMap<StreamId, Chunk>,
    /// How many frames of each stream.
    frames: HashMap<StreamId, u64>,
}

/// Why a forward chunk wasn't taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// There is no room.
    Full,
    /// The disk doesn't take it, or didn't a moment ago.
    Failed,
}

/// A forward chunk that was taken out.
#[derive(Debug)]
pub struct Taken {
    /// The forward chunk.
    pub chunk: Chunk,
    /// The segment that keeps it until it is acknowledged; see [`Spool::release`].
    pub segment: Option<u64>,
}

impl Spool {
    /// Whether forward chunks may be put into it, rather than only taken out.
    pub fn is_on(&self) -> bool {
        self.config.is_on()
    }

    /// Forward chunks that were not taken out yet.
    pub fn pending(&self) -> u64 {
        let segments = self.segments.iter().map(|segment| segment.frames - segment.passed);
        segments.sum::<u64>() + self.notices.len() as u64
    }

    /// Bytes of its segments.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// Puts a forward chunk behind everything else.
    pub fn append(&mut self, chunk: &Chunk, now: Instant) -> Result<(), Refused> {
        self.put(chunk, now)?;
        self.wait(&chunk.stream);
        Ok(())
    }

    /// Counts the frame that was just written as one that waits.
    fn wait(&mut self, stream: &Arc<Stream>) {
        let last = self.segments.back().map_or(0, |segment| segment.number);
        let waiting = self.waiting.entry(stream.id);
        waiting.or_insert_with(|| Waiting::new(Arc::clone(stream))).add(last);
    }

    /// Puts a forward chunk there that is in the window already. Nothing may be pending. Answers which
    /// segment keeps it.
    pub fn append_taken(&mut self, chunk: &Chunk, now: Instant) -> Result<u64, Refused> {
        self.put(chunk, now)?;
        // It was just put into the last one.
        let Some(segment) = self.segments.back_mut() else { return Err(Refused::Failed) };
        segment.passed += 1;
        segment.held += 1;
        let number = segment.number;
        self.at = (number, segment.bytes);
        self.show();
        Ok(number)
    }

    fn put(&mut self, chunk: &Chunk, now: Instant) -> Result<(), Refused> {
        if self.failed_at.is_some_and(|at| now < at + RETRY) {
            return Err(Refused::Failed);
        }
        let mut frame = std::mem::take(&mut self.buffer);
        frame.clear();
        let put = match self.encode(chunk, &mut frame) {
            Ok(true) => self.put_frame(&frame, now),
            Ok(false) => Err(Refused::Full),
            Err(error) => self.failed_to_write(&error, now),
        };
        // A frame with a very long record is rare: its memory is given back.
        frame.shrink_to(4 << 20);
        self.buffer = frame;
        self.show();
        put
    }

    /// Appends the forward chunk's frame; false where one can't be as large.
    fn encode(&mut self, chunk: &Chunk, frame: &mut Vec<u8>) -> io::Result<bool> {
        let (head, sealed) = (Head::of(chunk), &chunk.sealed);
        if sealed.compression == Compression::Zstd || sealed.entries.is_empty() {
            return Ok(frame::encode(&head, &sealed.entries, frame));
        }
        let mut body = Vec::new();
        self.compressor.compress(&sealed.entries, &mut body).map_err(io::Error::other)?;
        Ok(frame::encode(&head, &body, frame))
    }

    fn put_frame(&mut self, frame: &[u8], now: Instant) -> Result<(), Refused> {
        let most = self.config.max_size.as_u64();
        let drops = self.config.when_full == WhenFull::DropOldest && frame.len() as u64 <= most;
        // What is dropped leaves a notice: with nothing but notices there, no room would be made.
        let mut attempts = if drops { self.segments.len() } else { 0 };
        while self.bytes() + frame.len() as u64 > most {
            self.metrics.full.store(true, Relaxed);
            if attempts == 0 || !self.drop_oldest(now)? {
                return Err(Refused::Full);
            }
            attempts -= 1;
        }
        self.write(frame, 1, now)
    }

    /// Appends so many frames to the last segment, or begins one: all of them, or none.
    fn write(&mut self, frames: &[u8], count: u64, now: Instant) -> Result<(), Refused> {
        if let Err(error) = self.try_write(frames, count) {
            // The next attempt begins a segment of its own.
            self.writer = None;
            return self.failed_to_write(&error, now);
        }
        if self.metrics.failing.swap(false, Relaxed) {
            tracing::info!(dir = %self.dir.display(), "spool written again");
        }
        self.failed_at = None;
        self.metrics.written.inc_by(count);
        Ok(())
    }

    fn failed_to_write(&mut self, error: &io::Error, now: Instant) -> Result<(), Refused> {
        if !self.metrics.failing.swap(true, Relaxed) {
            tracing::error!(
                dir = %self.dir.display(), %error,
                "spool can't be written; reading waits for acks meanwhile"
            );
        }
        self.metrics.failures.inc();
        self.failed_at = Some(now);
        Err(Refused::Failed)
    }

    fn try_write(&mut self, frames: &[u8], count: u64) -> io::Result<()> {
        let full = (self.config.max_size.as_u64() / SEGMENTS).clamp(1, SEGMENT_MAX);
        if self.segments.back().is_none_or(|segment| segment.bytes >= full) {
            self.writer = None;
        }
        let writer = match &mut self.writer {
            Some(writer) => writer,
            None => {
                let number = self.next_number;
                // Whatever becomes of it, no other file gets this number.
                self.next_number += 1;
                let writer = Writer::create(&self.dir, number)?;
                self.dirty.push(Arc::clone(writer.file()));
                self.segments.push_back(Segment::new(number));
                self.writer.insert(writer)
            }
        };
        if self.dirty.is_empty() {
            self.dirty.push(Arc::clone(writer.file()));
        }
        writer.append(frames)?;
        if let Some(segment) = self.segments.back_mut() {
            segment.bytes += frames.len() as u64;
            segment.frames += count;
        }
        Ok(())
    }

    /// Gives up the oldest segment that is wholly on disk alone, and says so in a frame at the end.
    /// False if there is none.
    fn drop_oldest(&mut self, now: Instant) -> Result<bool, Refused> {
        let last = self.segments.len().saturating_sub(1);
        let Some(at) = self.segments.iter().take(last).position(|segment| {
            segment.is_untouched() && segment.frames > 0 && segment.number >= self.at.0
        }) else {
            return Ok(false);
        };
        let number = self.segments[at].number;
        let mut dropped = Dropped::default();
        if let Err(error) = self.read_through(number, &mut dropped) {
            self.failed_to_read(&error);
        }
        let Dropped { losses, said, mut notices, ends, frames } = dropped;
        let records = losses.records();
        // Where nothing of a stream stands behind what is dropped, nothing else tells that it was read.
        // Something may stand before it, in a segment of which a part is in the window.
        notices.extend(ends.into_values().filter(|end| {
            self.waiting.get(&end.stream.id).is_none_or(|waiting| waiting.last <= number)
        }));
        let mut all = said;
        all.add_all(&losses);
        match all.notices() {
            Ok(chunks) => notices.extend(chunks),
            Err(error) => self.failed_to_read(&error),
        }
        // The notice first: should the collector be killed between the two, it says too much rather
        // than nothing. Where it can't be written, nothing is dropped.
        let mut bytes = Vec::new();
        for chunk in &notices {
            frame::encode(&Head::of(chunk), &chunk.sealed.entries, &mut bytes);
        }
        if !notices.is_empty() {
            self.write(&bytes, notices.len() as u64, now)?;
        }
        losses.log();
        self.metrics.dropped.inc_by(records);
        for (id, frames) in frames {
            self.pass(id, frames);
        }
        for chunk in notices {
            self.wait(&chunk.stream);
        }
        self.segments.remove(at);
        self.remove_file(number);
        Ok(true)
    }

    /// Looks what is lost with a segment.
    fn read_through(&self, number: u64, dropped: &mut Dropped) -> io::Result<()> {
        let mut frames = segment::frames(&self.dir, number, 0)?;
        loop {
            let (head, entries) = match frames.next(true)? {
                Item::Frame(head, entries) => (head, Some(entries)),
                Item::Damaged(head) => (head, None),
                Item::Lost(bytes) => {
                    dropped.losses.add_bytes(bytes, &self.source, FULL);
                    continue;
                }
                Item::Torn | Item::End => return Ok(()),
            };
            let Some(stream) = self.stream(&head) else { continue };
            *dropped.frames.entry(stream.id).or_default() += 1;
            let source = Arc::new(head.source());
            match entries {
                Some(entries) if !head.is_of_a_file() => {
                    if !dropped.said.add_notice(&head, &entries) {
                        let sealed = head.sealed(entries);
                        dropped.notices.push(Chunk { stream, source, sealed });
                    }
                }
                _ => {
                    if head.count() > 0 {
                        dropped.losses.add(&head, FULL);
                    }
                    let (id, sealed) = (stream.id, head.end());
                    dropped.ends.insert(id, Chunk { stream, source, sealed });
                }
            }
        }
    }

    /// Takes the next forward chunk out.
    pub fn take(&mut self) -> Option<Taken> {
        if let Some(chunk) = self.notices.pop_front() {
            return Some(Taken { chunk, segment: None });
        }
        let taken = self.take_frame();
        self.clear();
        self.show();
        taken.or_else(|| {
            let chunk = self.notices.pop_front()?;
            Some(Taken { chunk, segment: None })
        })
    }

    fn take_frame(&mut self) -> Option<Taken> {
        loop {
            let index = self.segments.iter().position(|segment| segment.passed < segment.frames)?;
            let (number, bytes) = (self.segments[index].number, self.segments[index].bytes);
            if self.at.0 != number {
                self.at = (number, 0);
            }
            let (head, entries) = match self.next_frame(number, bytes) {
                Ok(Some(frame)) => frame,
                Ok(None) => {
                    // Should there be fewer frames than were counted, the others are lost.
                    self.segments[index].passed = self.segments[index].frames;
                    continue;
                }
                Err(error) => {
                    self.failed_to_read(&error);
                    let mut losses = Losses::default();
                    let bytes = bytes - self.at.1.min(bytes);
                    losses.add_bytes(bytes, &self.source, UNREADABLE);
                    self.segments[index].passed = self.segments[index].frames;
                    self.lost(losses);
                    continue;
                }
            };
            self.metrics.full.store(false, Relaxed);
            let segment = &mut self.segments[index];
            segment.passed += 1;
            let Some(stream) = self.take_stream(&head) else { continue };
            if self.is_ignored(number, &head) || head.to <= stream.acked() {
                continue;
            }
            self.segments[index].held += 1;
            let chunk =
                Chunk { stream, source: Arc::new(head.source()), sealed: head.sealed(entries) };
            return Some(Taken { chunk, segment: Some(number) });
        }
    }

    /// The next frame of a segment that is whole.
    fn next_frame(&mut self, number: u64, bytes: u64) -> io::Result<Option<(Head, Vec<u8>)>> {
        let mut frames = segment::frames(&self.dir, number, self.at.1)?;
        // What is lost before it is said at once.
        let mut losses = Losses::default();
        let found = loop {
            let item = if frames.at() < bytes { frames.next(true) } else { Ok(Item::End) };
            self.at.1 = frames.at();
            match item {
                Ok(Item::Frame(head, entries)) => break Ok(Some((head, entries))),
                Ok(Item::Damaged(head)) => {
                    if let Some(segment) = self.segments.iter_mut().find(|s| s.number == number) {
                        segment.passed += u64::from(segment.passed < segment.frames);
                    }
                    self.take_stream(&head);
                    if !self.is_ignored(number, &head) {
                        losses.add(&head, DAMAGED);
                    }
                }
                // It was said when the spool was opened.
                Ok(Item::Lost(_)) if number < self.first_own => {}
                Ok(Item::Lost(lost)) => losses.add_bytes(lost, &self.source, DAMAGED),
                Ok(Item::Torn) => {
                    losses.add_bytes(bytes.saturating_sub(self.at.1), &self.source, DAMAGED);
                    self.at.1 = bytes;
                    break Ok(None);
                }
                Ok(Item::End) => break Ok(None),
                Err(error) => break Err(error),
            }
        };
        if !losses.is_empty() {
            self.lost(losses);
        }
        found
    }

    /// Whether a frame of an earlier run is read from its file again.
    fn is_ignored(&self, number: u64, head: &Head) -> bool {
        let from = || self.ignored.get(&head.stream.parse().ok()?);
        number < self.first_own && from().is_some_and(|&from| head.from >= from)
    }

    /// Counts that something is damaged, and lets what is lost be said.
    fn lost(&mut self, losses: Losses) {
        self.metrics.damaged.inc();
        losses.log();
        match losses.notices() {
            Ok(chunks) => self.notices.extend(chunks),
            Err(error) => self.failed_to_read(&error),
        }
    }

    /// The stream of a frame.
    fn stream(&self, head: &Head) -> Option<Arc<Stream>> {
        let id: StreamId = head.stream.parse().ok()?;
        match self.waiting.get(&id) {
            Some(waiting) => Some(Arc::clone(&waiting.stream)),
            None => head.stream(head.from, SystemTime::now()).map(Arc::new),
        }
    }

    /// The stream of a frame that is taken out.
    fn take_stream(&mut self, head: &Head) -> Option<Arc<Stream>> {
        let stream = self.stream(head)?;
        self.pass(stream.id, 1);
        Some(stream)
    }

    /// So many frames of a stream don't wait any more.
    fn pass(&mut self, id: StreamId, frames: u64) {
        if let Some(waiting) = self.waiting.get_mut(&id) {
            waiting.frames = waiting.frames.saturating_sub(frames);
            if waiting.frames == 0 {
                self.waiting.remove(&id);
            }
        }
    }

    /// A forward chunk that this segment keeps is acknowledged.
    pub fn release(&mut self, number: u64) {
        if let Some(segment) = self.segments.iter_mut().find(|segment| segment.number == number) {
            segment.held = segment.held.saturating_sub(1);
        }
        self.clear();
        self.show();
    }

    /// Removes segments that nobody needs: only from the front, so that a restart doesn't see a gap
    /// where there is none.
    fn clear(&mut self) {
        while self.segments.front().is_some_and(Segment::is_done) {
            if self.segments.len() == 1 {
                self.writer = None;
            }
            if let Some(segment) = self.segments.pop_front() {
                self.remove_file(segment.number);
            }
        }
    }

    fn remove_file(&mut self, number: u64) {
        if let Err(error) = fs::remove_file(segment::path(&self.dir, number)) {
            tracing::error!(dir = %self.dir.display(), number, %error, "segment can't be removed");
            self.metrics.failures.inc();
        }
    }

    fn failed_to_read(&self, error: &io::Error) {
        tracing::error!(dir = %self.dir.display(), %error, "spool can't be read");
        self.metrics.failures.inc();
    }

    /// The files that were written since this was asked last, and the directory.
    pub fn dirty(&mut self) -> Vec<Arc<File>> {
        let mut files = std::mem::take(&mut self.dirty);
        if !files.is_empty() {
            files.extend(File::open(&self.dir).map(Arc::new));
        }
        files
    }

    fn show(&self) {
        let gauge = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        self.metrics.bytes.set(gauge(self.bytes()));
        self.metrics.chunks.set(gauge(self.pending()));
    }
}

impl Waiting {
    /// None yet.
    fn new(stream: Arc<Stream>) -> Self {
        Self { stream, frames: 0, last: 0 }
    }

    /// Another frame, in this segment.
    fn add(&mut self, segment: u64) {
        self.frames += 1;
        self.last = segment;
    }
}

#[cfg(test)]
mod tests;
