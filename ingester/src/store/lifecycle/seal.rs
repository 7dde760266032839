//! Builds the search indexes of hypertable chunks whose time has passed. Which ones, and by what statements, is in
//! `sql/migrations/0009_sealing.sql`; here is why it does no harm: one index at a time, while rows may be written to the hypertable
//! chunk, and a pause after each as long as it took, so that at most half of one core goes into it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::step::{Running, Step};
use crate::metrics::LifecycleMetrics;
use crate::store::pool::{Client, describe};

/// How often one looks when there is nothing to do.
const IDLE: Duration = Duration::from_secs(10);
/// The shortest and the longest pause when there is.
const PAUSE: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(15 * 60)];

/// Seals hypertable chunks.
#[derive(Debug)]
pub(super) struct Seal {
    grace: f64,
    metrics: LifecycleMetrics,
    /// Milliseconds to the next look.
    pause: AtomicU64,
    said: AtomicBool,
}

impl Seal {
    pub(super) fn new(grace: Duration, metrics: LifecycleMetrics) -> Self {
        let (pause, said) = (AtomicU64::new(0), AtomicBool::new(false));
        Self { grace: grace.as_secs_f64(), metrics, pause, said }
    }

    fn pause_for(&self, pause: Duration) {
        self.pause.store(u64::try_from(pause.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

const NEXT: &str = "\
SELECT chunk::text, index_name, leftover, statement, count(*) OVER () \
FROM log.unsealed(now(), make_interval(secs => $1)) LIMIT 1";

const NOTE: &str = "SELECT log.note_sealing($1::text::regclass, $2, $3, $4)";

impl Step for Seal {
    fn name(&self) -> &'static str {
        "seal"
    }

    fn every(&self) -> Duration {
        Duration::from_millis(self.pause.load(Ordering::Relaxed))
    }

    fn run<'a>(&'a self, client: &'a Client) -> Running<'a> {
        Box::pin(async {
            self.pause_for(IDLE);
            self.say_what_is_missing(client).await?;
            let Some(next) = client.query_opt(NEXT, &[&self.grace]).await? else {
                self.metrics.unsealed_indexes.set(0);
                return Ok(());
            };
            let (chunk, index): (&str, &str) = (next.get(0), next.get(1));
            let (leftover, statement): (Option<&str>, &str) = (next.get(2), next.get(3));
            self.metrics.unsealed_indexes.set(next.get(4));
            let note = async |error: Option<&str>, is_done: bool| {
                client.execute(NOTE, &[&chunk, &index, &error, &is_done]).await
            };
            note(None, false).await?;
            let started = Instant::now();
            match build(client, chunk, leftover, statement).await {
                Ok(()) => {
                    let took = started.elapsed();
                    self.pause_for(took.clamp(PAUSE[0], PAUSE[1]));
                    note(None, true).await?;
                    self.metrics.sealed.inc();
                    self.metrics.seal_seconds.observe(took.as_secs_f64());
                    tracing::info!(chunk, index, ?took, "sealed a hypertable chunk");
                }
                // A broken connection has nobody to tell; the index that is left over is found by the next leader.
                Err(error) if client.is_closed() => return Err(error),
                Err(error) => {
                    let error = describe(&error);
                    self.metrics.seal_failures.inc();
                    tracing::warn!(
                        chunk,
                        index,
                        error,
                        "a hypertable chunk could not be sealed; it is tried again later"
                    );
                    note(Some(&error), false).await?;
                }
            }
            Ok(())
        })
    }
}

/// Each statement by itself, since `CONCURRENTLY` doesn't go with a transaction, and several in one message are one.
async fn build(
    client: &Client,
    chunk: &str,
    leftover: Option<&str>,
    statement: &str,
) -> Result<(), tokio_postgres::Error> {
    if let Some(drop) = leftover {
        client.batch_execute(drop).await?;
    }
    client.batch_execute(statement).await?;
    // The planner is to know what has become of it, now that hardly anything changes any more.
    client.batch_execute(&format!("ANALYZE {chunk}")).await
}

impl Seal {
    async fn say_what_is_missing(&self, client: &Client) -> Result<(), tokio_postgres::Error> {
        let missing = client.query("SELECT * FROM log.missing_extensions()", &[]).await?;
        for row in missing {
            let extension: &str = row.get(0);
            if !self.said.swap(true, Ordering::Relaxed) {
                tracing::warn!(
                    extension,
                    "an extension that indexes need is missing: text search goes without; CREATE EXTENSION mends it"
                );
            }
        }
        Ok(())
    }
}
