//! `[http]`

use std::net::SocketAddr;
use std::time::Duration;

use axum::http::HeaderValue;
use bytesize::ByteSize;
use serde::Deserialize;

use super::{Connections, LimitsConfig, Mode, OidcConfig};
use crate::config::Error;
use crate::tls::TlsConfig;

/// The HTTP listener.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address and port: of this machine alone, unless `access` says who may ask.
    pub listen: SocketAddr,
    /// Who may ask; without it, this machine's programs.
    pub access: Option<Mode>,
    /// Who vouches for callers, when this section is there.
    pub oidc: Option<OidcConfig>,
    /// Whether each request leaves a row in `log.component`; unless it is said, where callers say who they are.
    pub audit: Option<bool>,
    /// TLS, when this section is there.
    pub tls: Option<TlsConfig>,
    /// Sites whose pages may ask from a browser, as `https://console.example.org`.
    pub cors_origins: Vec<Origin>,
    /// How much one tenant may ask.
    pub limits: LimitsConfig,
    /// Connections at a time; who comes then waits.
    pub max_connections: usize,
    /// How long a connection may take for the header of a request, or until the next one.
    #[serde(with = "humantime_serde")]
    pub header_timeout: Duration,
    /// How long the database may work on one query.
    #[serde(with = "humantime_serde")]
    pub query_timeout: Duration,
    /// How long a stream of rows may take, at whatever speed its reader takes it.
    #[serde(with = "humantime_serde")]
    pub export_timeout: Duration,
    /// Rows of a caller's own statement, at most.
    pub sql_rows: u32,
    /// Bytes of them that are read from the database, at most; one row is held in memory.
    pub sql_bytes: ByteSize,
    /// Clients that may watch rows as they are committed, at the same time.
    pub tail_clients: usize,
    /// Rows that such a client may be behind. If it is slower, it goes on at the newest ones and is told how many it missed.
    pub tail_behind: u64,
}

/// A site as browsers name it: scheme, host and port, and nothing else. There is none that means all of them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Origin(pub(super) HeaderValue);

impl TryFrom<String> for Origin {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        const FORM: &str = "an origin is written https://host or https://host:port";
        let host =
            text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).ok_or(FORM)?;
        let is_plain = |letter: u8| letter.is_ascii_alphanumeric() || b".-:[]".contains(&letter);
        if host.is_empty() || !host.bytes().all(is_plain) {
            return Err(FORM);
        }
        HeaderValue::try_from(&text).map(Self).map_err(|_| FORM)
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            access: None,
            oidc: None,
            audit: None,
            tls: None,
            cors_origins: Vec::new(),
            limits: LimitsConfig::default(),
            listen: SocketAddr::from(([127, 0, 0, 1], 8_080)),
            max_connections: 1_024,
            header_timeout: Duration::from_secs(60),
            query_timeout: Duration::from_secs(30),
            export_timeout: Duration::from_secs(3_600),
            sql_rows: 100_000,
            sql_bytes: ByteSize::mib(64),
            tail_clients: 100,
            tail_behind: 100_000,
        }
    }
}

impl Config {
    /// Who may ask: who is vouched for is asked who it is.
    pub(super) fn mode(&self) -> Option<Mode> {
        self.access.or(self.oidc.as_ref().map(|_| Mode::Token))
    }

    pub(crate) fn connections(&self) -> Connections {
        Connections { most: self.max_connections, header_timeout: self.header_timeout }
    }

    /// Whether requests are kept.
    pub(crate) fn is_audited(&self) -> bool {
        self.audit.unwrap_or(self.mode() == Some(Mode::Token))
    }

    /// Whether nothing says who may ask.
    pub(crate) fn is_unset(&self) -> bool {
        self.mode().is_none()
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        if let Some(oidc) = &self.oidc {
            oidc.check()?;
            if self.access == Some(Mode::Open) {
                let reason = "\"open\" asks nobody who it is, and http.oidc says who may be asked";
                let (setting, reason) = ("http.access", reason.to_owned());
                return Err(Error::Invalid { setting, reason });
            }
        }
        if self.mode().is_none() && !self.listen.ip().to_canonical().is_loopback() {
            let reason = format!(
                "{} can be reached from other machines, and nothing says who may ask: set http.access to \"token\", or to \"open\" \
                 where the network lets nobody else in; without it, listen is an address of this machine alone, as 127.0.0.1:8080",
                self.listen
            );
            return Err(Error::Invalid { setting: "http.listen", reason });
        }
        self.limits.check()?;
        if self.sql_rows == 0 || !(1 << 16..=1 << 30).contains(&self.sql_bytes.as_u64()) {
            let reason = "must be from 64 KiB to 1 GiB, and http.sql_rows more than 0".to_owned();
            return Err(Error::Invalid { setting: "http.sql_bytes", reason });
        }
        if self.max_connections == 0 || self.max_connections > 1 << 20 {
            let reason = "must be from 1 to 1048576".to_owned();
            return Err(Error::Invalid { setting: "http.max_connections", reason });
        }
        for (setting, timeout) in [
            ("http.header_timeout", self.header_timeout),
            ("http.query_timeout", self.query_timeout),
            ("http.export_timeout", self.export_timeout),
        ] {
            // To the database, 0 means no limit, and a day in milliseconds is far below what it takes.
            if !(Duration::from_millis(1)..=Duration::from_secs(86_400)).contains(&timeout) {
                let reason = "must be from 1ms to 1day".to_owned();
                return Err(Error::Invalid { setting, reason });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_one_site() {
        let read = |text: &str| Origin::try_from(text.to_owned()).is_ok();
        assert!(read("https://console.example.org") && read("http://[::1]:5173"));
        for text in [
            "*",
            "null",
            "",
            "https://",
            "https://a/b",
            "https://*.example.org",
            "a.example.org",
            "ftp://a",
        ] {
            assert!(!read(text), "{text}");
        }
    }

    #[test]
    fn other_machines_reach_it_only_where_it_is_said_who_may_ask() {
        let check = |listen: &str, access| {
            let config = Config { listen: listen.parse().unwrap(), access, ..Config::default() };
            config.check().map_err(|error| error.to_string())
        };
        for listen in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert_eq!(check(listen, None), Ok(()));
        }
        for listen in ["0.0.0.0:8080", "[::]:8080", "10.1.2.3:1"] {
            let error = check(listen, None).unwrap_err();
            assert!(error.contains("http.access") && error.contains(listen), "{error}");
            assert_eq!(check(listen, Some(Mode::Token)), Ok(()));
            assert_eq!(check(listen, Some(Mode::Open)), Ok(()));
        }
    }
}
