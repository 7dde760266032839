//! Between the collector and the host: events wait here, as many as the host may take at once, until it asks.
//!
//! The host asks once a second, takes all there is, copies it and says so. That it has copied it doesn't mean that it is in a chunk: its
//! threads have a ring buffer between them, which nobody empties while the input is paused or the host ends. So what was taken counts as
//! the host's after a few more calls, which don't come while the input is paused; then the checkpoint moves.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;
use trunkline_collector::{
    destination::Destination,
    outbox::{Chunk, Inbox},
    streams::{Stream, Streams},
};
use trunkline_forward::Inflater;
use trunkline_record::{ChunkHeader, StreamId, event::write_events};

use crate::given::GIVEN;

/// So many calls later what the host has taken counts as its own. Fluent Bit empties its ring buffers several times between two calls.
const SETTLED_AFTER: u64 = 5;

/// A forward chunk is closed by its size, and one record may be as long as `tail.max_record` allows.
const MOST_DECOMPRESSED: usize = 2 << 30;

/// Up to where a stream goes with some events.
type Mark = (Arc<Stream>, u64);

/// What collector and host share.
#[derive(Debug)]
pub struct Handover {
    /// As many bytes may wait.
    limit: usize,
    state: Mutex<State>,
    /// There is room, or a stream's position may move.
    news: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: Batch,
    /// What the host has taken, by the number of the call.
    taken: VecDeque<(u64, Vec<Mark>)>,
    calls: u64,
    paused: bool,
}

/// Events, and up to where they are of which streams.
#[derive(Debug, Default)]
pub struct Batch {
    /// As the host takes them.
    pub events: Vec<u8>,
    marks: Vec<Mark>,
}

impl Handover {
    /// With room for so many bytes of events, or for one forward chunk of any size.
    pub fn new(limit: usize) -> Self {
        Self { limit, state: Mutex::default(), news: Notify::new() }
    }

    /// Gives the host what waits: it is lent until it is [`taken`].
    pub fn give(self: &Arc<Self>) -> Option<(*const u8, usize)> {
        let mut state = self.lock();
        state.calls += 1;
        // Who is asked isn't paused.
        state.paused = false;
        self.news.notify_one();
        if state.waiting.events.is_empty() || GIVEN.has(self) {
            return None;
        }
        Some(GIVEN.lend(self, std::mem::take(&mut state.waiting)))
    }

    /// Takes no more from the tail thread, or goes on.
    pub fn pause(&self, pause: bool) {
        self.lock().paused = pause;
        self.news.notify_one();
    }

    fn has_room(&self) -> bool {
        let state = self.lock();
        !state.paused && state.waiting.events.len() < self.limit
    }

    fn add(&self, mark: Mark, events: &[u8]) {
        let mut state = self.lock();
        state.waiting.events.extend_from_slice(events);
        state.waiting.marks.push(mark);
    }

    /// What counts as the host's by now.
    fn settled(&self) -> Vec<Mark> {
        let mut state = self.lock();
        let calls = state.calls;
        let is_settled = |(call, _): &(u64, Vec<Mark>)| call + SETTLED_AFTER <= calls;
        let count = state.taken.iter().take_while(|taken| is_settled(taken)).count();
        state.taken.drain(..count).flat_map(|(_, marks)| marks).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // What a panic leaves behind is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The host has copied the events at this address.
pub fn taken(address: usize) {
    if let Some((handover, batch)) = GIVEN.take_back(address) {
        let mut state = handover.lock();
        let call = state.calls;
        state.taken.push_back((call, batch.marks));
    }
}

/// The collector's end, before it has an inbox.
#[derive(Debug)]
pub struct Taker(Arc<Handover>);

impl Taker {
    /// Of this handover.
    pub fn new(handover: Arc<Handover>) -> Self {
        Self(handover)
    }

    /// Takes what this inbox gives.
    pub fn of(self, inbox: Inbox, streams: &Arc<Streams>) -> ToHost {
        let (inflater, runs) = (Inflater::new(MOST_DECOMPRESSED), HashMap::new());
        ToHost {
            handover: self.0,
            inbox,
            streams: Arc::clone(streams),
            runs,
            inflater,
            events: Vec::new(),
        }
    }
}

/// Makes events of forward chunks, and moves positions.
#[derive(Debug)]
pub struct ToHost {
    handover: Arc<Handover>,
    inbox: Inbox,
    streams: Arc<Streams>,
    runs: HashMap<StreamId, Run>,
    inflater: Inflater,
    events: Vec<u8>,
}

/// How far this run has come with a stream.
#[derive(Clone, Copy, Debug)]
struct Run {
    /// Where it began.
    began: u64,
    /// Up to where there are events.
    at: u64,
}

impl ToHost {
    /// Makes events of a forward chunk; `false` when it can't be read, so that nothing behind it may be handed over either.
    fn take(&mut self, chunk: Chunk) -> bool {
        let Chunk { stream, source, sealed } = chunk;
        let run = Run { began: sealed.from, at: sealed.from };
        let run = self.runs.entry(stream.id).or_insert(run);
        let header = ChunkHeader {
            stream: stream.id,
            // Where there are bytes but no records, the next event answers for them.
            from: run.at,
            to: sealed.to,
            acked: Some(run.began),
            source: (*source).clone(),
            path: Some(stream.path.clone()),
        };
        self.events.clear();
        let entries = self.inflater.inflate(sealed.compression, &sealed.entries);
        let written = entries.map_err(|error| error.to_string()).and_then(|entries| {
            write_events(&header, entries, &mut self.events).map_err(|error| error.to_string())
        });
        match written {
            Ok(0) => return true,
            Ok(_) => run.at = sealed.to,
            // It was packed a moment ago.
            Err(error) => {
                tracing::error!(stream = %stream.id, %error, "a forward chunk can't be read again");
                return false;
            }
        }
        self.handover.add((stream, sealed.to), &self.events);
        true
    }

    fn settle(&self) {
        for (stream, to) in self.handover.settled() {
            self.streams.acknowledge(&stream, to);
        }
    }
}

impl Destination for ToHost {
    async fn run(&mut self) {
        let handover = Arc::clone(&self.handover);
        loop {
            self.settle();
            let room = handover.has_room();
            tokio::select! {
                () = handover.news.notified() => {}
                chunk = self.inbox.take(), if room => {
                    if !chunk.is_some_and(|chunk| self.take(chunk)) {
                        return;
                    }
                }
            }
        }
    }

    fn unacked(&self) -> u64 {
        let state = self.handover.lock();
        let taken = state.taken.iter().map(|(_, marks)| marks.len());
        (state.waiting.marks.len() + taken.sum::<usize>()) as u64
    }

    fn put_away(&mut self) -> u64 {
        self.settle();
        self.unacked()
    }
}
