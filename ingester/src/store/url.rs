//! The database's URL: parsed once, and never shown with its password.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use tokio_postgres::config::{Host, SslMode};

/// `postgres://user:password@host:port/database`, or libpq's `key=value` form.
#[derive(Clone, PartialEq)]
pub struct DatabaseUrl(tokio_postgres::Config);

/// Why a URL was refused. It doesn't repeat the URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a PostgreSQL URL: {0}")]
pub struct UrlError(String);

impl FromStr for DatabaseUrl {
    type Err = UrlError;

    fn from_str(url: &str) -> Result<Self, UrlError> {
        let mut config = tokio_postgres::Config::from_str(url).map_err(|error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            UrlError(cause.unwrap_or_else(|| error.to_string()))
        })?;
        if config.get_hosts().is_empty() {
            return Err(UrlError("it names no host".to_owned()));
        }
        if config.get_ssl_mode() == SslMode::Require {
            return Err(UrlError(
                "sslmode=require, and connections to the database are not encrypted yet".to_owned(),
            ));
        }
        if config.get_application_name().is_none() {
            config.application_name("trunkline-ingester");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        // A database that vanished without a word, as in a partition, is noticed within a minute.
        config
            .keepalives_idle(Duration::from_secs(30))
            .keepalives_interval(Duration::from_secs(10))
            .keepalives_retries(3);
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(Duration::from_secs(60));
        }
        Ok(Self(config))
    }
}

/// For one host, when the URL doesn't say.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

impl DatabaseUrl {
    pub(super) fn driver(&self) -> &tokio_postgres::Config {
        &self.0
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ports = self.0.get_ports();
        for (i, host) in self.0.get_hosts().iter().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            match host {
                Host::Tcp(name) => f.write_str(name)?,
                Host::Unix(path) => write!(f, "{}", path.display())?,
            }
            // One port stands for all hosts.
            if let Some(port) = ports.get(i).or_else(|| ports.first()) {
                write!(f, ":{port}")?;
            }
        }
        write!(f, "/{}", self.0.get_dbname().unwrap_or_default())
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

impl<'de> Deserialize<'de> for DatabaseUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let url = String::deserialize(deserializer)?;
        url.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_never_shown() {
        let url: DatabaseUrl = "postgres://u:s3cret@db1:5432,db2:5433/logs".parse().unwrap();
        assert_eq!(url.to_string(), "db1:5432,db2:5433/logs");
        assert!(!format!("{url:?}").contains("s3cret"));
    }

    #[test]
    fn a_url_without_a_host_is_refused() {
        assert!("postgres:///logs".parse::<DatabaseUrl>().is_err());
        assert!("nonsense".parse::<DatabaseUrl>().is_err());
    }

    #[test]
    fn an_error_does_not_repeat_the_url() {
        let error = "postgres://u:s3cret@host:99999999/db".parse::<DatabaseUrl>().unwrap_err();
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
}
