//! What Patroni writes.

use std::str::FromStr;

/// Patroni's `log.format` and `log.dateformat`, ready to read lines with.
#[derive(Debug, Clone)]
pub struct PatroniFormat {}

/// A format that no line can be read with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidPatroniFormat(pub String);

impl FromStr for PatroniFormat {
    type Err = InvalidPatroniFormat;

    /// By Patroni's `log.format`, with the default `log.dateformat`.
    fn from_str(_format: &str) -> Result<Self, InvalidPatroniFormat> {
        Ok(Self {})
    }
}
