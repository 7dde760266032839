//! Opens the spool that an earlier run left: cuts off what was being written when it was killed, and
//! lets each stream go on where the spool ends.
//!
//! All of it is read once, so that damage is known before any file is read: where the file of a damaged
//! frame is still there, it is read again from that place, and what the spool has of it behind counts
//! no more.

use std::{
    collections::{HashMap, VecDeque},
    fs::{self, File},
    io,
    path::Path,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::SystemTime,
};

use trunkline_forward::Compressor;
use trunkline_record::{LEVEL, StreamId};

use super::{
    DAMAGED, Spool, Waiting,
    frame::Head,
    notice::Losses,
    read::Item,
    segment::{self, Segment},
};
use crate::{
    config::SpoolConfig,
    metrics::SpoolMetrics,
    streams::{Stream, Streams},
};

/// What was found of one stream.
struct Chain {
    stream: Arc<Stream>,
    /// Everything from its acknowledged position up to here is there.
    end: u64,
}

/// What was found while the segments were read.
struct Found<'a> {
    streams: &'a Streams,
    is_there: &'a dyn Fn(&Stream) -> bool,
    chains: HashMap<StreamId, Chain>,
    waiting: HashMap<StreamId, Waiting>,
    ignored: HashMap<StreamId, u64>,
    damaged: bool,
    /// Bytes of which it isn't known whose they were.
    lost: u64,
}

impl Spool {
    /// Opens the spool in `dir`; none if it is switched off and nothing is left in it. Streams that it
    /// holds become known to `streams`. `is_there` tells whether a stream's file can still be read.
    pub fn open(
        config: &SpoolConfig,
        dir: &Path,
        streams: &Streams,
        is_there: &dyn Fn(&Stream) -> bool,
        metrics: SpoolMetrics,
    ) -> Option<Self> {
        let numbers = segment::numbers(dir).unwrap_or_else(|error| {
            tracing::error!(dir = %dir.display(), %error, "spool can't be listed");
            metrics.failures.inc();
            Vec::new()
        });
        if numbers.is_empty() && !config.is_on() {
            return None;
        }
        let mut found = Found {
            streams,
            is_there,
            chains: HashMap::new(),
            waiting: HashMap::new(),
            ignored: HashMap::new(),
            damaged: false,
            lost: 0,
        };
        let mut segments = VecDeque::new();
        let last = numbers.last().copied().unwrap_or(0);
        for &number in &numbers {
            match found.read(dir, number, number == last) {
                Ok(segment) => segments.push_back(segment),
                Err(error) => {
                    tracing::error!(dir = %dir.display(), number, %error, "segment can't be read");
                    metrics.failures.inc();
                    found.damaged = true;
                }
            }
        }
        for chain in found.chains.values() {
            chain.stream.spooled(chain.end.max(chain.stream.acked()));
        }
        let next_number = last + 1;
        let Found { waiting, ignored, damaged, lost, .. } = found;
        metrics.failing.store(false, Relaxed);
        let mut spool = Self {
            dir: dir.to_owned(),
            config: config.clone(),
            source: Arc::clone(streams.source()),
            segments,
            next_number,
            writer: None,
            at: (0, 0),
            waiting,
            ignored,
            first_own: next_number,
            notices: VecDeque::new(),
            dirty: Vec::new(),
            failed_at: None,
            buffer: Vec::new(),
            compressor: Compressor::new(LEVEL),
            metrics,
        };
        if damaged {
            let mut losses = Losses::default();
            losses.add_bytes(lost, &spool.source, DAMAGED);
            spool.lost(losses);
        }
        spool.clear();
        spool.show();
        if spool.pending() > 0 {
            tracing::info!(
                dir = %dir.display(), chunks = spool.pending(), bytes = spool.bytes(),
                "spool of an earlier run; it is shipped first"
            );
        }
        Some(spool)
    }
}

impl Found<'_> {
    /// Reads one segment; of the last one, a torn end is cut off.
    fn read(&mut self, dir: &Path, number: u64, last: bool) -> io::Result<Segment> {
        let mut frames = segment::frames(dir, number, 0)?;
        let mut segment = Segment::new(number);
        loop {
            match frames.next(true)? {
                Item::Frame(head, _) => {
                    segment.frames += 1;
                    self.whole(&head, number);
                }
                Item::Damaged(head) => {
                    segment.frames += 1;
                    self.damaged = true;
                    self.damaged(&head, number);
                }
                Item::Lost(bytes) => {
                    self.damaged = true;
                    self.lost += bytes;
                }
                Item::Torn => {
                    let path = segment::path(dir, number);
                    let size = fs::metadata(&path)?.len();
                    let bytes = size - frames.at();
                    if last {
                        tracing::info!(path = %path.display(), bytes, "torn end is cut off");
                        File::options().write(true).open(&path)?.set_len(frames.at())?;
                    } else {
                        self.damaged = true;
                        self.lost += bytes;
                    }
                    return Ok(segment);
                }
                Item::End => return Ok(segment),
            }
            segment.bytes = frames.at();
        }
    }

    /// A whole frame: its stream goes on behind it, if there is nothing missing before.
    fn whole(&mut self, head: &Head, segment: u64) {
        let Some(id) = self.count(head, segment) else { return };
        let Some(chain) = self.chains.get_mut(&id) else { return };
        if self.ignored.contains_key(&id) {
            return;
        }
        // Before the first frame nothing is missing that isn't acknowledged, unless there is damage.
        if head.from > chain.end && self.damaged && (self.is_there)(&chain.stream) {
            self.ignored.insert(id, chain.end);
            return;
        }
        chain.end = chain.end.max(head.to);
    }

    /// A frame whose entries are damaged.
    fn damaged(&mut self, head: &Head, segment: u64) {
        let Some(id) = self.count(head, segment) else { return };
        let Some(chain) = self.chains.get_mut(&id) else { return };
        if head.to <= chain.stream.acked() || self.ignored.contains_key(&id) {
            return;
        }
        if (self.is_there)(&chain.stream) {
            self.ignored.insert(id, chain.end);
        } else {
            chain.end = chain.end.max(head.to);
        }
    }

    /// Counts a frame as one of its stream's, which becomes known.
    fn count(&mut self, head: &Head, segment: u64) -> Option<StreamId> {
        let id: StreamId = head.stream.parse().ok()?;
        if let Some(waiting) = self.waiting.get_mut(&id) {
            waiting.add(segment);
            return Some(id);
        }
        let stream = head.stream(head.from, SystemTime::now())?;
        let stream = if head.is_of_a_file() {
            let stream = self.streams.adopt(stream);
            let end = stream.acked();
            self.chains.insert(id, Chain { stream: Arc::clone(&stream), end });
            stream
        } else {
            Arc::new(stream)
        };
        self.waiting.entry(id).or_insert_with(|| Waiting::new(stream)).add(segment);
        Some(id)
    }
}
