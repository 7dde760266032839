//! Cuts the hypertables: the next hypertable chunk is there before it is needed, and spans a time that suits the volume. What that
//! means is in `sql/migrations/0005_hypertable_chunks.sql`.

use std::time::Duration;

use tokio_postgres::types::ToSql;

use super::Config;
use super::step::{Running, Step};
use crate::store::pool::Client;

/// Makes hypertable chunks ahead of time.
#[derive(Debug)]
pub(super) struct Ahead;

impl Step for Ahead {
    fn name(&self) -> &'static str {
        "make_next_chunks"
    }

    /// Often compared with the shortest hypertable chunk.
    fn every(&self) -> Duration {
        Duration::from_secs(30)
    }

    fn run<'a>(&'a self, client: &'a Client) -> Running<'a> {
        Box::pin(async {
            let made =
                client.query("SELECT made::text FROM log.make_next_chunks() AS made", &[]).await?;
            for row in made {
                let table: &str = row.get(0);
                tracing::info!(table, "made the next hypertable chunk");
            }
            Ok(())
        })
    }
}

/// Fits the interval of hypertable chunks to come.
#[derive(Debug)]
pub(super) struct Interval {
    bytes: i64,
    shortest: f64,
    longest: f64,
}

impl Interval {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            bytes: i64::try_from(config.chunk_size.as_u64()).unwrap_or(i64::MAX),
            shortest: config.chunk_interval_min.as_secs_f64(),
            longest: config.chunk_interval_max.as_secs_f64(),
        }
    }
}

const FIT: &str = "\
SELECT hypertable::text, was::text, becomes::text \
FROM log.fit_chunk_interval($1, make_interval(secs => $2), make_interval(secs => $3))";

impl Step for Interval {
    fn name(&self) -> &'static str {
        "fit_chunk_interval"
    }

    fn every(&self) -> Duration {
        Duration::from_secs(10 * 60)
    }

    fn run<'a>(&'a self, client: &'a Client) -> Running<'a> {
        Box::pin(async {
            let parameters: [&(dyn ToSql + Sync); 3] = [&self.bytes, &self.shortest, &self.longest];
            for row in client.query(FIT, &parameters).await? {
                let (table, was, becomes): (&str, &str, &str) =
                    (row.get(0), row.get(1), row.get(2));
                tracing::info!(
                    table,
                    was,
                    becomes,
                    "fitted the interval of hypertable chunks to the volume"
                );
            }
            Ok(())
        })
    }
}
