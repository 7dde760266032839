//! Who may send: shared keys, users and certificates, each bound to the namespaces and clusters that it may write.
//!
//! Without any, everybody may send everything: that is for a network of one's own. With one, a client has to prove that it is one of
//! them, and a forward chunk that claims another source than its credential's is refused.

use std::path::PathBuf;
use std::sync::Arc;

use glob::Pattern;
use serde::Deserialize;
use trunkline_forward::handshake::{Helo, Ping};
use trunkline_record::Source;

use crate::config::Error;
use crate::secret::{Secret, SecretError};

/// `[[forward.credentials]]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CredentialConfig {
    /// What logs and `log.rejected` call it.
    pub name: String,
    /// The key that its clients hold too.
    pub shared_key: Option<Secret>,
    /// A file that holds the key; a line end behind it doesn't count.
    pub shared_key_file: Option<PathBuf>,
    /// The user that its clients name.
    pub username: Option<String>,
    /// The user's password.
    pub password: Option<Secret>,
    /// A file that holds the password.
    pub password_file: Option<PathBuf>,
    /// A name that its clients' certificate bears as subject alternative name (DNS name or URI).
    pub certificate: Option<String>,
    /// Patterns of the namespaces that it may write; empty is all.
    pub namespaces: Vec<String>,
    /// Patterns of the clusters that it may write; empty is all.
    pub clusters: Vec<String>,
}

/// All credentials, ready to be compared with.
#[derive(Debug, Clone, Default)]
pub struct Credentials(Vec<Arc<Credential>>);

/// One of them.
#[derive(Debug, Clone)]
pub struct Credential {
    name: String,
    shared_key: Option<Vec<u8>>,
    user: Option<(String, Vec<u8>)>,
    certificate: Option<String>,
    namespaces: Vec<Pattern>,
    clusters: Vec<Pattern>,
}

/// Why a client isn't taken. It is told no more than this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// No credential has this shared key.
    #[error("shared_key mismatch")]
    Key,
    /// No credential has this user and password.
    #[error("username/password mismatch")]
    User,
    /// No credential bears one of the certificate's names.
    #[error("certificate isn't known")]
    Certificate,
}

/// A source that a credential may not write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("credential {credential:?} may not write {what} {value:?}")]
pub struct Forbidden {
    /// The credential's name.
    pub credential: String,
    /// `namespace` or `cluster`.
    pub what: &'static str,
    /// What the forward chunk claims.
    pub value: String,
}

impl Credentials {
    /// Reads the files and checks the whole.
    ///
    /// # Errors
    /// Names the setting, and the file.
    pub fn build(configs: &[CredentialConfig]) -> Result<Self, Error> {
        let credentials = configs.iter().enumerate().map(|(index, config)| {
            Credential::build(config).map(Arc::new).map_err(|(key, reason)| Error::Invalid {
                setting: "forward.credentials",
                reason: format!("[{index}] {:?}: {key}: {reason}", config.name),
            })
        });
        let credentials = credentials.collect::<Result<Vec<_>, _>>()?;
        for (index, one) in credentials.iter().enumerate() {
            let same = |other: &Arc<Credential>| {
                other.name == one.name
                    || (other.shared_key.is_some()
                        && other.shared_key == one.shared_key
                        && other.user.is_none() == one.user.is_none()
                        && other.user == one.user)
                    || (other.certificate.is_some() && other.certificate == one.certificate)
            };
            if credentials[..index].iter().any(same) {
                return Err(Error::Invalid {
                    setting: "forward.credentials",
                    reason: format!("[{index}] {:?} can't be told from another one", one.name),
                });
            }
        }
        Ok(Self(credentials))
    }

    /// Whether clients have to shake hands.
    pub fn need_handshake(&self) -> bool {
        self.0.iter().any(|credential| credential.shared_key.is_some())
    }

    /// Whether clients have to name a user in it.
    pub fn need_user(&self) -> bool {
        self.0.iter().any(|credential| credential.user.is_some())
    }

