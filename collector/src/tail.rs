//! The tail thread: finds files, reads what is new in them in fair turns, parses it, and hands closed
//! forward chunks to the ship task.
//!
//! It is one plain thread with blocking reads: files have no asynchronous interface worth having. It
//! sleeps in one place only, [`watch`]; file events, room in the window and the end all wake it there.
//! When the window is full it reads nothing, but goes on looking for files and holds them open, so
//! that a file which is deleted meanwhile isn't lost.

mod content;
mod discover;
mod follow;
mod last;
mod names;
mod open;
mod reading;
mod step;
mod there;
mod turn;
mod wake;
mod watch;

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use tokio_util::sync::CancellationToken;
use trunkline_record::{ChunkBuilder, ChunkLimits, LEVEL};

pub use discover::{Scan, Seen, scan};
pub use there::still_there;
pub use wake::Wake;

use self::{
    follow::Followed,
    names::{Aside, Why},
    step::{Policy, Step},
    turn::{Ended, Rest, Turn},
    watch::Watch,
};
use crate::{
    buffer::ReadBuffer,
    config::{Config, Files},
    identity::FileId,
    metrics::Metrics,
    outbox::{Chunk, Flushed, Outbox},
    sources::Sources,
    streams::{Progress, Streams},
};

/// A writer that pauses for this long is done for the moment, and what it wrote is sent. It bounds
/// the delay of a lone record; longer would make fewer and larger forward chunks.
const PAUSE: Duration = Duration::from_millis(50);

/// File events within this time cost one look, however many there are. A look that finds growth starts
/// the wait for the writer's pause, so looking more often would find nothing to do.
const LOOK_PAUSE: Duration = PAUSE;

/// Where all directories are watched, names are compared this many times less often than open files
/// are looked at: events tell of new names, the comparison is for events that got lost.
const WATCHED_SCAN_FACTOR: u32 = 10;

/// Looking through the directories takes this share of the time at most: one in so many, however many
/// files there are.
const SCAN_SHARE: u32 = 20;

/// How long a deleted file must be quiet before its torn last record is given up: its writer may be
/// between two writes.
const DELETED_LINGER: Duration = Duration::from_secs(1);

/// The state of the thread.
pub struct Tail {
    sections: Vec<Files>,
    streams: Arc<Streams>,
    sources: Arc<Sources>,
    outbox: Outbox,
    metrics: Metrics,
    stop: CancellationToken,

    policy: Policy,
    longest: usize,
    poll_interval: Duration,
    open_files: usize,
    forget_after: Duration,

    watch: Watch,
    /// Names are to be compared as soon as possible.
    rescan: bool,
    open: Vec<Followed>,
    /// Whose turn is first in the next round.
    first: usize,
    aside: HashMap<FileId, Aside>,
    /// What the globs matched when they were last compared.
    seen: HashMap<FileId, Seen>,
    /// Files that there was no room for.
    waiting: VecDeque<Seen>,
    /// Compressed files, of which one is open at a time.
    packed: VecDeque<Seen>,
    said: BTreeMap<PathBuf, String>,
    buffer: ReadBuffer,
    builder: ChunkBuilder,
}

impl Tail {
    /// A tail that follows what the sections of `sources` match.
    pub fn new(
        config: &Config,
        streams: Arc<Streams>,
        sources: Arc<Sources>,
        outbox: Outbox,
        wake: Wake,
        metrics: Metrics,
        stop: CancellationToken,
    ) -> Self {
        let chunk = size(config.chunk.bytes);
        Self {
            sections: sources.sections().to_vec(),
            streams,
            sources,
            outbox,
            metrics,
            stop,
            policy: Policy {
                enough: chunk as u64,
                age: config.chunk.age,
                pause: PAUSE,
                record_pause: config.tail.record_pause,
                finished_after: config.tail.finished_after,
                deleted_linger: DELETED_LINGER,
            },
            longest: size(config.tail.max_record),
            poll_interval: config.tail.poll_interval,
            open_files: config.tail.open_files,
            forget_after: config.tail.forget_after,
            watch: Watch::new(wake, config.tail.watch),
            rescan: false,
            open: Vec::new(),
            first: 0,
            aside: HashMap::new(),
            seen: HashMap::new(),
            waiting: VecDeque::new(),
            packed: VecDeque::new(),
            said: BTreeMap::new(),
            buffer: ReadBuffer::new(size(config.tail.read_buffer), size(config.tail.max_record)),
            builder: ChunkBuilder::new(ChunkLimits {
                bytes: chunk,
                level: config.ship.compresses().then_some(LEVEL),
                ..ChunkLimits::default()
            }),
        }
    }

