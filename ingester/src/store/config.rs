//! `[database]`

use std::time::Duration;

use serde::Deserialize;

use super::{DatabaseUrl, Window};
use crate::config::Error;

/// Which database, and how many connections to it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the database is. There is no default.
    pub url: Option<DatabaseUrl>,
    /// The same database by the owner of the tables, for migrations and the lifecycle; else `url`.
    pub owner_url: Option<DatabaseUrl>,
    /// The same database by a role that reads, for queries; else `url`.
    pub reader_url: Option<DatabaseUrl>,
    /// Connections that store records; each is one writer.
    pub connections: usize,
    /// Connections that answer queries.
    pub query_connections: usize,
    /// How long before the present a `log_time` may be.
    #[serde(with = "humantime_serde")]
    pub log_time_past: Duration,
    /// How long after it.
    #[serde(with = "humantime_serde")]
    pub log_time_future: Duration,
    /// Whether what is stored is counted as it is stored, for histograms and top lists.
    pub counts: bool,
}

impl Default for Config {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        Self {
            url: None,
            owner_url: None,
            reader_url: None,
            connections: 2,
            query_connections: 4,
            log_time_past: 366 * DAY,
            log_time_future: DAY,
            counts: true,
        }
    }
}

impl Config {
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.url()?;
        for (setting, url) in [
            ("database.url", &self.url),
            ("database.owner_url", &self.owner_url),
            ("database.reader_url", &self.reader_url),
        ] {
            let check = url.as_ref().map_or(Ok(()), DatabaseUrl::check_files);
            check.map_err(|error| Error::Invalid { setting, reason: error.to_string() })?;
        }
        for (setting, value) in [
            ("database.connections", self.connections),
            ("database.query_connections", self.query_connections),
        ] {
            if !(1..=1_000).contains(&value) {
                return Err(Error::Invalid {
                    setting,
                    reason: "must be from 1 to 1000".to_owned(),
                });
            }
        }
        Ok(())
    }

    /// The times that are taken for true.
    pub fn window(&self) -> Window {
        Window::new(self.log_time_past, self.log_time_future)
    }

    /// The URL, or that it is missing.
    pub fn url(&self) -> Result<&DatabaseUrl, Error> {
        self.url.as_ref().ok_or_else(|| Error::Invalid {
            setting: "database.url",
            reason: "not set; give it in the file, or as TRUNKLINE_DATABASE_URL".to_owned(),
        })
    }

    /// By whom migrations are applied and the tables looked after.
    pub fn owner_url(&self) -> Result<&DatabaseUrl, Error> {
        self.owner_url.as_ref().map_or_else(|| self.url(), Ok)
    }

    /// By whom queries are answered.
    pub fn reader_url(&self) -> Result<&DatabaseUrl, Error> {
        self.reader_url.as_ref().map_or_else(|| self.url(), Ok)
    }
}