    /// Whether clients are known by their certificates.
    pub fn need_certificate(&self) -> bool {
        self.0.iter().any(|credential| credential.certificate.is_some())
    }

    /// Whether everybody may send.
    pub fn is_open(&self) -> bool {
        self.0.is_empty()
    }

    /// Whose `ping` this is, and the shared key to answer it with.
    pub fn by_ping(&self, helo: &Helo, ping: &Ping) -> Result<(&Arc<Credential>, &[u8]), Unknown> {
        let mut unknown = Unknown::Key;
        for credential in &self.0 {
            let Some(key) = credential.shared_key.as_deref().filter(|key| ping.holds(helo, key))
            else {
                continue;
            };
            match &credential.user {
                Some((name, password))
                    if name.as_bytes() == ping.username && ping.knows(helo, password) =>
                {
                    return Ok((credential, key));
                }
                None if ping.username.is_empty() || !self.need_user() => {
                    return Ok((credential, key));
                }
                _ => unknown = Unknown::User,
            }
        }
        Err(unknown)
    }

    /// Whose certificate bears one of these names.
    pub fn by_certificate(&self, names: &[String]) -> Result<&Arc<Credential>, Unknown> {
        let bears = |credential: &&Arc<Credential>| {
            credential.certificate.as_ref().is_some_and(|name| names.contains(name))
        };
        self.0.iter().find(bears).ok_or(Unknown::Certificate)
    }
}

impl Credential {
    fn build(config: &CredentialConfig) -> Result<Self, (&'static str, String)> {
        let read = |key, value: &Option<Secret>, file: &Option<PathBuf>| {
            Secret::either(value.as_ref(), file.as_deref())
                .map_err(|error: SecretError| (key, error.to_string()))
        };
        let patterns = |key, texts: &[String]| {
            texts
                .iter()
                .map(|text| Pattern::new(text).map_err(|error| (key, format!("{text:?}: {error}"))))
                .collect::<Result<Vec<_>, _>>()
        };
        if config.name.is_empty() {
            return Err(("name", "is missing".to_owned()));
        }
        let shared_key = read("shared_key_file", &config.shared_key, &config.shared_key_file)?;
        let password = read("password_file", &config.password, &config.password_file)?;
        if shared_key.as_ref().is_some_and(Vec::is_empty) {
            return Err(("shared_key", "is empty".to_owned()));
        }
        if config.username.is_some() != password.is_some() {
            return Err(("username", "a user and its password belong together".to_owned()));
        }
        if config.username.is_some() && shared_key.is_none() {
            return Err((
                "username",
                "needs a shared_key: users are part of its handshake".to_owned(),
            ));
        }
        if shared_key.is_none() && config.certificate.is_none() {
            return Err((
                "shared_key",
                "neither a shared key nor a certificate is given".to_owned(),
            ));
        }
        if shared_key.is_some() && config.certificate.is_some() {
            let reason = "stands beside a shared key; make it a credential of its own";
            return Err(("certificate", reason.to_owned()));
        }
        Ok(Self {
            name: config.name.clone(),
            shared_key,
            user: config.username.clone().zip(password),
            certificate: config.certificate.clone(),
            namespaces: patterns("namespaces", &config.namespaces)?,
            clusters: patterns("clusters", &config.clusters)?,
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it may write records of this source. What a source leaves out is not in a pattern.
    pub fn check(&self, source: &Source) -> Result<(), Forbidden> {
        for (what, patterns, value) in [
            ("namespace", &self.namespaces, &source.namespace),
            ("cluster", &self.clusters, &source.cluster),
        ] {
            let value = value.as_deref().unwrap_or_default();
            if !patterns.is_empty() && !patterns.iter().any(|pattern| pattern.matches(value)) {
                let (credential, value) = (self.name.clone(), value.to_owned());
                return Err(Forbidden { credential, what, value });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
