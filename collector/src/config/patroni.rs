//! `[patroni]`: where the Patroni beside the collector answers, for the role of the moment.

use std::time::Duration;

use hyper::Uri;
use serde::{Deserialize, Serialize};

use super::TlsConfig;

/// `[patroni]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PatroniConfig {
    /// The URL of `GET /patroni`, such as `http://127.0.0.1:8008/patroni`; without it nothing is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// How often it is asked.
    #[serde(with = "humantime_serde")]
    pub interval: Duration,
    /// How long an answer may take.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    /// For how long the last answer counts when there are no more.
    #[serde(with = "humantime_serde")]
    pub role_expires: Duration,
    /// For an `https` URL: who signed Patroni's certificate, and what it is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsConfig>,
}

impl Default for PatroniConfig {
    fn default() -> Self {
        Self {
            url: None,
            interval: Duration::from_secs(2),
            timeout: Duration::from_secs(1),
            // Patroni's own `ttl`: a leader that has lost its key isn't one any more after this time.
            role_expires: Duration::from_secs(30),
            tls: None,
        }
    }
}

impl PatroniConfig {
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        if let Some(url) = &self.url {
            let refuse = |problem: &str| Err(("patroni.url", format!("{url:?} {problem}")));
            let Ok(uri) = url.parse::<Uri>() else { return refuse("is not a URL") };
            match uri.scheme_str() {
                _ if uri.host().is_none() => return refuse("names no host"),
                Some("http") => {}
                Some("https") if self.tls.is_some() => {}
                Some("https") => return refuse("needs [patroni.tls]"),
                _ => return refuse("is neither http nor https"),
            }
        }
        for (key, duration) in [
            ("patroni.interval", self.interval),
            ("patroni.timeout", self.timeout),
            ("patroni.role_expires", self.role_expires),
        ] {
            if duration < Duration::from_millis(1) {
                return Err((key, "must be at least 1ms".to_owned()));
            }
        }
        if self.role_expires < self.interval + self.timeout {
            let problem = "must be longer than patroni.interval and patroni.timeout together";
            return Err(("patroni.role_expires", problem.to_owned()));
        }
        Ok(())
    }
}
