//! Which database a forward chunk is stored in.
//!
//! With several databases none may stand in the others' way. Each has its part of the memory for forward chunks; one that holds all of it
//! and frees none is away, or far behind, and its forward chunks are left to their senders: not held, not answered. A sender that waits
//! for an ack keeps what isn't acknowledged and sends it again; what it sends of the same stream meanwhile is refused by the stream's
//! position. So its connection goes on for what belongs elsewhere. Who asks for no ack is waited for.

use std::sync::Arc;

use bytesize::ByteSize;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::Sender;
use trunkline_forward::Limits;
use trunkline_record::Source;

use super::memory::units_of;
use super::patience::Patience;
use crate::chunk::{Chunk, Foreign};
use crate::metrics::StoreMetrics;
use crate::shards::Shards;

/// The ways to the writers of all databases.
#[derive(Debug, Clone)]
pub struct Route {
    shards: Arc<Shards>,
    targets: Arc<[Target]>,
}

/// One database.
#[derive(Debug)]
pub struct Target {
    queue: Sender<Chunk>,
    metrics: StoreMetrics,
    /// Where there are several.
    part: Option<Part>,
}

/// What forward chunks of one database may take of the memory.
#[derive(Debug)]
struct Part {
    left: Arc<Semaphore>,
    size: u32,
    patience: Patience,
}

/// The writers have ended, which they never do while there are connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the writers have ended")]
pub struct WriterGone;

impl Target {
    /// One of `count` databases, and its queue; `memory` is that of all.
    pub fn new(
        queue: Sender<Chunk>,
        metrics: StoreMetrics,
        count: usize,
        memory: ByteSize,
        limits: Limits,
    ) -> Self {
        let part = (count > 1).then(|| {
            let share = usize::try_from(memory.as_u64()).unwrap_or(usize::MAX) / count;
            let size = units_of(share.max(limits.max_message));
            let left = Arc::new(Semaphore::new(size as usize));
            Part { left, size, patience: Patience::default() }
        });
        Self { queue, metrics, part }
    }
}

impl Route {
    /// Over one database for each shard.
    pub fn new(shards: Arc<Shards>, targets: Vec<Target>) -> Self {
        Self { shards, targets: targets.into() }
    }

    /// How many databases there are.
    pub fn count(&self) -> usize {
        self.targets.len()
    }

    /// Where a forward chunk belongs. One of another sender may hold records of several sources; it is stored as a whole, where the
    /// first of them belongs.
    pub fn shard(&self, own: &Source, foreign: Option<&Foreign>) -> usize {
        self.shards.of(foreign.and_then(|foreign| foreign.sources.first()).unwrap_or(own))
    }

    /// Waits for a place in the queue, or leaves the forward chunk to its sender.
    pub async fn send(&self, shard: usize, mut chunk: Chunk) -> Result<(), WriterGone> {
        let target = &self.targets[shard];
        let queue = &target.queue;
        let place = match &target.part {
            None => queue.reserve().await,
            Some(part) => {
                let units = chunk.memory.units().min(part.size);
                let room = async {
                    let permit = Arc::clone(&part.left).acquire_many_owned(units).await;
                    (permit, queue.reserve().await)
                };
                let room = match chunk.reply.is_wanted() {
                    true => part.patience.within(room).await,
                    false => Some(room.await),
                };
                let Some((permit, place)) = room else {
                    self.leave(shard, chunk);
                    return Ok(());
                };
                chunk.memory.keep(permit);
                place
            }
        };
        let place = place.map_err(|_| WriterGone)?;
        // Counted before it is in the queue, so that a writer never counts it out before it was counted in.
        target.metrics.queue_depth.inc();
        place.send(chunk);
        Ok(())
    }

    /// Its sender keeps it.
    fn leave(&self, shard: usize, chunk: Chunk) {
        tracing::debug!(stream = %chunk.header.stream, "left to its sender: its shard has no room");
        self.targets[shard].metrics.left.inc();
        chunk.reply.leave();
    }

    /// The same for one that has no place among the unanswered.
    pub fn count_left(&self, shard: usize) {
        self.targets[shard].metrics.left.inc();
    }
}
