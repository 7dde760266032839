//! The provider's keys, read from it and kept; and where it gives out tokens.

use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use tokio::sync::Mutex;
use ureq::Agent;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

use super::OidcConfig;
use crate::config::Error;

/// Keys that were read so long ago are read again; one that the provider withdrew is refused from then on.
const FRESH: Duration = Duration::from_secs(3_600);

/// The provider isn't asked more often, whatever keys tokens name.
const PAUSE: Duration = Duration::from_secs(10);

/// For one answer of the provider.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The longest one.
const LONGEST: u64 = 1 << 20;

/// Why there are none.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(in crate::api) struct NoKeys(String);

#[derive(Debug)]
pub(super) struct Keys {
    issuer: String,
    agent: Agent,
    known: RwLock<Option<Known>>,
    /// When the provider was last asked, and why in vain; who waits for this waits for its answer.
    asked: Mutex<Option<(Instant, Option<String>)>>,
}

#[derive(Debug, Clone)]
struct Known {
    set: Arc<JwkSet>,
    token_endpoint: Option<Arc<str>>,
    since: Instant,
}

#[derive(Deserialize)]
struct Discovered {
    issuer: String,
    jwks_uri: String,
    /// A provider without it gives out tokens by other ways than the console's.
    token_endpoint: Option<String>,
}

impl Keys {
    pub(super) fn new(config: &OidcConfig) -> Result<Self, Error> {
        let roots = match &config.ca_file {
            None => RootCerts::PlatformVerifier,
            Some(file) => authorities(file).map_err(|error| Error::Invalid {
                setting: "http.oidc.ca_file",
                reason: format!("{}: {error}", file.display()),
            })?,
        };
        let agent = Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .max_redirects(0)
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .build()
            .new_agent();
        let issuer = config.issuer.clone();
        Ok(Self { issuer, agent, known: RwLock::default(), asked: Mutex::default() })
    }

    /// The key of this name for this algorithm; without a name, the only one for it.
    pub(super) async fn find(
        &self,
        name: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Option<DecodingKey>, NoKeys> {
        let known = self.known();
        if let Some(known) = &known
            && known.since.elapsed() < FRESH
            && let Some(key) = key(&known.set, name, algorithm)
        {
            return Ok(Some(key));
        }
        self.ask(known.map(|known| known.since)).await?;
        Ok(self.known().and_then(|known| key(&known.set, name, algorithm)))
    }

    /// Where the provider gives out tokens, as it says itself. While nothing is known of it, one caller asks it, and no other waits for that.
    pub(super) async fn token_endpoint(&self) -> Option<Arc<str>> {
        if self.known().is_none() && self.asked.try_lock().is_ok() {
            // Why it can't be asked is in the log.
            let _ = self.ask(None).await;
        }
        self.known()?.token_endpoint
    }

    fn known(&self) -> Option<Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks the provider, unless somebody has just done so. Keys that are there stay in force while it doesn't answer.
    async fn ask(&self, seen: Option<Instant>) -> Result<(), NoKeys> {
        let mut asked = self.asked.lock().await;
        let known = self.known().map(|known| known.since);
        if known != seen {
            return Ok(());
        }
        if let Some((at, reason)) = &*asked
            && at.elapsed() < PAUSE
        {
            return match reason {
                Some(reason) if known.is_none() => Err(NoKeys(reason.clone())),
                _ => Ok(()),
            };
        }
        let (agent, issuer) = (self.agent.clone(), self.issuer.clone());
        let read = tokio::task::spawn_blocking(move || read(&agent, &issuer)).await;
        match read.unwrap_or_else(|error| Err(error.to_string())) {
            Ok(known) => {
                *asked = Some((Instant::now(), None));
                *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some(known);
                Ok(())
            }
            Err(reason) => {
                tracing::warn!(
                    issuer = self.issuer,
                    reason,
                    "the identity provider's keys can't be read"
                );
                *asked = Some((Instant::now(), Some(reason.clone())));
                known.map(drop).ok_or(NoKeys(reason))
            }
        }
    }
}

fn key(set: &JwkSet, name: Option<&str>, algorithm: Algorithm) -> Option<DecodingKey> {
    let fits = |jwk: &&Jwk| {
        let common = &jwk.common;
        let is_for = common
            .key_algorithm
            .is_none_or(|of_key| of_key.to_string() == format!("{algorithm:?}"));
        is_for && !matches!(common.public_key_use, Some(PublicKeyUse::Encryption))
    };
    let of_family = |jwk: &Jwk| {
        DecodingKey::from_jwk(jwk).ok().filter(|key| key.family() == algorithm.family())
    };
    let named =
        set.keys.iter().filter(|jwk| name.is_none() || jwk.common.key_id.as_deref() == name);
    let mut found = named.filter(fits).filter_map(of_family);
    match (found.next(), found.next()) {
        (Some(key), None) => Some(key),
        _ => None,
    }
}

fn read(agent: &Agent, issuer: &str) -> Result<Known, String> {
    let place = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    let discovered: Discovered = get(agent, &place)?;
    if discovered.issuer != issuer {
        return Err(format!("{place} is of {}", discovered.issuer));
    }
    if !is_safe(&discovered.jwks_uri) {
        return Err(format!("{} isn't https", discovered.jwks_uri));
    }
    let set = Arc::new(get(agent, &discovered.jwks_uri)?);
    let token_endpoint =
        discovered.token_endpoint.filter(|endpoint| is_safe(endpoint)).map(Arc::from);
    Ok(Known { set, token_endpoint, since: Instant::now() })
}

fn get<T: serde::de::DeserializeOwned>(agent: &Agent, url: &str) -> Result<T, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{url}: {error}");
    let mut answer = agent.get(url).call().map_err(|error| failed(&error))?;
    let body = answer.body_mut().with_config().limit(LONGEST).read_to_vec();
    serde_json::from_slice(&body.map_err(|error| failed(&error))?).map_err(|error| failed(&error))
}

/// Whether nobody on the way can put other keys there.
pub(super) fn is_safe(url: &str) -> bool {
    let local = ["http://127.0.0.1", "http://localhost", "http://[::1]"];
    let is_local = |start: &&str| {
        url.strip_prefix(*start).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
    };
    url.starts_with("https://") || local.iter().any(is_local)
}

fn authorities(file: &std::path::Path) -> io::Result<RootCerts> {
    let pem = std::fs::read(file)?;
    let mut certificates = Vec::new();
    for item in parse_pem(&pem) {
        if let PemItem::Certificate(certificate) = item.map_err(io::Error::other)? {
            certificates.push(certificate);
        }
    }
    match certificates.is_empty() {
        true => Err(io::Error::other("no certificate in it")),
        false => Ok(RootCerts::Specific(Arc::new(certificates))),
    }
}