    /// Runs until the collector stops, or nobody takes forward chunks any more.
    pub fn run(mut self) {
        let mut scan_at = Instant::now();
        let mut look_at = scan_at;
        let mut looked = scan_at;
        let (mut names, mut grew) = (false, false);
        while !self.stop.is_cancelled() {
            let now = Instant::now();
            let news = self.watch.news();
            names |= news.names | std::mem::take(&mut self.rescan) | self.sources.news();
            grew |= news.grew;
            let rested = now >= looked + LOOK_PAUSE;
            if now >= scan_at || (names && rested) {
                (names, grew) = (false, true);
                let watched = self.scan(now, SystemTime::now());
                let pause = if watched { WATCHED_SCAN_FACTOR } else { 1 };
                scan_at = now + (self.poll_interval * pause).max(now.elapsed() * SCAN_SHARE);
                looked = now;
                look_at = now;
            }
            if now >= look_at || (grew && rested) {
                grew = false;
                self.look(now);
                looked = now;
                look_at = now + self.poll_interval;
            }
            let admitted = self.admit(now);
            let round = match self.outbox.flush() {
                Flushed::Empty if admitted => Round::Worked,
                Flushed::Empty => self.round(now),
                Flushed::Full => Round::Idle(None),
                Flushed::Closed => return,
            };
            match round {
                Round::Worked => {}
                Round::Idle(due) => {
                    let until = due.map_or(scan_at, |due| scan_at.min(now + due)).min(look_at);
                    // News that wait for their turn need no more news.
                    let waiting = names || grew;
                    let until = if waiting { until.min(looked + LOOK_PAUSE) } else { until };
                    self.watch.wait(until, !waiting);
                }
            }
        }
        self.finish(names);
    }

    /// Looks at the sizes of the open files, and of those whose first line wasn't whole.
    fn look(&mut self, now: Instant) {
        for at in (0..self.open.len()).rev() {
            if let Err(error) = self.open[at].look(now) {
                self.fail(at, &error);
            }
        }
        self.look_at_nascent(now);
    }

    /// Gives each open file one turn at most.
    fn round(&mut self, now: Instant) -> Round {
        let mut worked = false;
        let mut due: Option<Duration> = None;
        let mut done = Vec::new();
        let (files, first) = (self.open.len(), self.first);
        for at in (0..files).map(|n| (first + n) % files) {
            let step = step::next(&self.open[at].facts(now), &self.policy);
            let rest = match step {
                Step::Wait(None) => continue,
                Step::Wait(Some(wait)) => {
                    due = Some(due.map_or(wait, |due| due.min(wait)));
                    continue;
                }
                Step::Read | Step::Cut => Rest::Waits,
                Step::Pause => Rest::Paused,
                Step::Finish => Rest::Final,
            };
            worked = true;
            let turn =
                if step == Step::Cut { self.salvage(at, now) } else { self.turn(at, now, rest) };
            match turn {
                Err(error) => done.push((at, Done::Failed(error))),
                Ok((ended, flushed)) => {
                    match ended {
                        Ended::Replaced => done.push((at, Done::Cut)),
                        Ended::Drained if step == Step::Finish => done.push((at, Done::Finished)),
                        Ended::Drained | Ended::Full => {}
                    }
                    if flushed != Flushed::Empty {
                        self.first = (at + 1) % files;
                        break;
                    }
                }
            }
        }
        // From the back, so that the indices before stay what they are.
        done.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        for (at, done) in done {
            match done {
                Done::Cut => self.cut(at),
                Done::Finished => self.close(at),
                Done::Failed(error) => self.fail(at, &error),
            }
        }
        self.first = if self.open.is_empty() { 0 } else { self.first % self.open.len() };
        if worked { Round::Worked } else { Round::Idle(due) }
    }

