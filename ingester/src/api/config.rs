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
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8_080)),
            query_timeout: Duration::from_secs(30),
        }
    }
}

impl Config {
    pub(crate) fn check(&self) -> Result<(), Error> {
        // To the database, 0 means no limit, and a day in milliseconds is far below what it takes.
        if (Duration::from_millis(1)..=Duration::from_secs(86_400)).contains(&self.query_timeout) {
            return Ok(());
        }
        Err(Error::Invalid {
            setting: "http.query_timeout",
            reason: "must be from 1ms to 1day".to_owned(),
        })
    }
}
