//! Removes what is too old, or too much. What goes when is in `log.retention`, how it goes in `sql/migrations/0007_retention.sql`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytesize::ByteSize;
use serde::Deserialize;
use tokio_postgres::types::ToSql;

use super::step::{Running, Step};
use crate::config::Error;
use crate::metrics::LifecycleMetrics;
use crate::store::pool::Client;

/// `[retention]`: what is written to `log.retention`'s row for everybody. What isn't set here stays as it is there.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Rows older than this go.
    #[serde(with = "humantime_serde")]
    pub max_age: Option<Duration>,
    /// Rows of `log.rejected` go when they are older than this, if not sooner.
    #[serde(with = "humantime_serde")]
    pub rejected_max_age: Option<Duration>,
    /// When all takes more than this, the oldest goes.
    pub max_size: Option<ByteSize>,
    /// When less than this is free on the database's disk, the oldest goes.
    pub min_free: Option<ByteSize>,
}

impl Config {
    pub(crate) fn check(&self) -> Result<(), Error> {
        for (setting, age) in [
            ("retention.max_age", self.max_age),
            ("retention.rejected_max_age", self.rejected_max_age),
        ] {
            if age.is_some_and(|age| age < HOUR) {
                return Err(Error::Invalid { setting, reason: "must be at least 1h".to_owned() });
            }
        }
        Ok(())
    }
}

const HOUR: Duration = Duration::from_secs(60 * 60);

/// Applies `log.retention`.
#[derive(Debug)]
pub(super) struct Retention {
    config: Config,
    metrics: LifecycleMetrics,
    said: AtomicBool,
}

impl Retention {
    pub(super) fn new(config: &Config, metrics: LifecycleMetrics) -> Self {
        Self { config: config.clone(), metrics, said: AtomicBool::new(false) }
    }
}

const SET: &str = "\
INSERT INTO log.retention AS r (max_age, rejected_max_age, max_bytes, min_free_bytes) \
VALUES (justify_hours(make_interval(secs => $1)), justify_hours(make_interval(secs => $2)), $3, $4) \
ON CONFLICT (namespace, cluster) DO UPDATE SET \
max_age = coalesce(excluded.max_age, r.max_age), \
rejected_max_age = coalesce(excluded.rejected_max_age, r.rejected_max_age), \
max_bytes = coalesce(excluded.max_bytes, r.max_bytes), \
min_free_bytes = coalesce(excluded.min_free_bytes, r.min_free_bytes)";

/// The last that was removed, and whether the limit of the disk is one that nobody can see.
const BEFORE: &str = "\
SELECT coalesce((SELECT max(id) FROM log.removed), 0), \
EXISTS (SELECT FROM log.retention WHERE min_free_bytes IS NOT NULL) AND log.free_bytes() IS NULL";

const REMOVED: &str = "\
SELECT relation, reason, what, chunk, namespace, cluster, range_end::text, rows, bytes, error \
FROM log.removed WHERE id > $1 ORDER BY id";

impl Step for Retention {
    fn name(&self) -> &'static str {
        "apply_retention"
    }

    fn every(&self) -> Duration {
        Duration::from_secs(5 * 60)
    }

    fn run<'a>(&'a self, client: &'a Client) -> Running<'a> {
        Box::pin(async {
            let config = &self.config;
            let seconds = |age: Option<Duration>| age.map(|age| age.as_secs_f64());
            let bytes = |size: Option<ByteSize>| {
                size.map(|size| i64::try_from(size.as_u64()).unwrap_or(i64::MAX))
            };
            let parameters: [&(dyn ToSql + Sync); 4] = [
                &seconds(config.max_age),
                &seconds(config.rejected_max_age),
                &bytes(config.max_size),
                &bytes(config.min_free),
            ];
            client.execute(SET, &parameters).await?;
            let before = client.query_one(BEFORE, &[]).await?;
            let (last, is_blind): (i64, bool) = (before.get(0), before.get(1));
            if is_blind && !self.said.swap(true, Ordering::Relaxed) {
                tracing::warn!(
                    "the free disk can't be seen, so retention.min_free does nothing: \
                     GRANT pg_execute_server_program to the owner of the tables"
                );
            }
            client.batch_execute("CALL log.apply_retention()").await?;
            for row in client.query(REMOVED, &[&last]).await? {
                self.report(&row);
            }
            Ok(())
        })
    }
}

impl Retention {
    /// A removal, or a failed one, as a line of the log and in the metrics.
    fn report(&self, row: &tokio_postgres::Row) {
        let (table, reason, what): (&str, &str, &str) = (row.get(0), row.get(1), row.get(2));
        let text = |at: usize| row.get::<_, Option<&str>>(at);
        let number = |at: usize| row.get::<_, Option<i64>>(at);
        let (chunk, namespace, cluster, until) = (text(3), text(4), text(5), text(6));
        match text(9) {
            None => {
                let (rows, bytes) = (number(7), number(8));
                tracing::info!(
                    table,
                    reason,
                    what,
                    chunk,
                    namespace,
                    cluster,
                    until,
                    rows,
                    bytes,
                    "removed by retention"
                );
                let size = bytes.unwrap_or(0).max(0).cast_unsigned();
                self.metrics.removed(table, reason, what, size);
            }
            Some(error) => {
                tracing::warn!(
                    table,
                    reason,
                    what,
                    chunk,
                    namespace,
                    cluster,
                    until,
                    error,
                    "retention could not remove this yet"
                );
                self.metrics.removal_failures.inc();
            }
        }
    }
}
