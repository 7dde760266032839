//! What the spool counts.

use std::{
    io,
    sync::{Arc, atomic::AtomicBool},
};

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};

/// Numbers of the spool; clones share them.
#[derive(Clone, Debug, Default)]
pub struct SpoolMetrics {
    /// Bytes of its segments on disk.
    pub bytes: Gauge,
    /// Forward chunks that stand in it alone.
    pub chunks: Gauge,
    /// Forward chunks that were written to it.
    pub written: Counter,
    /// Records that were dropped because it was full.
    pub dropped: Counter,
    /// Damaged places that were found in it.
    pub damaged: Counter,
    /// Failures to write it or read it.
    pub failures: Counter,
    /// There was no room in it, and nothing was taken out since.
    pub full: Arc<AtomicBool>,
    /// The last attempt to write it failed.
    pub failing: Arc<AtomicBool>,
}

impl SpoolMetrics {
    /// Takes over how synchronising a file of it with the disk ended.
    pub fn synced(&self, result: io::Result<()>) {
        if let Err(error) = result {
            self.failures.inc();
            tracing::error!(%error, "spool can't be synchronised with the disk");
        }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("spool_bytes", "Bytes of disk that the spool takes", self.bytes.clone());
        let help = "Forward chunks that wait in the spool alone";
        registry.register("spool_chunks", help, self.chunks.clone());
        let help = "Forward chunks written to the spool";
        registry.register("spooled_chunks", help, self.written.clone());
        let help = "Records dropped because the spool was full";
        registry.register("spool_dropped_records", help, self.dropped.clone());
        let help = "Damaged places found in the spool";
        registry.register("spool_damaged", help, self.damaged.clone());
        let help = "Failures to write or read the spool";
        registry.register("spool_failures", help, self.failures.clone());
    }
}
