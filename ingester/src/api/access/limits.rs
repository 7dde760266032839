//! How much one tenant may ask at a time, so that none is in the others' way. Who sees all clusters is limited by itself, as if it were one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::Error;

/// `[http.limits]`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// Requests a second; for a moment twice as many.
    pub requests: u32,
    /// Requests that are being answered at a time.
    pub concurrent: u32,
    /// The same of live tails, which have no end of their own.
    pub tails: u32,
    /// The same of callers' own statements, each of which has a connection to the database.
    pub statements: u32,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self { requests: 50, concurrent: 16, tails: 64, statements: 4 }
    }
}

impl LimitsConfig {
    pub(in crate::api) fn check(&self) -> Result<(), Error> {
        let all = [self.requests, self.concurrent, self.tails, self.statements];
        match all.iter().all(|limit| (1..=100_000).contains(limit)) {
            true => Ok(()),
            false => Err(Error::Invalid {
                setting: "http.limits",
                reason: "each is from 1 to 100000".to_owned(),
            }),
        }
    }
}

/// A place among those who are being answered, until it is dropped.
pub(super) type Place = OwnedSemaphorePermit;

/// After how long another try makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooMany(pub(super) Duration);

/// Everybody's places.
#[derive(Debug)]
pub(super) struct Limits {
    config: LimitsConfig,
    /// As many as there are tenants and tokens: who isn't known gets no further than the door.
    askers: Mutex<HashMap<Arc<str>, Asker>>,
}

#[derive(Debug)]
struct Asker {
    /// Requests that may come at once, and when that was so.
    left: f64,
    at: Instant,
    concurrent: Arc<Semaphore>,
    tails: Arc<Semaphore>,
    statements: Arc<Semaphore>,
}

impl Limits {
    pub(super) fn new(config: LimitsConfig) -> Self {
        Self { config, askers: Mutex::default() }
    }

    /// Takes a place for this path, at this moment.
    pub(super) fn enter(&self, who: &Arc<str>, path: &str, now: Instant) -> Result<Place, TooMany> {
        let config = &self.config;
        let mut askers = self.askers.lock().unwrap_or_else(PoisonError::into_inner);
        let places = |count: u32| Arc::new(Semaphore::new(count as usize));
        let rate = f64::from(config.requests);
        let asker = askers.entry(Arc::clone(who)).or_insert_with(|| Asker {
            left: 2.0 * rate,
            at: now,
            concurrent: places(config.concurrent),
            tails: places(config.tails),
            statements: places(config.statements),
        });
        let passed = now.saturating_duration_since(asker.at).as_secs_f64();
        asker.left = (asker.left + passed * rate).min(2.0 * rate);
        asker.at = now;
        if asker.left < 1.0 {
            return Err(TooMany(Duration::from_secs_f64((1.0 - asker.left) / rate)));
        }
        let places = match path {
            "/api/v1/tail" => &asker.tails,
            "/api/v1/sql" => &asker.statements,
            _ => &asker.concurrent,
        };
        // When somebody is done isn't known.
        let place = Arc::clone(places).try_acquire_owned();
        let place = place.map_err(|_| TooMany(Duration::from_secs(1)))?;
        asker.left -= 1.0;
        Ok(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_beyond_the_rate_wait_for_their_turn() {
        let config = LimitsConfig { requests: 2, ..LimitsConfig::default() };
        let (limits, who, begin) = (Limits::new(config), "a".into(), Instant::now());
        for _ in 0..4 {
            drop(limits.enter(&who, "/", begin).unwrap());
        }
        assert_eq!(limits.enter(&who, "/", begin).unwrap_err().0, Duration::from_millis(500));
        assert!(limits.enter(&"b".into(), "/", begin).is_ok(), "another one's turn is its own");
        assert!(limits.enter(&who, "/", begin + Duration::from_millis(600)).is_ok());
        assert!(limits.enter(&who, "/", begin + Duration::from_millis(700)).is_err());
    }

    #[test]
    fn places_are_by_kind_and_come_back() {
        let config =
            LimitsConfig { concurrent: 1, tails: 1, statements: 1, ..LimitsConfig::default() };
        let (limits, who, now) = (Limits::new(config), "a".into(), Instant::now());
        let kinds = ["/api/v1/logs", "/api/v1/tail", "/api/v1/sql"];
        let places: Vec<_> = kinds.map(|path| limits.enter(&who, path, now).unwrap()).into();
        for path in kinds {
            assert!(limits.enter(&who, path, now).is_err(), "{path}");
        }
        drop(places);
        for path in kinds {
            assert!(limits.enter(&who, path, now).is_ok(), "{path}");
        }
    }
}
