//! The memory for forward chunks: a fixed number of bytes, shared by all connections, of which none may hold more than its part.
//!
//! While the database is away nothing is given back, and who sends fastest or most would soon hold everything: another's first forward
//! chunk would wait as long as the database does.

use std::sync::Arc;

use bytesize::ByteSize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::metrics::Metrics;

/// Permits are for units of this many bytes, so that their number fits where the semaphore wants it.
const UNIT: u64 = 1_024;

/// One connection holds at most this part of the whole; more when the largest message is more. Large enough to keep a writer busy
/// with one sender alone, small enough to leave room for many.
const PART: u32 = 8;

/// The memory that is left. Clones share it.
#[derive(Debug, Clone)]
pub struct Memory {
    left: Arc<Semaphore>,
    /// Of one connection.
    part: u32,
    metrics: Metrics,
}

/// What one connection may take of it.
#[derive(Debug)]
pub struct ConnectionMemory {
    memory: Memory,
    left: Arc<Semaphore>,
}

/// A share of the memory, given back on drop.
#[derive(Debug)]
pub struct MemoryPermit {
    units: OwnedSemaphorePermit,
    /// The same out of its connection's part.
    _part: OwnedSemaphorePermit,
    /// What else is given back with it: shares of what one of several databases may hold.
    others: Vec<OwnedSemaphorePermit>,
    metrics: Metrics,
}

impl MemoryPermit {
    /// How much it is, in units of the memory.
    pub(super) fn units(&self) -> u32 {
        u32::try_from(self.units.num_permits()).unwrap_or(u32::MAX)
    }

    /// Gives another share back together with this one.
    pub(super) fn keep(&mut self, others: impl IntoIterator<Item = OwnedSemaphorePermit>) {
        self.others.extend(others);
    }
}

impl Memory {
    /// All of `size`; a connection's part of it holds at least `largest`.
    pub fn new(size: ByteSize, largest: usize, metrics: Metrics) -> Self {
        let units = u32::try_from(size.as_u64() / UNIT).unwrap_or(u32::MAX);
        let part = (units / PART).max(units_of(largest)).min(units);
        Self { left: Arc::new(Semaphore::new(units as usize)), part, metrics }
    }

    /// One connection's part of it, in units.
    pub(super) fn part(&self) -> u32 {
        self.part
    }

    /// For a new connection.
    pub fn connection(&self) -> ConnectionMemory {
        ConnectionMemory {
            memory: self.clone(),
            left: Arc::new(Semaphore::new(self.part as usize)),
        }
    }
}

impl ConnectionMemory {
    /// Takes what holds `bytes`, waiting until it is free: first in the connection's own part, so that a connection that holds all of
    /// its part doesn't stand in the others' way. Who waits longest is served first, so a large share isn't starved by small ones.
    pub async fn take(&self, bytes: usize) -> MemoryPermit {
        // More than all there is would wait for ever. A part holds the largest message; what it is counted for beside may be more.
        let units = units_of(bytes).min(self.memory.part);
        let part = Arc::clone(&self.left).acquire_many_owned(units).await;
        let units = Arc::clone(&self.memory.left).acquire_many_owned(units).await;
        // Neither semaphore is ever closed.
        #[allow(clippy::expect_used)]
        let (units, part) = (units.expect("an open semaphore"), part.expect("an open semaphore"));
        self.memory.metrics.memory_bytes.inc_by(held(&units));
        MemoryPermit {
            units,
            _part: part,
            others: Vec::new(),
            metrics: self.memory.metrics.clone(),
        }
    }
}

pub(super) fn units_of(bytes: usize) -> u32 {
    u32::try_from((bytes as u64).div_ceil(UNIT)).unwrap_or(u32::MAX)
}

impl Drop for MemoryPermit {
    fn drop(&mut self) {
        self.metrics.memory_bytes.dec_by(held(&self.units));
    }
}

fn held(units: &OwnedSemaphorePermit) -> i64 {
    i64::try_from(units.num_permits() as u64 * UNIT).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use futures_util::poll;

    use super::*;

    const LARGEST: usize = 4 << 10;

    #[tokio::test]
    async fn a_share_is_given_back_on_drop() {
        let metrics = Metrics::default();
        let memory = Memory::new(ByteSize::kib(4), LARGEST, metrics.clone()).connection();
        let first = memory.take(3_000).await;
        assert_eq!(metrics.memory_bytes.get(), 3 * 1_024);
        let mut second = Box::pin(memory.take(2_000));
        assert!(poll!(&mut second).is_pending());
        drop(first);
        drop(second.await);
        assert_eq!(metrics.memory_bytes.get(), 0);
    }

    #[tokio::test]
    async fn more_than_all_there_is_takes_all() {
        let memory = Memory::new(ByteSize::kib(4), 1 << 20, Metrics::default()).connection();
        drop(memory.take(1 << 20).await);
    }

    #[tokio::test]
    async fn who_takes_all_it_can_leaves_theothers_their_part() {
        let memory = Memory::new(ByteSize::kib(64), LARGEST, Metrics::default());
        let (greedy, modest) = (memory.connection(), memory.connection());
        let first = greedy.take(LARGEST).await;
        let second = greedy.take(LARGEST).await;
        let mut third = Box::pin(greedy.take(LARGEST));
        assert!(poll!(&mut third).is_pending());
        let _modest = modest.take(2 * LARGEST).await;
        drop(first);
        drop((second, third.await));
    }

    #[tokio::test]
    async fn who_waits_for_its_own_part_does_not_stand_in_the_way() {
        let memory = Memory::new(ByteSize::kib(5), LARGEST, Metrics::default());
        let (greedy, modest) = (memory.connection(), memory.connection());
        let _first = greedy.take(1_024).await;
        let mut waiting = Box::pin(greedy.take(LARGEST));
        assert!(poll!(&mut waiting).is_pending());
        assert!(poll!(&mut Box::pin(modest.take(LARGEST))).is_ready());
    }

    #[tokio::test]
    async fn giving_up_gives_back() {
        let memory = Memory::new(ByteSize::kib(4), LARGEST, Metrics::default());
        let (one, other) = (memory.connection(), memory.connection());
        let held = one.take(LARGEST).await;
        let mut waiting = Box::pin(other.take(LARGEST));
        assert!(poll!(&mut waiting).is_pending());
        drop(waiting);
        drop(held);
        drop(other.take(LARGEST).await);
    }
}
