//! The memory for forward chunks: a fixed number of bytes, shared by all connections, first come first served.

use std::sync::Arc;

use bytesize::ByteSize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::metrics::Metrics;

/// Permits are for units of this many bytes, so that their number fits where the semaphore wants it.
const UNIT: u64 = 1_024;

/// The memory that is left. Clones share it.
#[derive(Debug, Clone)]
pub struct Memory {
    left: Arc<Semaphore>,
    units: u32,
    metrics: Metrics,
}

/// A share of the memory, given back on drop.
#[derive(Debug)]
pub struct MemoryPermit {
    units: OwnedSemaphorePermit,
    metrics: Metrics,
}

impl Memory {
    /// All of `size`.
    pub fn new(size: ByteSize, metrics: Metrics) -> Self {
        let units = u32::try_from(size.as_u64() / UNIT).unwrap_or(u32::MAX);
        Self { left: Arc::new(Semaphore::new(units as usize)), units, metrics }
    }

    /// Takes what holds `bytes`, waiting until it is free. Who waits longest is served first, so a large share isn't starved by
    /// small ones.
    pub async fn take(&self, bytes: usize) -> MemoryPermit {
        let units = u32::try_from((bytes as u64).div_ceil(UNIT)).unwrap_or(u32::MAX);
        // More than all there is would wait for ever; the configuration makes sure that the largest message is less.
        let units = Arc::clone(&self.left).acquire_many_owned(units.min(self.units)).await;
        // The semaphore is never closed.
        #[allow(clippy::expect_used)]
        let units = units.expect("an open semaphore");
        self.metrics.memory_bytes.inc_by(held(&units));
        MemoryPermit { units, metrics: self.metrics.clone() }
    }
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
    use super::*;

    #[tokio::test]
    async fn a_share_is_given_back_on_drop() {
        let metrics = Metrics::default();
        let memory = Memory::new(ByteSize::kib(4), metrics.clone());
        let first = memory.take(3_000).await;
        assert_eq!(metrics.memory_bytes.get(), 3 * 1_024);
        let mut second = Box::pin(memory.take(2_000));
        assert!(futures_util::poll!(&mut second).is_pending());
        drop(first);
        drop(second.await);
        assert_eq!(metrics.memory_bytes.get(), 0);
    }

    #[tokio::test]
    async fn more_than_all_there_is_takes_all() {
        let memory = Memory::new(ByteSize::kib(4), Metrics::default());
        drop(memory.take(1 << 20).await);
    }
}
