//! Counters and gauges of the collector, as Prometheus reads them.

mod connection;
mod spool;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicBool},
};

use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

pub use connection::{Connection, ConnectionState};
pub use spool::SpoolMetrics;

use crate::streams::Streams;

/// With more streams than this, the lag is given as one sum only: one series for each file ever seen
/// would flood the monitoring.
const STREAMS_BY_NAME: usize = 20;

/// What the parts of the collector count; clones share the numbers.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    /// Records packed into forward chunks.
    pub records: Counter,
    /// Raw bytes of files that were packed into forward chunks.
    pub bytes: Counter,
    /// Bytes written to the socket, resends included.
    pub shipped_bytes: Counter,
    /// Records that could not be parsed and travel as rejected.
    pub rejected: Counter,
    /// Records that were cut on their way to a receiver that takes no longer ones.
    pub truncated: Counter,
    /// Forward chunks that were closed.
    pub chunks: Counter,
    /// Forward chunks that were acknowledged.
    pub acked_chunks: Counter,
    /// Forward chunks that wait for their acks.
    pub unacked_chunks: Gauge,
    /// Their compressed bytes.
    pub unacked_bytes: Gauge,
    /// Files that are open.
    pub files_open: Gauge,
    /// Connections made.
    pub connects: Counter,
    /// 1 while connected.
    pub connection_up: Gauge,
    /// How it stands with the connection, in words.
    pub connection: Connection,
    /// Checkpoints written.
    pub checkpoint_writes: Counter,
    /// Checkpoints that could not be written.
    pub checkpoint_failures: Counter,
    /// The last attempt to write the checkpoint failed.
    pub checkpoint_failing: Arc<AtomicBool>,
    /// What the spool counts.
    pub spool: SpoolMetrics,
    /// What the globs matched when they were last looked at.
    matched: Arc<Mutex<Matched>>,
    /// Files and directories that can't be read, and why.
    problems: Arc<Mutex<BTreeMap<PathBuf, String>>>,
}

/// What the globs match.
#[derive(Clone, Debug, Default)]
pub struct Matched {
    /// How many files.
    pub files: usize,
    /// The globs that match none.
    pub none: Vec<String>,
    /// How many more wait to be known who writes them.
    pub waiting: usize,
}

impl Metrics {
    /// Takes over what the globs match now; returns whether the globs that match none are others than
    /// before.
    pub fn set_matched(&self, matched: Matched) -> bool {
        let mut known = self.matched.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = known.none != matched.none;
        *known = matched;
        changed
    }

