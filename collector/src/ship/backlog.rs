//! Everything that isn't acknowledged: the window, and behind it the spool when that is needed.
//!
//! The spool begins when the window is full and acks don't come, or when a file is gone of which not all
//! is acknowledged and they don't come at once. Then what is in the window is written to it first, and
//! each new forward chunk goes behind that, until everything was taken out again and acks come.

use std::{
    fs::File,
    sync::Arc,
    time::{Duration, Instant},
};

use super::unacked::{Acknowledged, Unacked};
use crate::{config::SpoolConfig, outbox::Chunk, spool::Spool};

/// A file that is gone is in the spool after this time: nothing else outlives the collector.
const URGENT: Duration = Duration::from_secs(1);

/// The backlog.
#[derive(Debug)]
pub struct Backlog {
    window: Unacked,
    spool: Option<Spool>,
    after: Duration,
    /// New forward chunks go into the spool.
    spooling: bool,
    /// One that the spool didn't take; everything waits for it.
    waiting: Option<Chunk>,
    /// When an ack came, or something to wait for.
    moved: Instant,
    at_risk_since: Option<Instant>,
}

impl Backlog {
    /// A window of so many compressed bytes, behind what `spool` holds.
    pub fn new(window: usize, config: &SpoolConfig, spool: Option<Spool>, now: Instant) -> Self {
        let spooling = spool.as_ref().is_some_and(|spool| spool.pending() > 0);
        Self {
            window: Unacked::new(window),
            spool,
            after: config.after,
            spooling,
            waiting: None,
            moved: now,
            at_risk_since: None,
        }
    }

    /// What is in memory.
    pub fn window(&self) -> &Unacked {
        &self.window
    }

    /// Whether there is a spool.
    pub fn has_spool(&self) -> bool {
        self.spool.is_some()
    }

    /// Whether another forward chunk may be taken.
    pub fn has_room(&self) -> bool {
        self.waiting.is_none() && (self.spooling || self.window.has_room())
    }

    /// Takes a forward chunk.
    pub fn push(&mut self, chunk: Chunk, now: Instant) {
        if self.window.is_empty() {
            self.moved = now;
        }
        self.waiting = Some(chunk);
        self.place(now);
        self.refill();
    }

    /// Puts the forward chunk that waits where it belongs, if there is room.
    fn place(&mut self, now: Instant) {
        let Some(chunk) = self.waiting.take() else { return };
        match &mut self.spool {
            Some(spool) if self.spooling => {
                if spool.append(&chunk, now).is_err() {
                    self.waiting = Some(chunk);
                }
            }
            _ => self.window.push(chunk),
        }
    }

    /// Takes out of the spool what the window has room for.
    fn refill(&mut self) {
        let Some(spool) = &mut self.spool else { return };
        while self.window.has_room() {
            if let Some(taken) = spool.take() {
                self.window.push_spooled(taken.chunk, taken.segment);
            } else if let Some(chunk) = self.waiting.take() {
                // Nothing is before it.
                self.window.push(chunk);
            } else {
                return;
            }
        }
    }

    /// Looks whether the spool is needed; `at_risk` says that a file is gone of which not all is
    /// acknowledged.
    pub fn tick(&mut self, now: Instant, at_risk: bool) {
        self.at_risk_since = at_risk.then(|| self.at_risk_since.unwrap_or(now));
        self.place(now);
        self.refill();
        if self.is_needed(now) {
            self.begin(now);
        }
    }

    fn is_needed(&self, now: Instant) -> bool {
        if self.spooling || self.window.is_empty() {
            return false;
        }
        let still = now.saturating_duration_since(self.moved);
        let full = !self.window.has_room();
        let at_risk = self.at_risk_since.map(|since| now.saturating_duration_since(since));
        // Acks may come, and yet too slowly.
        let slow = at_risk.is_some_and(|time| time >= self.after);
        full && (still >= self.after || slow) || at_risk.is_some() && still >= URGENT
    }

    /// Writes the window to the spool; once all of it is there, what comes goes behind it.
    fn begin(&mut self, now: Instant) {
        let Some(spool) = self.spool.as_mut().filter(|spool| spool.is_on()) else { return };
        for (chunk, segment) in self.window.unspooled() {
            match spool.append_taken(chunk, now) {
                Ok(number) => *segment = Some(number),
                Err(_) => return,
            }
        }
        self.spooling = true;
        tracing::warn!(
            bytes = spool.bytes(),
            "acknowledgements don't keep up; what is read goes to the spool"
        );
    }

    /// Writes all that is unacknowledged to the spool. Returns how much of it isn't there.
    pub fn put_away(&mut self, now: Instant) -> u64 {
        if !self.spooling && !self.window.is_empty() {
            self.begin(now);
        }
        self.place(now);
        let unspooled = self.window.unspooled().count() + usize::from(self.waiting.is_some());
        unspooled as u64
    }

    /// Files to be synchronised with the disk.
    pub fn dirty(&mut self) -> Vec<Arc<File>> {
        self.spool.as_mut().map(Spool::dirty).unwrap_or_default()
    }

    /// See [`Unacked::send`].
    pub fn send(&mut self, now: Instant) -> Option<&Chunk> {
        self.window.send(now)
    }

    /// See [`Unacked::rewind`].
    pub fn rewind(&mut self) {
        self.window.rewind();
    }

    /// See [`Unacked::acknowledge`].
    pub fn acknowledge(&mut self, id: &[u8], now: Instant) -> Acknowledged {
        let acknowledged = self.window.acknowledge(id, now);
        if let Acknowledged::Moved { .. } = acknowledged {
            self.moved = now;
            self.caught_up(now);
        }
        acknowledged
    }

    /// Gives back what is acknowledged; with nothing left in the spool alone, it ends.
    fn caught_up(&mut self, now: Instant) {
        let released = self.window.released();
        let Some(spool) = &mut self.spool else { return };
        for segment in released {
            spool.release(segment);
        }
        self.place(now);
        self.refill();
        let Some(spool) = &self.spool else { return };
        if self.spooling && spool.pending() == 0 && self.window.has_room() {
            self.spooling = false;
            tracing::info!("everything was taken out of the spool");
        }
    }

    /// See [`Unacked::waiting_since`].
    pub fn waiting_since(&self) -> Option<Instant> {
        self.window.waiting_since()
    }

    /// How many forward chunks there are.
    pub fn len(&self) -> u64 {
        let pending = self.spool.as_ref().map_or(0, Spool::pending);
        self.window.len() as u64 + pending + u64::from(self.waiting.is_some())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
