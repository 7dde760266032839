//! `[lifecycle]`

use std::time::Duration;

use bytesize::ByteSize;
use serde::Deserialize;

use crate::config::Error;

/// What is done about the tables in the background.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// What a hypertable chunk should grow to, without its indexes.
    pub chunk_size: ByteSize,
    /// The shortest time that a hypertable chunk may span, whatever its size.
    #[serde(with = "humantime_serde")]
    pub chunk_interval_min: Duration,
    /// The longest.
    #[serde(with = "humantime_serde")]
    pub chunk_interval_max: Duration,
    /// How long after its end a hypertable chunk gets its search indexes.
    #[serde(with = "humantime_serde")]
    pub seal_after: Duration,
    /// The age at which a hypertable chunk is compressed, where TimescaleDB can; zero for never.
    #[serde(with = "humantime_serde")]
    pub compress_after: Duration,
}

impl Default for Config {
    fn default() -> Self {
        const HOUR: Duration = Duration::from_secs(60 * 60);
        Self {
            chunk_size: ByteSize::gib(2),
            chunk_interval_min: HOUR,
            chunk_interval_max: 24 * HOUR,
            seal_after: HOUR,
            compress_after: 7 * 24 * HOUR,
        }
    }
}

impl Config {
    pub(crate) fn check(&self) -> Result<(), Error> {
        let invalid =
            |setting, reason: &str| Err(Error::Invalid { setting, reason: reason.into() });
        if self.chunk_size.as_u64() < 1 << 20 {
            return invalid("lifecycle.chunk_size", "must be at least 1MiB");
        }
        if self.chunk_interval_min < Duration::from_secs(60) {
            return invalid("lifecycle.chunk_interval_min", "must be at least 1m");
        }
        if self.chunk_interval_max < self.chunk_interval_min {
            return invalid("lifecycle.chunk_interval_max", "must not be below chunk_interval_min");
        }
        if !self.compress_after.is_zero() && self.compress_after < Duration::from_secs(60 * 60) {
            return invalid("lifecycle.compress_after", "must be at least 1h, or 0s for never");
        }
        Ok(())
    }
}
