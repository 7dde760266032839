//! Moves what batches have added to the counts where it is read from, see `sql/migrations/0012_counts.sql`: often enough for what waits
//! there to be little, whatever is stored meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::step::{Running, Step};
use crate::store::pool::Client;

/// Counts that are moved in one transaction: about a second's work.
const AT_ONCE: i64 = 100_000;

/// Moves counts.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Whether more is waiting than one transaction takes.
    is_behind: AtomicBool,
}

impl Step for Counts {
    fn name(&self) -> &'static str {
        "compact_counts"
    }

    fn every(&self) -> Duration {
        match self.is_behind.load(Ordering::Relaxed) {
            true => Duration::from_millis(100),
            false => Duration::from_secs(10),
        }
    }

    fn run<'a>(&'a self, client: &'a Client) -> Running<'a> {
        Box::pin(async {
            let row = client.query_one("SELECT log.compact_counts($1)", &[&AT_ONCE]).await?;
            let moved: i64 = row.get(0);
            self.is_behind.store(moved == AT_ONCE, Ordering::Relaxed);
            if moved > 0 {
                // What is read with every query is to stay as small as what waits there. Writers needn't wait for its end to be cut off.
                client.batch_execute("VACUUM (TRUNCATE false) log.count_delta").await?;
            }
            Ok(())
        })
    }
}
