//! Forgets what those who watch were told long ago, see `sql/migrations/0013_feed.sql`.

use std::time::Duration;

use super::step::{Running, Step};
use crate::store::pool::Client;

/// Trims `log.feed`.
#[derive(Debug)]
pub(super) struct Trim;

impl Step for Trim {
    fn name(&self) -> &'static str {
        "trim_feed"
    }

    fn every(&self) -> Duration {
        Duration::from_secs(60)
    }

    fn run<'a>(&'a self, client: &'a Client) -> Running<'a> {
        Box::pin(async {
            // Some at a time, each in a short transaction of its own.
            loop {
                let row = client.query_one("SELECT log.trim_feed()", &[]).await?;
                match row.get::<_, i64>(0) {
                    0 => return Ok(()),
                    removed => tracing::debug!(removed, "trimmed the feed"),
                }
            }
        })
    }
}
