//! What is counted for each database that records are stored in. With several, a label says which.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use trunkline_record::Table;

use super::labels::{Labels, register};

/// The metrics of one database. Clones share the same numbers.
#[derive(Debug, Clone)]
pub struct StoreMetrics(Arc<Numbers>);

impl std::ops::Deref for StoreMetrics {
    type Target = Numbers;

    fn deref(&self) -> &Numbers {
        &self.0
    }
}

/// The numbers themselves.
#[derive(Debug)]
pub struct Numbers {
    /// Transactions committed.
    pub batches: Counter,
    /// Those of them that went beside others of their streams.
    pub batches_beside: Counter,
    /// Seconds that a batch took from its cut to its commit, retries included.
    pub batch_seconds: Histogram,
    /// Rows of a batch.
    pub batch_rows: Histogram,
    /// Forward chunks waiting for their writer.
    pub queue_depth: Gauge,
    /// Forward chunks that were left to their senders, since their shard had no room for them.
    pub left: Counter,
    /// Records committed to `log.rejected`.
    pub rejected: Counter,
    /// Records that came again and were skipped, as far as they were read; forward chunks that came again whole are not read.
    pub duplicates: Counter,
    /// Gaps in streams, see `log.stream.gaps`.
    pub gaps: Counter,
    /// Seconds from the newest committed `log_time` to its commit.
    pub lag_seconds: Gauge<f64, AtomicU64>,
    labels: Labels,
    /// Whether this ingester is the one that looks after the tables.
    pub lifecycle_leader: Gauge,
    families: Families,
}

impl StoreMetrics {
    /// So many records were committed to a table.
    pub fn stored(&self, table: Table, rows: u64) {
        self.families
            .rows
            .get_or_create(&self.labels.with(&[("table", table.name())]))
            .inc_by(rows);
    }

    /// A batch failed for the time being.
    pub fn retried(&self, class: &'static str) {
        self.families.retries.get_or_create(&self.labels.with(&[("class", class)])).inc();
    }

    /// A step of the lifecycle ended.
    pub fn step_ran(&self, step: &'static str, took: Duration, is_ok: bool) {
        let (label, families) = (self.labels.with(&[("step", step)]), &self.families);
        families.lifecycle_seconds.get_or_create(&label).set(took.as_secs_f64());
        if is_ok {
            let now = chrono::Utc::now().timestamp_micros() as f64 / 1e6;
            families.lifecycle_success.get_or_create(&label).set(now);
        } else {
            families.lifecycle_failures.get_or_create(&label).inc();
        }
    }
}

/// The metrics of all databases.
#[derive(Debug, Clone)]
pub(super) struct Families {
    rows: Family<Labels, Counter>,
    batches: Family<Labels, Counter>,
    batches_beside: Family<Labels, Counter>,
    batch_seconds: Family<Labels, Histogram, fn() -> Histogram>,
    batch_rows: Family<Labels, Histogram, fn() -> Histogram>,
    queue_depth: Family<Labels, Gauge>,
    left: Family<Labels, Counter>,
    rejected: Family<Labels, Counter>,
    duplicates: Family<Labels, Counter>,
    gaps: Family<Labels, Counter>,
    lag_seconds: Family<Labels, Gauge<f64, AtomicU64>>,
    retries: Family<Labels, Counter>,
    lifecycle_leader: Family<Labels, Gauge>,
    lifecycle_failures: Family<Labels, Counter>,
    lifecycle_seconds: Family<Labels, Gauge<f64, AtomicU64>>,
    lifecycle_success: Family<Labels, Gauge<f64, AtomicU64>>,
}

impl Families {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let seconds = || Histogram::new(exponential_buckets(0.002, 2.0, 14));
        let rows = || Histogram::new(exponential_buckets(1.0, 4.0, 10));
        let batch_seconds = Family::new_with_constructor(seconds as fn() -> Histogram);
        registry.register_with_unit(
            "batch",
            "Time from the cut of a batch to its commit, retries included",
            Unit::Seconds,
            batch_seconds.clone(),
        );
        let lag_seconds = Family::default();
        registry.register_with_unit(
            "lag",
            "Time from the newest committed log_time to its commit",
            Unit::Seconds,
            lag_seconds.clone(),
        );
        Self {
            rows: register(
                registry,
                "rows",
                "Records committed, by table of schema log",
                Family::default(),
            ),
            batches: register(registry, "batches", "Transactions committed", Family::default()),
            batches_beside: register(
                registry,
                "batches_beside",
                "Transactions committed that went beside others of the same streams",
                Family::default(),
            ),
            batch_seconds,
            batch_rows: register(
                registry,
                "batch_rows",
                "Rows of a batch",
                Family::new_with_constructor(rows as fn() -> Histogram),
            ),
            queue_depth: register(
                registry,
                "queue_depth",
                "Forward chunks waiting for their writer",
                Family::default(),
            ),
            left: register(
                registry,
                "left_chunks",
                "Forward chunks left to their senders while their shard had no room for them",
                Family::default(),
            ),
            rejected: register(
                registry,
                "rejected",
                "Records committed to log.rejected",
                Family::default(),
            ),
            duplicates: register(
                registry,
                "duplicates",
                "Records that came again and were skipped",
                Family::default(),
            ),
            gaps: register(registry, "gaps", "Gaps in streams, see log.stream", Family::default()),
            lag_seconds,
            retries: register(
                registry,
                "retries",
                "Batches that had to be tried again",
                Family::default(),
            ),
            lifecycle_leader: register(
                registry,
                "lifecycle_leader",
                "Whether this ingester is the one that looks after the tables",
                Family::default(),
            ),
            lifecycle_failures: register(
                registry,
                "lifecycle_failures",
                "Steps of the lifecycle that failed, to be tried again",
                Family::default(),
            ),
            lifecycle_seconds: register(
                registry,
                "lifecycle_step_seconds",
                "Seconds that a step of the lifecycle took the last time",
                Family::default(),
            ),
            lifecycle_success: register(
                registry,
                "lifecycle_last_success_timestamp_seconds",
                "When a step of the lifecycle last succeeded, in seconds since 1970",
                Family::default(),
            ),
        }
    }

    /// Those of one database.
    pub(super) fn of(&self, shard: Option<&Arc<str>>) -> StoreMetrics {
        let all = Labels::of(shard);
        let metrics = StoreMetrics(Arc::new(Numbers {
            batches: self.batches.get_or_create_owned(&all),
            batches_beside: self.batches_beside.get_or_create_owned(&all),
            batch_seconds: self.batch_seconds.get_or_create_owned(&all),
            batch_rows: self.batch_rows.get_or_create_owned(&all),
            queue_depth: self.queue_depth.get_or_create_owned(&all),
            left: self.left.get_or_create_owned(&all),
            rejected: self.rejected.get_or_create_owned(&all),
            duplicates: self.duplicates.get_or_create_owned(&all),
            gaps: self.gaps.get_or_create_owned(&all),
            lag_seconds: self.lag_seconds.get_or_create_owned(&all),
            lifecycle_leader: self.lifecycle_leader.get_or_create_owned(&all),
            labels: all,
            families: self.clone(),
        }));
        // There from the start: a rate over what appears with its first count misses that count.
        for table in Table::ALL {
            metrics.stored(table, 0);
        }
        metrics
    }
}
