//! What is wrong with a request.

use std::fmt;

/// A parameter that can't be understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterError {
    /// Its name, as the caller wrote it.
    pub parameter: String,
    /// What is wrong with it.
    pub reason: String,
    /// Where in its value, in characters from 1.
    pub position: Option<usize>,
    /// What may have been meant by the word at fault.
    pub suggestion: Option<String>,
}

impl FilterError {
    pub(crate) fn new(parameter: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            parameter: parameter.into(),
            reason: reason.into(),
            position: None,
            suggestion: None,
        }
    }
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "parameter {:?} {}", self.parameter, self.reason)?;
        if let Some(position) = self.position {
            write!(f, ", at character {position}")?;
        }
        if let Some(suggestion) = &self.suggestion {
            write!(f, "; did you mean {suggestion:?}?")?;
        }
        Ok(())
    }
}

impl std::error::Error for FilterError {}
