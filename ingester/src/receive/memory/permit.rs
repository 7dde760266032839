//! A share of the memory for forward chunks, as long as it is held.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;

use super::{Part, UNIT};
use crate::metrics::Metrics;

/// A share of the memory, given back on drop.
#[derive(Debug)]
pub struct MemoryPermit {
    units: OwnedSemaphorePermit,
    /// The same out of its peer's part.
    _of_part: OwnedSemaphorePermit,
    /// What it grew by.
    more: Option<OwnedSemaphorePermit>,
    /// What else is given back with it: shares of what one of several databases may hold.
    others: Vec<OwnedSemaphorePermit>,
    _part: Arc<Part>,
    metrics: Metrics,
}

impl MemoryPermit {
    pub(super) fn new(
        units: OwnedSemaphorePermit,
        of_part: OwnedSemaphorePermit,
        part: Arc<Part>,
        metrics: Metrics,
    ) -> Self {
        metrics.memory_bytes.inc_by(bytes(&units));
        let (more, others) = (None, Vec::new());
        Self { units, _of_part: of_part, more, others, _part: part, metrics }
    }

    /// How much it is, in units of the memory.
    pub(in crate::receive) fn units(&self) -> u32 {
        self.first_units() + self.more.as_ref().map_or(0, units)
    }

    /// How much it was at first.
    pub(super) fn first_units(&self) -> u32 {
        units(&self.units)
    }

    /// Gives another share back together with this one.
    pub(in crate::receive) fn keep(
        &mut self,
        others: impl IntoIterator<Item = OwnedSemaphorePermit>,
    ) {
        self.others.extend(others);
    }

    /// Makes it larger.
    pub(super) fn add(&mut self, more: OwnedSemaphorePermit) {
        self.metrics.memory_bytes.inc_by(bytes(&more));
        match &mut self.more {
            Some(already) => already.merge(more),
            None => self.more = Some(more),
        }
    }
}

impl Drop for MemoryPermit {
    fn drop(&mut self) {
        let all = bytes(&self.units) + self.more.as_ref().map_or(0, bytes);
        self.metrics.memory_bytes.dec_by(all);
    }
}

fn units(permit: &OwnedSemaphorePermit) -> u32 {
    u32::try_from(permit.num_permits()).unwrap_or(u32::MAX)
}

fn bytes(permit: &OwnedSemaphorePermit) -> i64 {
    i64::try_from(permit.num_permits() as u64 * UNIT).unwrap_or(i64::MAX)
}
