//! Sees to it that the Community edition of TimescaleDB compresses old hypertable chunks: by a policy of its own, in its own background
//! workers. See `log.compress_after` in `sql/migrations/0009_sealing.sql`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::step::{Running, Step};
use crate::store::pool::Client;

/// Sets the policy.
#[derive(Debug)]
pub(super) struct Compress {
    after: f64,
    said: AtomicBool,
}

impl Compress {
    pub(super) fn new(after: Duration) -> Self {
        Self { after: after.as_secs_f64(), said: AtomicBool::new(false) }
    }
}

impl Step for Compress {
    fn name(&self) -> &'static str {
        "compress"
    }

    fn every(&self) -> Duration {
        Duration::from_secs(10 * 60)
    }

    fn run<'a>(&'a self, client: &'a Client) -> Running<'a> {
        Box::pin(async {
            if self.after == 0.0 {
                return Ok(());
            }
            let row = client
                .query_one("SELECT log.compress_after(make_interval(secs => $1))", &[&self.after])
                .await?;
            if let Some(reason) = row.get::<_, Option<&str>>(0)
                && !self.said.swap(true, Ordering::Relaxed)
            {
                tracing::info!(reason, "hypertable chunks are not compressed");
            }
            Ok(())
        })
    }
}
