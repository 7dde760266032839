//! `[database]`

use serde::Deserialize;

use super::DatabaseUrl;
use crate::config::Error;

/// Which database, and how many connections to it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the database is. There is no default.
    pub url: Option<DatabaseUrl>,
    /// Connections that store records; each is one writer.
    pub connections: usize,
    /// Connections that answer queries.
    pub query_connections: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { url: None, connections: 2, query_connections: 4 }
    }
}

impl Config {
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.url()?.check_files().map_err(|error| Error::Invalid {
            setting: "database.url",
            reason: error.to_string(),
        })?;
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

    /// The URL, or that it is missing.
    pub fn url(&self) -> Result<&DatabaseUrl, Error> {
        self.url.as_ref().ok_or_else(|| Error::Invalid {
            setting: "database.url",
            reason: "not set; give it in the file, or as TRUNKLINE_DATABASE_URL".to_owned(),
        })
    }
}