    /// What the globs match.
    pub fn matched(&self) -> Matched {
        self.matched.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes over which files and directories can't be read, and why.
    pub fn set_problems(&self, problems: BTreeMap<PathBuf, String>) {
        *self.problems.lock().unwrap_or_else(PoisonError::into_inner) = problems;
    }

    /// The first of what can't be read, with the reason.
    pub fn problems(&self, most: usize) -> Vec<(PathBuf, String)> {
        let problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        problems.iter().take(most).map(|(path, why)| (path.clone(), why.clone())).collect()
    }

    /// The metrics page.
    pub fn page(&self, streams: &Streams) -> String {
        let mut registry = Registry::with_prefix("trunkline_collector");
        let mut counter = |name: &str, help: &str, counter: &Counter| {
            registry.register(name, help, counter.clone());
        };
        counter("records", "Records packed into forward chunks", &self.records);
        counter("bytes", "Raw bytes of files packed into forward chunks", &self.bytes);
        counter(
            "shipped_bytes",
            "Bytes written to the socket, resends included",
            &self.shipped_bytes,
        );
        counter("rejected", "Records that could not be parsed", &self.rejected);
        let help = "Records cut when sent, since a compatible receiver takes no longer ones";
        counter("truncated", help, &self.truncated);
        counter("chunks", "Forward chunks closed", &self.chunks);
        counter("acked_chunks", "Forward chunks acknowledged", &self.acked_chunks);
        counter("connects", "Connections made", &self.connects);
        counter("checkpoint_writes", "Checkpoints written", &self.checkpoint_writes);
        counter(
            "checkpoint_failures",
            "Checkpoints that could not be written",
            &self.checkpoint_failures,
        );
        let mut gauge = |name: &str, help: &str, gauge: &Gauge| {
            registry.register(name, help, gauge.clone());
        };
        gauge("unacked_chunks", "Forward chunks that wait for their acks", &self.unacked_chunks);
        gauge("unacked_bytes", "Compressed bytes that wait for their acks", &self.unacked_bytes);
        gauge("files_open", "Files that are open", &self.files_open);
        gauge("connection_up", "1 while connected", &self.connection_up);

        let all = streams.all();
        let matched = Gauge::<i64>::default();
        matched.set(saturating(self.matched().files as u64));
        gauge("files_matched", "Files that the globs match", &matched);
        let lag = Gauge::<i64>::default();
        lag.set(saturating(all.iter().map(|stream| stream.lag()).sum()));
        gauge("lag_bytes", "Bytes in files that are not acknowledged", &lag);
        self.spool.register(&mut registry);

        if all.len() <= STREAMS_BY_NAME {
            let family = Family::<Vec<(&str, String)>, Gauge>::default();
            for stream in &all {
                let labels = vec![("stream", stream.id.to_string()), ("path", stream.path.clone())];
                family.get_or_create(&labels).set(saturating(stream.lag()));
            }
            let help = "Bytes in this file that are not acknowledged";
            registry.register("stream_lag_bytes", help, family);
        }

        let mut page = String::new();
        if encode(&mut page, &registry).is_err() {
            // Writing to a String can't fail; should an encoder ever, an empty page shows it.
            page.clear();
        }
        page
    }
}

fn saturating(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use trunkline_record::Source;

    use super::*;
    use crate::identity::{FileId, FirstLine};

    fn streams(count: u64) -> Streams {
        let streams = Streams::new(Source::default(), []);
        for ino in 0..count {
            let line = FirstLine::of(b"line\n").unwrap();
            let file = FileId { dev: 1, ino };
            let stream =
                streams.identify(streams.source(), file, &line, "/a\"b", 100, SystemTime::now());
            stream.set_size(100);
            streams.acknowledge(&stream, 60);
        }
        streams
    }

    #[test]
    fn the_page_has_every_number() {
        let metrics = Metrics::default();
        metrics.records.inc_by(3);
        metrics.set_matched(Matched { files: 2, ..Matched::default() });
        let page = metrics.page(&streams(2));
        for line in [
            "trunkline_collector_records_total 3",
            "trunkline_collector_bytes_total 0",
            "trunkline_collector_shipped_bytes_total 0",
            "trunkline_collector_rejected_total 0",
            "trunkline_collector_truncated_total 0",
            "trunkline_collector_chunks_total 0",
            "trunkline_collector_acked_chunks_total 0",
            "trunkline_collector_unacked_chunks 0",
            "trunkline_collector_unacked_bytes 0",
            "trunkline_collector_files_open 0",
            "trunkline_collector_files_matched 2",
            "trunkline_collector_connects_total 0",
            "trunkline_collector_connection_up 0",
            "trunkline_collector_checkpoint_writes_total 0",
            "trunkline_collector_checkpoint_failures_total 0",
            "trunkline_collector_lag_bytes 80",
            "trunkline_collector_spool_bytes 0",
            "trunkline_collector_spool_chunks 0",
            "trunkline_collector_spooled_chunks_total 0",
            "trunkline_collector_spool_dropped_records_total 0",
            "trunkline_collector_spool_damaged_total 0",
            "trunkline_collector_spool_failures_total 0",
        ] {
            assert!(page.lines().any(|other| other == line), "{line} in\n{page}");
        }
        assert_eq!(page.matches("trunkline_collector_stream_lag_bytes{").count(), 2);
        assert!(page.contains(r#"path="/a\"b""#), "{page}");
        assert!(page.ends_with("# EOF\n"));
    }

    #[test]
    fn many_streams_are_given_as_a_sum_only() {
        let page = Metrics::default().page(&streams(21));
        assert!(page.contains("trunkline_collector_lag_bytes 840\n"));
        assert!(!page.contains("stream_lag_bytes{"));
    }
}
