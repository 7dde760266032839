//! Waits for the database and brings its schema up to date, before anything is received.

use tokio_util::sync::CancellationToken;

use super::{Backoff, MigrateError, Pool, migrate};
use crate::health::Health;

/// The database can't be used as it is configured, or as it is.
pub type OpenError = MigrateError;

/// Migrates as soon as the database can be reached. A database that is away is waited for; one that answers with something that
/// waiting won't change is an error. `Ok(false)` when told to stop first.
///
/// One of several that was away first is waited for whatever it answers then: the others work by that time.
pub async fn open(
    pool: &Pool,
    is_alone: bool,
    health: &Health,
    stop: &CancellationToken,
) -> Result<bool, OpenError> {
    let mut backoff = Backoff::default();
    let mut is_first = true;
    loop {
        let result = tokio::select! {
            () = stop.cancelled() => return Ok(false),
            result = migrate(pool) => result,
        };
        let error = match result {
            Ok(applied) => {
                tracing::info!(applied = applied.len(), "the database's schema is up to date");
                health.clear(HEALTH);
                return Ok(true);
            }
            Err(error) if error.is_permanent() && (is_alone || is_first) => return Err(error),
            Err(error) => error,
        };
        is_first = false;
        pool.forget();
        let wait = backoff.next_wait();
        tracing::warn!(%error, ?wait, "the database can't be used yet; nothing is received until it can");
        health.set(HEALTH, error.to_string());
        tokio::select! {
            () = stop.cancelled() => return Ok(false),
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// The part of [`Health`] that this answers for.
pub(crate) const HEALTH: &str = "schema";
