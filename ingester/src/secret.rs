//! A value that is never shown: not in logs, not in errors.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// A key or a password.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file can't be read.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Both a value and a file are given.
    #[error("stands beside the value itself; one is enough")]
    Twice,
}

impl Secret {
    /// The value, else what the file holds but for line ends behind it, else none.
    pub fn either(
        value: Option<&Self>,
        file: Option<&Path>,
    ) -> Result<Option<Vec<u8>>, SecretError> {
        match (value, file) {
            (None, None) => Ok(None),
            (Some(value), None) => Ok(Some(value.0.as_bytes().to_vec())),
            (Some(_), Some(_)) => Err(SecretError::Twice),
            (None, Some(path)) => {
                let mut content = fs::read(path)
                    .map_err(|source| SecretError::File { path: path.to_owned(), source })?;
                while content.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
                    content.pop();
                }
                Ok(Some(content))
            }
        }
    }
}

impl From<&str> for Secret {
    fn from(value: &str) -> Self {
        Self(value.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}
