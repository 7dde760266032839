//! `[http]`

use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;

use crate::config::Error;

/// The HTTP listener.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address and port. Whoever reaches it reads every log, so it is this machine's own unless it is said otherwise.
    pub listen: SocketAddr,
    /// How long the database may work on one query.
    #[serde(with = "humantime_serde")]
    pub query_timeout: Duration,
    /// How long a stream of rows may take, at whatever speed its reader takes it.
    #[serde(with = "humantime_serde")]
    pub export_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8_080)),
            query_timeout: Duration::from_secs(30),
            export_timeout: Duration::from_secs(3_600),
        }
    }
}

impl Config {
    pub(crate) fn check(&self) -> Result<(), Error> {
        for (setting, timeout) in [
            ("http.query_timeout", self.query_timeout),
            ("http.export_timeout", self.export_timeout),
        ] {
            // To the database, 0 means no limit, and a day in milliseconds is far below what it takes.
            if !(Duration::from_millis(1)..=Duration::from_secs(86_400)).contains(&timeout) {
                let reason = "must be from 1ms to 1day".to_owned();
                return Err(Error::Invalid { setting, reason });
            }
        }
        Ok(())
    }
}
