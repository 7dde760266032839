//! What a reader has to know of the settings with which a log was written.

use crate::{Format, LinePrefix, LogTimezone, PatroniFormat};

/// The settings of a log's writer that its lines depend on. The default reads what servers with default settings write.
#[derive(Debug, Clone, Default)]
pub struct LogSettings {
    /// The server's `log_timezone`; for Patroni, the time zone of its process.
    pub log_timezone: LogTimezone,
    /// The server's `log_line_prefix`, which only stderr logs have; without it, well-known ones are tried.
    pub log_line_prefix: Option<LinePrefix>,
    /// Patroni's `log.format` and `log.dateformat`; without it, a record is a line that begins with a time and a level.
    pub patroni_format: Option<PatroniFormat>,
    /// What the lines within a container's log (CRI) are; without it, each is taken for what it looks like.
    pub content: Option<Format>,
}

impl From<LogTimezone> for LogSettings {
    fn from(log_timezone: LogTimezone) -> Self {
        Self { log_timezone, ..Self::default() }
    }
}