    /// One file's turn; its forward chunk goes into the outbox, which must be empty.
    fn turn(&mut self, at: usize, now: Instant, rest: Rest) -> std::io::Result<(Ended, Flushed)> {
        let file = &mut self.open[at];
        let turn = turn::take(file, &mut self.buffer, &mut self.builder, rest, self.longest)?;
        self.took(at, now, turn)
    }

    /// The last turn of a file that was cut: what was read before.
    fn salvage(&mut self, at: usize, now: Instant) -> std::io::Result<(Ended, Flushed)> {
        let file = &mut self.open[at];
        let turn = turn::salvage(file, &mut self.buffer, &mut self.builder)?;
        self.took(at, now, turn)
    }

    fn took(&mut self, at: usize, now: Instant, turn: Turn) -> std::io::Result<(Ended, Flushed)> {
        let Turn { sealed, records, rejected, position, read_to, ended } = turn;
        let file = &mut self.open[at];
        let from = file.position;
        file.advance(position, read_to, ended == Ended::Drained, now);
        if ended == Ended::Drained {
            // It may have been cut below what the last look saw.
            file.look(now)?;
        }
        self.metrics.records.inc_by(u64::from(records));
        self.metrics.rejected.inc_by(u64::from(rejected));
        self.metrics.bytes.inc_by(position - from);
        if rejected > 0 {
            tracing::warn!(
                path = %file.shown(), from, to = position, rejected,
                "not every record could be parsed; the rest travels as rejected"
            );
        }
        let Some(sealed) = sealed else { return Ok((ended, Flushed::Empty)) };
        self.metrics.chunks.inc();
        let source = file.writer.source();
        let last = (records > 0).then(|| self.builder.last_log_time()).flatten();
        let packed = |progress: &mut Progress| progress.packed(&source, records, rejected, last);
        file.stream.with_progress(packed);
        let chunk = Chunk { stream: Arc::clone(&file.stream), source, sealed };
        Ok((ended, self.outbox.put(chunk)))
    }

    /// Lets a file go that was read to its end.
    fn close(&mut self, at: usize) {
        let file = self.open.swap_remove(at);
        tracing::info!(
            path = %file.shown(), stream = %file.stream.id, position = file.position, "closed"
        );
        let stream = Some(Arc::clone(&file.stream));
        if file.is_listed() {
            // Growth between the last read and now shows as another size in the next scan.
            let packed = file.content.is_packed();
            let size = if packed { file.size() } else { file.read_to };
            let modified = file.modified();
            self.aside
                .insert(file.id, Aside { why: Why::Done, size, modified, stream, problem: None });
        } else {
            // A copy may have waited for this.
            self.rescan |= self.aside.values().any(|aside| aside.why == Why::Copy);
        }
    }

    /// Lets a file go whose content was replaced; the next scan finds what it is now, and what has a
    /// copy of it.
    fn cut(&mut self, at: usize) {
        let file = self.open.swap_remove(at);
        if file.content.is_packed() {
            tracing::info!(path = %file.shown(), "changed while it was decompressed; opening it again");
        } else {
            tracing::warn!(
                path = %file.shown(), stream = %file.stream.id, position = file.position,
                size_before = file.read_to, "file was cut; its new content is a new stream"
            );
            // What was in it beyond is gone, and nothing to wait for.
            file.stream.set_size(file.position);
        }
        self.buffer.release();
        self.rescan = true;
    }

    fn fail(&mut self, at: usize, error: &std::io::Error) {
        let file = self.open.swap_remove(at);
        tracing::error!(
            path = %file.shown(), stream = %file.stream.id, position = file.position, %error,
            "can't be read; trying again"
        );
        self.buffer.release();
        file.stream.with_progress(|progress| progress.failed(error.to_string()));
        // What can't be decompressed stays so until it changes.
        let why = if file.content.is_packed() { Why::Damaged } else { Why::Failed };
        let (size, modified) = (file.size(), file.modified());
        let (stream, problem) = (Some(file.stream), Some(error.to_string()));
        self.aside.insert(file.id, Aside { why, size, modified, stream, problem });
    }
}

enum Round {
    /// There may be more to do at once.
    Worked,
    /// Nothing to do, at least for this long.
    Idle(Option<Duration>),
}

enum Done {
    Finished,
    Cut,
    Failed(std::io::Error),
}

fn size(bytes: bytesize::ByteSize) -> usize {
    usize::try_from(bytes.as_u64()).unwrap_or(usize::MAX)
}
