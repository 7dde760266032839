//! The memory for forward chunks: a fixed number of bytes, shared by all peers, of which none may hold more than its part.
//!
//! While the database is away nothing is given back, and who sends fastest or most would soon hold everything: another's first forward
//! chunk would wait as long as the database does. A part is that of an address, not of a connection: what a connection has sent is held
//! until it is stored, also after its end, and who connects again and again would have part upon part.

mod permit;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytesize::ByteSize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub use self::permit::MemoryPermit;
use crate::metrics::Metrics;

/// Permits are for units of this many bytes, so that their number fits where the semaphore wants it.
const UNIT: u64 = 1_024;

/// One peer holds at most this part of the whole; more when the largest message is more. Large enough to keep all writers busy with one
/// sender alone, or with many behind one address; small enough to leave room for others.
const PART: u32 = 8;

/// This part of the whole is for what a message needs beyond its share, see [`PeerMemory::grow`].
const RESERVE: u32 = 8;

/// The memory that is left. Clones share it.
#[derive(Debug, Clone)]
pub struct Memory {
    left: Arc<Semaphore>,
    reserve: Arc<Semaphore>,
    /// Of the reserve, in units.
    reserved: u32,
    /// Of one peer.
    part: u32,
    databases: u32,
    peers: Arc<Mutex<Peers>>,
    metrics: Metrics,
}

/// Each peer's part; `None` is this machine's Unix socket.
type Peers = HashMap<Option<IpAddr>, Weak<Part>>;

/// What is left of one peer's part. It is gone when the peer has no connection and nothing of it is held.
#[derive(Debug)]
struct Part {
    left: Arc<Semaphore>,
    /// What the forward chunks of each database may take of it, where there are several.
    databases: Vec<Arc<Semaphore>>,
}

/// What one peer may take of it.
#[derive(Debug)]
pub struct PeerMemory {
    memory: Memory,
    part: Arc<Part>,
}

impl Memory {
    /// All of `size`, for so many databases; a peer's part of it holds at least `largest`.
    pub fn new(size: ByteSize, largest: usize, databases: usize, metrics: Metrics) -> Self {
        let all = u32::try_from(size.as_u64() / UNIT).unwrap_or(u32::MAX);
        let reserved = all / RESERVE;
        let units = all - reserved;
        let part = (all / PART).max(units_of(largest)).min(units);
        Self {
            left: Arc::new(Semaphore::new(units as usize)),
            reserve: Arc::new(Semaphore::new(reserved as usize)),
            reserved,
            part,
            databases: u32::try_from(databases.max(1)).unwrap_or(u32::MAX),
            peers: Arc::default(),
            metrics,
        }
    }

    /// For a connection of this peer.
    pub fn of(&self, peer: Option<IpAddr>) -> PeerMemory {
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        let part = peers.get(&peer).and_then(Weak::upgrade).unwrap_or_else(|| {
            peers.retain(|_, part| part.strong_count() > 0);
            let semaphore = |units: u32| Arc::new(Semaphore::new(units as usize));
            let of_database = |_| semaphore(self.of_database());
            let several = self.databases > 1;
            let databases = (0..self.databases).filter(|_| several).map(of_database).collect();
            let part = Arc::new(Part { left: semaphore(self.part), databases });
            peers.insert(peer, Arc::downgrade(&part));
            part
        });
        PeerMemory { memory: self.clone(), part }
    }

    /// What one of several databases may take of a peer's part, in units.
    fn of_database(&self) -> u32 {
        (self.part / self.databases).max(1)
    }
}

impl PeerMemory {
    /// What each of several databases may take of it, and how many units that is; none where there is but one.
    pub(super) fn databases(&self) -> (&[Arc<Semaphore>], u32) {
        (&self.part.databases, self.memory.of_database())
    }

    /// Takes what holds `bytes`, waiting until it is free: first in the peer's own part, so that a peer that holds all of its part doesn't
    /// stand in the others' way. Who waits longest is served first, so a large share isn't starved by small ones.
    pub async fn take(&self, bytes: usize) -> MemoryPermit {
        // More than all there is would wait for ever. A part holds the largest message; what it is counted for beside may be more.
        let units = units_of(bytes).min(self.memory.part);
        let of_part = acquire(&self.part.left, units).await;
        let units = acquire(&self.memory.left, units).await;
        MemoryPermit::new(units, of_part, Arc::clone(&self.part), self.memory.metrics.clone())
    }

    /// What a share needs to hold `bytes`, and hasn't; `None` when it is enough.
    fn missing(&self, share: &MemoryPermit, bytes: usize) -> Option<u32> {
        // More than the whole reserve would wait for ever. Who has all of it is alone with that.
        let most = self.memory.reserved.saturating_add(share.first_units());
        let missing = units_of(bytes).min(most).saturating_sub(share.units());
        (missing > 0).then_some(missing)
    }

