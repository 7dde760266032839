//! A record's severity, ordered as people mean it: `severity >= Warning` is what went wrong.

use std::fmt;
use std::str::FromStr;

/// PostgreSQL's message severities (manual, "Message Severity Levels"), from least to most severe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Severity {
    /// `DEBUG5`
    Debug5,
    /// `DEBUG4`
    Debug4,
    /// `DEBUG3`
    Debug3,
    /// `DEBUG2`
    Debug2,
    /// `DEBUG1`
    Debug1,
    /// `DEBUG`, which is all that a server's log says of the five.
    Debug,
    /// `LOG`
    Log,
    /// `INFO`
    Info,
    /// `NOTICE`
    Notice,
    /// `WARNING`
    Warning,
    /// `ERROR`
    Error,
    /// `FATAL`
    Fatal,
    /// `PANIC`
    Panic,
}

impl Severity {
    /// All of them, from least to most severe.
    pub const ALL: [Self; 13] = [
        Self::Debug5,
        Self::Debug4,
        Self::Debug3,
        Self::Debug2,
        Self::Debug1,
        Self::Debug,
        Self::Log,
        Self::Info,
        Self::Notice,
        Self::Warning,
        Self::Error,
        Self::Fatal,
        Self::Panic,
    ];

    /// As a server with English messages writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debug5 => "DEBUG5",
            Self::Debug4 => "DEBUG4",
            Self::Debug3 => "DEBUG3",
            Self::Debug2 => "DEBUG2",
            Self::Debug1 => "DEBUG1",
            Self::Debug => "DEBUG",
            Self::Log => "LOG",
            Self::Info => "INFO",
            Self::Notice => "NOTICE",
            Self::Warning => "WARNING",
            Self::Error => "ERROR",
            Self::Fatal => "FATAL",
            Self::Panic => "PANIC",
        }
    }

    /// By the word that a server with English messages writes.
    #[inline]
    pub fn from_bytes(word: &[u8]) -> Option<Self> {
        Some(match word {
            b"LOG" => Self::Log,
            b"ERROR" => Self::Error,
            b"DEBUG" => Self::Debug,
            b"INFO" => Self::Info,
            b"NOTICE" => Self::Notice,
            b"WARNING" => Self::Warning,
            b"FATAL" => Self::Fatal,
            b"PANIC" => Self::Panic,
            b"DEBUG1" => Self::Debug1,
            b"DEBUG2" => Self::Debug2,
            b"DEBUG3" => Self::Debug3,
            b"DEBUG4" => Self::Debug4,
            b"DEBUG5" => Self::Debug5,
            _ => return None,
        })
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A word that isn't a severity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown severity {0:?}")]
pub struct UnknownSeverity(pub String);

impl FromStr for Severity {
    type Err = UnknownSeverity;

    /// Case doesn't matter.
    fn from_str(word: &str) -> Result<Self, UnknownSeverity> {
        Self::from_bytes(word.to_ascii_uppercase().as_bytes())
            .ok_or_else(|| UnknownSeverity(word.to_owned()))
    }
}
