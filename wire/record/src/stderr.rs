//! What a server writes to its standard error: a `log_line_prefix`, a severity, a message.

use std::str::FromStr;

/// A server's `log_line_prefix`, ready to read lines with.
#[derive(Debug, Clone)]
pub struct LinePrefix {}

/// A prefix that no line can be read with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidPrefix(pub String);

impl FromStr for LinePrefix {
    type Err = InvalidPrefix;

    fn from_str(_setting: &str) -> Result<Self, InvalidPrefix> {
        Ok(Self {})
    }
}