    /// Whether a share holds `bytes`, if need be with what the reserve has left.
    pub fn try_grow(&self, share: &mut MemoryPermit, bytes: usize) -> bool {
        let Some(missing) = self.missing(share, bytes) else { return true };
        let more = Arc::clone(&self.memory.reserve).try_acquire_many_owned(missing);
        more.is_ok_and(|more| {
            share.add(more);
            true
        })
    }

    /// Waits until a share can hold `bytes`, by what it takes out of the reserve. Who waits here holds nothing of the reserve, and who has
    /// what it needs waits only for the database: so shares that grow never wait for one another.
    pub async fn grow(&self, share: &mut MemoryPermit, bytes: usize) {
        if let Some(missing) = self.missing(share, bytes) {
            share.add(acquire(&self.memory.reserve, missing).await);
        }
    }
}

async fn acquire(semaphore: &Arc<Semaphore>, units: u32) -> OwnedSemaphorePermit {
    // No semaphore here is ever closed.
    #[allow(clippy::expect_used)]
    Arc::clone(semaphore).acquire_many_owned(units).await.expect("an open semaphore")
}

pub(super) fn units_of(bytes: usize) -> u32 {
    u32::try_from((bytes as u64).div_ceil(UNIT)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use futures_util::poll;

    use super::*;

    const LARGEST: usize = 4 << 10;
    const PEERS: [Option<IpAddr>; 2] = [
        Some(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1))),
        Some(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2))),
    ];

    #[tokio::test]
    async fn a_share_is_given_back_on_drop() {
        let metrics = Metrics::default();
        let memory = Memory::new(ByteSize::kib(4), LARGEST, 1, metrics.clone()).of(None);
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
        let memory = Memory::new(ByteSize::kib(4), 1 << 20, 1, Metrics::default()).of(None);
        drop(memory.take(1 << 20).await);
    }

    #[tokio::test]
    async fn who_takes_all_it_can_leaves_the_others_their_part() {
        let memory = Memory::new(ByteSize::kib(64), LARGEST, 1, Metrics::default());
        let (greedy, modest) = (memory.of(PEERS[0]), memory.of(PEERS[1]));
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
        let memory = Memory::new(ByteSize::kib(5), LARGEST, 1, Metrics::default());
        let (greedy, modest) = (memory.of(PEERS[0]), memory.of(PEERS[1]));
        let _first = greedy.take(1_024).await;
        let mut waiting = Box::pin(greedy.take(LARGEST));
        assert!(poll!(&mut waiting).is_pending());
        assert!(poll!(&mut Box::pin(modest.take(LARGEST))).is_ready());
    }

    #[tokio::test]
    async fn who_connects_again_has_the_part_that_it_holds_already() {
        let memory = Memory::new(ByteSize::kib(64), LARGEST, 1, Metrics::default());
        let held = memory.of(PEERS[0]).take(2 * LARGEST).await;
        let again = memory.of(PEERS[0]);
        let mut waiting = Box::pin(again.take(1));
        assert!(poll!(&mut waiting).is_pending());
        assert!(poll!(&mut Box::pin(memory.of(PEERS[1]).take(2 * LARGEST))).is_ready());
        drop(held);
        drop(waiting.await);
        drop(again);
        let _other = memory.of(None);
        assert_eq!(memory.peers.lock().unwrap().len(), 1, "who is gone is forgotten");
    }

    #[tokio::test]
    async fn a_share_grows_out_of_the_reserve_which_is_given_back_with_it() {
        let metrics = Metrics::default();
        let memory = Memory::new(ByteSize::kib(64), LARGEST, 1, metrics.clone());
        let (one, other) = (memory.of(PEERS[0]), memory.of(PEERS[1]));
        let (mut first, mut second) = (one.take(1_024).await, other.take(1_024).await);
        assert!(one.try_grow(&mut first, 1_000), "it is enough");
        assert!(one.try_grow(&mut first, 6 << 10));
        assert!(one.try_grow(&mut first, 8 << 10));
        assert_eq!(metrics.memory_bytes.get(), 9 << 10);
        assert!(!other.try_grow(&mut second, 3 << 10));
        {
            let mut waiting = Box::pin(other.grow(&mut second, 1 << 20));
            assert!(poll!(&mut waiting).is_pending());
            drop(first);
            // More than there is takes all there is.
            waiting.await;
        }
        assert_eq!(metrics.memory_bytes.get(), 9 << 10);
        drop(second);
        assert_eq!(metrics.memory_bytes.get(), 0);
    }

    #[tokio::test]
    async fn giving_up_gives_back() {
        let memory = Memory::new(ByteSize::kib(4), LARGEST, 1, Metrics::default());
        let (one, other) = (memory.of(PEERS[0]), memory.of(PEERS[1]));
        let held = one.take(LARGEST).await;
        let mut waiting = Box::pin(other.take(LARGEST));
        assert!(poll!(&mut waiting).is_pending());
        drop(waiting);
        drop(held);
        drop(other.take(LARGEST).await);
    }
}
