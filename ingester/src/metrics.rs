//! What is counted, for Prometheus.

use std::sync::Arc;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use trunkline_record::Table;

/// All metrics. Clones share the same numbers.
#[derive(Debug, Clone)]
pub struct Metrics(Arc<Numbers>);

impl std::ops::Deref for Metrics {
    type Target = Numbers;

    fn deref(&self) -> &Numbers {
        &self.0
    }
}

/// The numbers themselves.
#[derive(Debug)]
pub struct Numbers {
    rows: Family<TableName, Counter>,
    /// Bytes received on Forward connections.
    pub bytes: Counter,
    /// Transactions committed.
    pub batches: Counter,
    /// Seconds that a batch took from its cut to its commit, retries included.
    pub batch_seconds: Histogram,
    /// Rows of a batch.
    pub batch_rows: Histogram,
    /// Forward chunks received and not answered.
    pub unacked_chunks: Gauge,
    /// Bytes of forward chunks held.
    pub memory_bytes: Gauge,
    /// Forward chunks waiting for their writer.
    pub queue_depth: Gauge,
    /// Records committed to `log.rejected`.
    pub rejected: Counter,
    /// Records rejected because their sender may not write their source.
    pub forbidden: Counter,
    /// Connections ended by us.
    refused: Family<Reason, Counter>,
    /// Records that came again and were skipped, as far as they were read; forward chunks that came again whole are not read.
    pub duplicates: Counter,
    /// Gaps in streams, see `log.stream.gaps`.
    pub gaps: Counter,
    /// Connections.
    pub connections: Gauge,
    /// Seconds from the newest committed `log_time` to its commit.
    pub lag_seconds: Gauge<f64, std::sync::atomic::AtomicU64>,
    retries: Family<RetryClass, Counter>,
    http_requests: Family<HttpRequest, Counter>,
    registry: Registry,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TableName {
    table: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RetryClass {
    class: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HttpRequest {
    path: &'static str,
    status: u16,
}

impl Metrics {
    /// So many records were committed to a table.
    pub fn stored(&self, table: Table, rows: u64) {
        self.rows.get_or_create(&TableName { table: table.name() }).inc_by(rows);
    }

    /// A connection was refused, or ended, for this reason.
    pub fn refused(&self, reason: &'static str) {
        self.refused.get_or_create(&Reason { reason }).inc();
    }

    /// A batch failed for the time being.
    pub fn retried(&self, class: &'static str) {
        self.retries.get_or_create(&RetryClass { class }).inc();
    }

    /// An HTTP request was answered. `path` is the route's, not the request's, so that there are only as many as routes.
    pub fn http_request(&self, path: &'static str, status: u16) {
        self.http_requests.get_or_create(&HttpRequest { path, status }).inc();
    }

    /// In the OpenMetrics text format.
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a string doesn't fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.registry);
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("trunkline_ingester");
        macro_rules! register {
            ($metric:expr, $name:literal, $help:literal) => {{
                let metric = $metric;
                registry.register($name, $help, metric.clone());
                metric
            }};
        }
        let batch_seconds = Histogram::new(exponential_buckets(0.002, 2.0, 14));
        registry.register_with_unit(
            "batch",
            "Time from the cut of a batch to its commit, retries included",
            Unit::Seconds,
            batch_seconds.clone(),
        );
        let lag_seconds = Gauge::default();
        registry.register_with_unit(
            "lag",
            "Time from the newest committed log_time to its commit",
            Unit::Seconds,
            lag_seconds.clone(),
        );
        let numbers = Numbers {
            rows: register!(Family::default(), "rows", "Records committed, by table of schema log"),
            bytes: register!(Counter::default(), "bytes", "Bytes received on Forward connections"),
            batches: register!(Counter::default(), "batches", "Transactions committed"),
            batch_seconds,
            batch_rows: register!(
                Histogram::new(exponential_buckets(1.0, 4.0, 10)),
                "batch_rows",
                "Rows of a batch"
            ),
            unacked_chunks: register!(
                Gauge::default(),
                "unacked_chunks",
                "Forward chunks received and not answered"
            ),
            memory_bytes: register!(
                Gauge::default(),
                "memory_bytes",
                "Bytes of forward chunks held"
            ),
            queue_depth: register!(
                Gauge::default(),
                "queue_depth",
                "Forward chunks waiting for their writer"
            ),
            rejected: register!(
                Counter::default(),
                "rejected",
                "Records committed to log.rejected"
            ),
            forbidden: register!(
                Counter::default(),
                "forbidden",
                "Records rejected because their sender may not write their source"
            ),
            refused: register!(Family::default(), "refused", "Connections ended by the ingester"),
            duplicates: register!(
                Counter::default(),
                "duplicates",
                "Records that came again and were skipped"
            ),
            gaps: register!(Counter::default(), "gaps", "Gaps in streams, see log.stream"),
            connections: register!(Gauge::default(), "connections", "Forward connections"),
            lag_seconds,
            retries: register!(Family::default(), "retries", "Batches that had to be tried again"),
            http_requests: register!(Family::default(), "http_requests", "HTTP requests answered"),
            registry: Registry::default(),
        };
        let metrics = Self(Arc::new(Numbers { registry, ..numbers }));
        // There from the start: a rate over what appears with its first count misses that count.
        for table in Table::ALL {
            metrics.stored(table, 0);
        }
        metrics
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_documented() {
        let metrics = Metrics::default();
        metrics.stored(Table::Patroni, 1);
        metrics.refused("gap");
        metrics.retried("connection");
        metrics.http_request("/metrics", 200);
        let text = metrics.render();
        for line in [
            "trunkline_ingester_rows_total{table=\"patroni\"} 1",
            "trunkline_ingester_rows_total{table=\"component\"} 0",
            "trunkline_ingester_batch_seconds_count 0",
            "trunkline_ingester_batch_rows_count 0",
            "trunkline_ingester_lag_seconds 0",
            "trunkline_ingester_refused_total{reason=\"gap\"} 1",
            "trunkline_ingester_retries_total{class=\"connection\"} 1",
            "trunkline_ingester_http_requests_total{path=\"/metrics\",status=\"200\"} 1",
        ] {
            assert!(text.contains(line), "{line} in\n{text}");
        }
    }
}
