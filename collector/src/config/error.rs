//! One line for a wrong configuration: the file, the key, what is wrong with the value.

use std::path::{Path, PathBuf};

/// Why a configuration was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read at all.
    #[error("{}: cannot be read: {source}", .file.display())]
    Unreadable {
        /// The configuration file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The text is not TOML, a key is unknown, or a value has the wrong type.
    #[error("{place}: {}{problem}", prefix(.key))]
    Invalid {
        /// The file's path or the environment.
        place: String,
        /// The key, its levels joined by points; empty when the text as a whole is wrong.
        key: String,
        /// What is wrong.
        problem: String,
    },
    /// A value of the right type that can't work.
    #[error("{}: {key}: {problem}", .file.display())]
    Refused {
        /// The configuration file.
        file: PathBuf,
        /// The key, its levels joined by points.
        key: String,
        /// What is wrong.
        problem: String,
    },
}

impl ConfigError {
    /// Takes from figment's error the key and the place that it came from.
    pub(super) fn invalid(file: &Path, error: figment::Error) -> Self {
        let from_environment =
            error.metadata.as_ref().is_some_and(|metadata| metadata.name.contains("environment"));
        let place =
            if from_environment { "environment".to_owned() } else { file.display().to_string() };
        let key = error.path.join(".");
        // A TOML syntax error spans several lines, the last of which says what is wrong.
        let problem = error.kind.to_string();
        let lines: Vec<&str> =
            problem.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let problem = match lines.as_slice() {
            [first, .., last] => format!("{first}: {last}"),
            [only] => (*only).to_owned(),
            [] => "not valid".to_owned(),
        };
        Self::Invalid { place, key, problem }
    }
}

fn prefix(key: &str) -> String {
    if key.is_empty() { String::new() } else { format!("{key}: ") }
}
