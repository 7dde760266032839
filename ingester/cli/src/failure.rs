//! What can go wrong, and the exit status that says so to a script.

use std::io;

/// Why a command ended without its answer.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The profile or an argument can't be used.
    #[error("{0}")]
    Usage(String),
    /// The service doesn't take the request: what it said, and the parameter that it named.
    #[error("{detail}{}", .parameter.as_ref().map(|name| format!(" (parameter {name})")).unwrap_or_default())]
    Refused {
        /// The problem's `detail`.
        detail: String,
        /// The problem's `parameter`.
        parameter: Option<String>,
    },
    /// There is no answer, or none that can be read.
    #[error("{0}")]
    Unanswered(String),
    /// The answer can't be written.
    #[error("the answer can't be written: {0}")]
    Output(#[from] io::Error),
}

impl Failure {
    /// The exit status: 2 for what somebody typed, 3 for what the service refuses, 4 for what it can't answer, 1 for the rest.
    pub fn status(&self) -> u8 {
        match self {
            Self::Output(_) => 1,
            Self::Usage(_) => 2,
            Self::Refused { .. } => 3,
            Self::Unanswered(_) => 4,
        }
    }
}
