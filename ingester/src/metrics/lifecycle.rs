//! What retention and sealing count on each database. With several, a label says which.

use std::sync::Arc;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use super::labels::{Labels, register};

/// The metrics of one database. Clones share the same numbers.
#[derive(Debug, Clone)]
pub struct LifecycleMetrics {
    /// Indexes that hypertable chunks whose time has passed still lack.
    pub unsealed_indexes: Gauge,
    /// Indexes built on hypertable chunks.
    pub sealed: Counter,
    /// Seconds that such an index took.
    pub seal_seconds: Histogram,
    /// Indexes that could not be built.
    pub seal_failures: Counter,
    /// Removals by retention that failed.
    pub removal_failures: Counter,
    removed_bytes: Counter,
    labels: Labels,
    families: Families,
}

impl LifecycleMetrics {
    /// Retention removed a hypertable chunk of so many bytes, or rows.
    pub fn removed(&self, table: &str, reason: &str, what: &str, bytes: u64) {
        let labels = self.labels.with(&[("table", table), ("reason", reason), ("what", what)]);
        self.families.removed.get_or_create(&labels).inc();
        self.removed_bytes.inc_by(bytes);
    }
}

/// The metrics of all databases.
#[derive(Debug, Clone)]
pub(super) struct Families {
    unsealed_indexes: Family<Labels, Gauge>,
    sealed: Family<Labels, Counter>,
    seal_seconds: Family<Labels, Histogram, fn() -> Histogram>,
    seal_failures: Family<Labels, Counter>,
    removed: Family<Labels, Counter>,
    removed_bytes: Family<Labels, Counter>,
    removal_failures: Family<Labels, Counter>,
}

impl Families {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let seconds = || Histogram::new(exponential_buckets(0.1, 4.0, 9));
        let seal_seconds = Family::new_with_constructor(seconds as fn() -> Histogram);
        registry.register_with_unit(
            "seal",
            "Time that an index of a hypertable chunk took",
            Unit::Seconds,
            seal_seconds.clone(),
        );
        Self {
            unsealed_indexes: register(
                registry,
                "unsealed_indexes",
                "Indexes that hypertable chunks whose time has passed still lack",
                Family::default(),
            ),
            sealed: register(
                registry,
                "sealed",
                "Indexes built on hypertable chunks whose time has passed",
                Family::default(),
            ),
            seal_seconds,
            seal_failures: register(
                registry,
                "seal_failures",
                "Indexes of hypertable chunks that could not be built and are tried again",
                Family::default(),
            ),
            removed: register(
                registry,
                "removed",
                "Hypertable chunks, and rows of one cluster in one, that retention removed",
                Family::default(),
            ),
            removed_bytes: register(
                registry,
                "removed_bytes",
                "Bytes of hypertable chunks that retention removed",
                Family::default(),
            ),
            removal_failures: register(
                registry,
                "removal_failures",
                "Removals by retention that failed and are tried again",
                Family::default(),
            ),
        }
    }

    /// Those of one database.
    pub(super) fn of(&self, shard: Option<&Arc<str>>) -> LifecycleMetrics {
        let all = Labels::of(shard);
        LifecycleMetrics {
            unsealed_indexes: self.unsealed_indexes.get_or_create_owned(&all),
            sealed: self.sealed.get_or_create_owned(&all),
            seal_seconds: self.seal_seconds.get_or_create_owned(&all),
            seal_failures: self.seal_failures.get_or_create_owned(&all),
            removal_failures: self.removal_failures.get_or_create_owned(&all),
            removed_bytes: self.removed_bytes.get_or_create_owned(&all),
            labels: all,
            families: self.clone(),
        }
    }
}
