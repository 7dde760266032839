//! The process's own log, on standard error.

use serde::Deserialize;
use tracing_subscriber::EnvFilter;

use crate::config::Error;

/// `[log]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// A level, or directives as `tracing_subscriber::EnvFilter` reads them: `info,trunkline_ingester=debug`.
    pub level: String,
    /// Text for people, or one JSON object a line.
    pub format: Format,
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// For people.
    Text,
    /// One object a line.
    Json,
}

impl Default for Config {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: Format::Text }
    }
}

impl Config {
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.filter().map(|_| ())
    }

    fn filter(&self) -> Result<EnvFilter, Error> {
        EnvFilter::try_new(&self.level).map_err(|error| Error::Invalid {
            setting: "log.level",
            reason: format!("{:?}: {error}", self.level),
        })
    }

    /// Starts logging; only the first call in a process has an effect.
    pub fn init(&self) -> Result<(), Error> {
        let builder = tracing_subscriber::fmt()
            .with_env_filter(self.filter()?)
            .with_writer(std::io::stderr)
            .with_ansi(false);
        // An error says that a subscriber is already there, as in tests: then that one stays.
        let _ = match self.format {
            Format::Text => builder.try_init(),
            Format::Json => builder.json().try_init(),
        };
        Ok(())
    }
}
