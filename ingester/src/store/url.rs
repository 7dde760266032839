//! The database's URL: parsed once, and never shown with its password.

use std::fmt;
use std::io;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use tokio_postgres::config::{Host, SslNegotiation, TargetSessionAttrs};

use super::parameters;
use super::tls::Tls;

/// `postgres://user:password@host:port,host:port/database`, or libpq's `key=value` form.
#[derive(Clone, PartialEq)]
pub struct DatabaseUrl {
    driver: tokio_postgres::Config,
    tls: Tls,
    readers: &'static [TargetSessionAttrs],
}

/// Why a URL was refused. It doesn't repeat the URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a PostgreSQL URL: {0}")]
pub struct UrlError(pub(super) String);

impl FromStr for DatabaseUrl {
    type Err = UrlError;

    fn from_str(url: &str) -> Result<Self, UrlError> {
        let (url, ours) = parameters::take(url)?;
        let mut config = tokio_postgres::Config::from_str(&url).map_err(|error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            UrlError(cause.unwrap_or_else(|| error.to_string()))
        })?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(UrlError("it names no host".to_owned()));
        }
        let (hosts, addresses) = (config.get_hosts().len(), config.get_hostaddrs().len());
        if hosts > 0 && addresses > 0 && hosts != addresses {
            return Err(UrlError("it has not as many hostaddr as hosts".to_owned()));
        }
        let ports = config.get_ports().len();
        if ports > 1 && ports != hosts.max(addresses) {
            return Err(UrlError("it has not as many ports as hosts".to_owned()));
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
        let readers = readers(ours.get("target_session_attrs").map(String::as_str))?;
        let tls = Tls::new(&ours)?;
        // The driver refuses a weak mode too, but that isn't to be taken for a failed handshake, after which one goes without.
        if config.get_ssl_negotiation() == SslNegotiation::Direct && !tls.is_required() {
            return Err(UrlError("sslnegotiation=direct needs sslmode=require or more".to_owned()));
        }
        Ok(Self { driver: config, tls, readers })
    }
}

/// Which sessions answer queries, the best first. Whether a server is a standby is told by whether its sessions can write.
fn readers(target: Option<&str>) -> Result<&'static [TargetSessionAttrs], UrlError> {
    use TargetSessionAttrs::{Any, ReadOnly, ReadWrite};
    match target {
        None | Some("any") => Ok(&[Any]),
        Some("read-write" | "primary") => Ok(&[ReadWrite]),
        Some("read-only" | "standby") => Ok(&[ReadOnly]),
        Some("prefer-standby") => Ok(&[ReadOnly, Any]),
        Some(_) => Err(UrlError(
            "target_session_attrs is one of any, read-write, read-only, primary, standby, prefer-standby"
                .to_owned(),
        )),
    }
}

/// For one host, when the URL doesn't say.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

impl DatabaseUrl {
    /// The same database by somebody else.
    pub(super) fn by(&self, user: &str, password: &str) -> Self {
        let mut driver = self.driver.clone();
        driver.user(user).password(password);
        Self { driver, ..self.clone() }
    }

    pub(super) fn driver(&self) -> &tokio_postgres::Config {
        &self.driver
    }

    pub(super) fn tls(&self) -> &Tls {
        &self.tls
    }

    /// Whether the files that it names can be used now.
    pub fn check_files(&self) -> io::Result<()> {
        self.tls.check()
    }

    /// Which sessions answer queries, the best first: `target_session_attrs`.
    pub(super) fn readers(&self) -> &'static [TargetSessionAttrs] {
        self.readers
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let config = &self.driver;
        let (hosts, ports) = (config.get_hosts(), config.get_ports());
        for i in 0..hosts.len().max(config.get_hostaddrs().len()) {
            if i > 0 {
                f.write_str(",")?;
            }
            match (hosts.get(i), config.get_hostaddrs().get(i)) {
                (Some(Host::Tcp(name)), _) => f.write_str(name)?,
                (Some(Host::Unix(path)), _) => write!(f, "{}", path.display())?,
                (None, Some(address)) => write!(f, "{address}")?,
                (None, None) => {}
            }
            // One port stands for all hosts.
            if let Some(port) = ports.get(i).or_else(|| ports.first()) {
                write!(f, ":{port}")?;
            }
        }
        write!(f, "/{}", config.get_dbname().unwrap_or_default())
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
    fn what_makes_no_sense_is_refused() {
        for url in [
            "postgres://h/d?sslmode=sometimes",
            "postgres://h/d?sslmode=verify-full",
            "postgres://h/d?sslrootcert=system&sslmode=require",
            "postgres://h/d?sslcert=/c",
            "postgres://h/d?sslnegotiation=direct",
            "postgres://h/d?target_session_attrs=best",
            "host=a,b port=1,2,3",
            "host=a,b hostaddr=127.0.0.1",
        ] {
            assert!(url.parse::<DatabaseUrl>().is_err(), "{url}");
        }
    }

    #[test]
    fn an_address_is_shown_where_there_is_no_name() {
        let url: DatabaseUrl = "hostaddr=127.0.0.1,::1 port=5 dbname=d".parse().unwrap();
        assert_eq!(url.to_string(), "127.0.0.1:5,::1:5/d");
    }

    #[test]
    fn an_error_does_not_repeat_the_url() {
        let error = "postgres://u:s3cret@host:99999999/db".parse::<DatabaseUrl>().unwrap_err();
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
}
