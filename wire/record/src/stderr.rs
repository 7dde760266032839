//! What a server writes to its standard error: a `log_line_prefix`, a severity, a message; then, behind the same prefix, the parts
//! that the message has beyond that, each with its label.
//!
//! Source: PostgreSQL's manual, "What to Log", and what servers of version 11 to 18 write. In each text a line feed is followed by one
//! tab, which is taken out again. Nothing else is quoted: a line that begins like a record is one, and what follows a torn record on
//! its line can't be told from a text that holds such a line. So it stays there; a statement may well quote a log.
//!
//! The way through: [`parts`] takes a setting apart, [`prefixes`] finds it in a line by [`matching`], [`lead`] says what stands behind
//! it, [`server`] collects the parts of a record, and [`reader`] makes a [`LogRecord`](crate::LogRecord) of them.

mod labels;
mod lead;
mod matching;
mod parts;
mod position;
mod prefixes;
mod reader;
mod server;
mod shape;
mod unknown;

use std::str::FromStr;
use std::sync::Arc;

use parts::Part;

pub(crate) use prefixes::Heading;
pub(crate) use reader::{Line, StderrReader};
pub(crate) use server::{Said, ServerRecord};

/// A server's `log_line_prefix`, ready to read lines with.
#[derive(Debug, Clone)]
pub struct LinePrefix {
    parts: Arc<[Part]>,
    /// Whether it has a field that not just any text fits.
    has_shape: bool,
    /// Whether it has a name that may hold a line feed.
    has_name: bool,
}

/// A prefix that no line can be read with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("log_line_prefix can't be read: {0}")]
pub struct InvalidPrefix(pub String);

impl FromStr for LinePrefix {
    type Err = InvalidPrefix;

    /// By the setting's value, without the quotes that it has in a configuration file.
    fn from_str(setting: &str) -> Result<Self, InvalidPrefix> {
        parts::parts(setting).map(Self::of_parts)
    }
}
