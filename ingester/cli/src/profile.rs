//! The profile file: where a service is and what proves who asks, so that neither has to be typed.
//!
//! ```toml
//! [default]
//! url = "https://logs.example.org"
//! token_file = "/home/ada/.config/trunkline/token"
//!
//! [staging]
//! url = "http://localhost:8080"
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use serde::Deserialize;

use crate::Failure;

/// The profile that is taken when none is named.
const DEFAULT: &str = "default";

/// Where to ask when nothing says otherwise: an ingester on this machine.
const LOCAL: &str = "http://127.0.0.1:8080";

/// One profile; what is absent is as if it had not been said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Profile {
    /// The service's address.
    pub url: Option<String>,
    /// The token itself.
    pub token: Option<String>,
    /// A file that holds the token.
    pub token_file: Option<PathBuf>,
    /// The authorities that the service's certificate may come from, in PEM, in place of the system's.
    pub ca_file: Option<PathBuf>,
}

impl Profile {
    /// The profile `name` of the file, with what `chosen` has in its place. A profile that was named must exist; without a name, no file is needed.
    pub fn load(file: Option<&Path>, name: Option<&str>, chosen: Self) -> Result<Self, Failure> {
        let path = file.map(Path::to_owned).or_else(usual_file);
        let mut profiles = match &path {
            Some(path) => read(path, file.is_some() || name.is_some())?,
            None => BTreeMap::new(),
        };
        let found = profiles.remove(name.unwrap_or(DEFAULT));
        if let (Some(name), None) = (name, &found) {
            let file = path.unwrap_or_default();
            let known: Vec<_> = profiles.keys().map(String::as_str).collect();
            return Err(Failure::Usage(format!(
                "{} has no profile {name:?}; it has: {}",
                file.display(),
                known.join(", ")
            )));
        }
        let found = found.unwrap_or_default();
        // A token that was chosen replaces the file's, whichever way either is given.
        let token_chosen = chosen.token.is_some() || chosen.token_file.is_some();
        let kept = if token_chosen { Self::default() } else { found.clone() };
        Ok(Self {
            url: chosen.url.or(found.url),
            token: chosen.token.or(kept.token),
            token_file: chosen.token_file.or(kept.token_file),
            ca_file: chosen.ca_file.or(found.ca_file),
        })
    }

    /// The address to ask, without a slash at its end.
    pub fn address(&self) -> &str {
        self.url.as_deref().unwrap_or(LOCAL).trim_end_matches('/')
    }

    /// The token to show, if there is one.
    pub fn secret(&self) -> Result<Option<String>, Failure> {
        if let Some(token) = &self.token {
            return Ok(Some(token.clone()));
        }
        let Some(file) = &self.token_file else { return Ok(None) };
        let token = fs::read_to_string(file).map_err(|error| unreadable(file, &error))?;
        Ok(Some(token.trim().to_owned()))
    }
}

/// Says what can't be read, and why.
pub(crate) fn unreadable(file: &Path, error: &io::Error) -> Failure {
    Failure::Usage(format!("{} can't be read: {error}", file.display()))
}

fn read(path: &Path, must_exist: bool) -> Result<BTreeMap<String, Profile>, Failure> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound && !must_exist => {
            return Ok(BTreeMap::new());
        }
        Err(error) => return Err(unreadable(path, &error)),
    };
    toml::from_str(&text).map_err(|error| {
        Failure::Usage(format!("{}: {}", path.display(), error.to_string().trim_end()))
    })
}

/// `trunkline/profiles.toml` in the user's configuration directory.
fn usual_file() -> Option<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let directory = set("XDG_CONFIG_HOME").or_else(|| Some(set("HOME")?.join(".config")))?;
    Some(directory.join("trunkline").join("profiles.toml"))
}

#[cfg(test)]
mod tests;
