//! What is counted, for Prometheus.

use std::sync::Arc;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

mod labels;
mod lifecycle;
mod store;

use labels::register;
pub use lifecycle::LifecycleMetrics;
use store::Families;
pub use store::StoreMetrics;

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
    stores: Families,
    lifecycles: lifecycle::Families,
    /// Bytes received on Forward connections.
    pub bytes: Counter,
    /// Forward chunks received and not answered.
    pub unacked_chunks: Gauge,
    /// Bytes of forward chunks held.
    pub memory_bytes: Gauge,
    /// Records rejected because their sender may not write their source.
    pub forbidden: Counter,
    /// Requests to the API that are in no row of the audit.
    pub audit_lost: Counter,
    /// Connections whose peers left before they had said who they are.
    pub vanished: Counter,
    /// Connections ended by us.
    refused: Family<Reason, Counter>,
    /// Connections.
    pub connections: Gauge,
    http_requests: Family<HttpRequest, Counter>,
    registry: Registry,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HttpRequest {
    path: &'static str,
    status: u16,
}

impl Metrics {
    /// Those of one database that records are stored in: a shard, or the only one.
    pub fn store(&self, shard: Option<&Arc<str>>) -> StoreMetrics {
        self.stores.of(shard)
    }

    /// Those of the background work on it.
    pub fn lifecycle(&self, shard: Option<&Arc<str>>) -> LifecycleMetrics {
        self.lifecycles.of(shard)
    }

    /// A connection was refused, or ended, for this reason.
    pub fn refused(&self, reason: &'static str) {
        self.refused.get_or_create(&Reason { reason }).inc();
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
        // A metric by shard, where there is but one database. No value of a label has braces.
        text.replace("{} ", " ")
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("trunkline_ingester");
        let all = &mut registry;
        let numbers = Numbers {
            stores: Families::register(all),
            lifecycles: lifecycle::Families::register(all),
            bytes: register(
                all,
                "bytes",
                "Bytes received on Forward connections",
                Counter::default(),
            ),
            unacked_chunks: register(
                all,
                "unacked_chunks",
                "Forward chunks received and not answered",
                Gauge::default(),
            ),
            memory_bytes: register(
                all,
                "memory_bytes",
                "Bytes of forward chunks held",
                Gauge::default(),
            ),
            forbidden: register(
                all,
                "forbidden",
                "Records rejected because their sender may not write their source",
                Counter::default(),
            ),
            audit_lost: register(
                all,
                "audit_lost",
                "Requests to the API that left no row in the audit: too many, or no database to store them",
                Counter::default(),
            ),
            vanished: register(
                all,
                "vanished",
                "Connections that their peer left before the handshake was done",
                Counter::default(),
            ),
            refused: register(
                all,
                "refused",
                "Connections ended by the ingester",
                Family::default(),
            ),
            connections: register(all, "connections", "Forward connections", Gauge::default()),
            http_requests: register(
                all,
                "http_requests",
                "HTTP requests answered",
                Family::default(),
            ),
            registry: Registry::default(),
        };
        Self(Arc::new(Numbers { registry, ..numbers }))
    }
}

#[cfg(test)]
mod tests {
    use trunkline_record::Table;

    use super::*;

    #[test]
    fn names_are_as_documented() {
        let metrics = Metrics::default();
        let store = metrics.store(None);
        store.stored(Table::Patroni, 1);
        store.retried("connection");
        let lifecycle = metrics.lifecycle(None);
        lifecycle.removed("log.postgres", "age", "rows", 0);
        metrics.refused("gap");
        metrics.http_request("/metrics", 200);
        let text = metrics.render();
        for line in [
            "trunkline_ingester_rows_total{table=\"patroni\"} 1",
            "trunkline_ingester_rows_total{table=\"component\"} 0",
            "trunkline_ingester_batch_seconds_count 0",
            "trunkline_ingester_batch_rows_count 0",
            "trunkline_ingester_lag_seconds 0",
            "trunkline_ingester_removed_total{table=\"log.postgres\",reason=\"age\",what=\"rows\"} 1",
            "trunkline_ingester_sealed_total 0",
            "trunkline_ingester_refused_total{reason=\"gap\"} 1",
            "trunkline_ingester_retries_total{class=\"connection\"} 1",
            "trunkline_ingester_http_requests_total{path=\"/metrics\",status=\"200\"} 1",
        ] {
            assert!(text.contains(line), "{line} in\n{text}");
        }
    }

    #[test]
    fn shards_are_told_by_a_label() {
        let metrics = Metrics::default();
        for name in ["a", "b"] {
            let store = metrics.store(Some(&name.into()));
            store.stored(Table::Postgres, 1);
            store.batches.inc();
            store.batch_rows.observe(1.0);
        }
        let text = metrics.render();
        for line in [
            "trunkline_ingester_rows_total{table=\"postgres\",shard=\"a\"} 1",
            "trunkline_ingester_batches_total{shard=\"b\"} 1",
            "trunkline_ingester_batch_rows_count{shard=\"b\"} 1",
            "trunkline_ingester_left_chunks_total{shard=\"a\"} 0",
        ] {
            assert!(text.contains(line), "{line} in\n{text}");
        }
    }
}
