//! Finds the server to work with among the hosts of the URL, and connects to it.
//!
//! The driver can do that too, but bounds only the TCP connection: a server that is frozen takes it and never answers, and a
//! failover would end there. Here the whole of an attempt is bounded, and the server that was right the last time is asked first.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deadpool_postgres::Connect;
use rand::seq::SliceRandom;
use tokio::task::JoinHandle;
use tokio_postgres::config::{Host, LoadBalanceHosts, SslMode, TargetSessionAttrs};
use tokio_postgres::{Client, Config, Error};

use super::DatabaseUrl;
use super::class::is_configuration;
use super::metered::{Address, Metered};
use super::pool::{PoolError, describe};
use super::tls::Tls;

/// TLS, authentication and the first query may take so many times what a TCP connection may.
const ATTEMPT: u32 = 3;

type Connected = (Client, JoinHandle<()>);

/// One place where a server may be.
#[derive(Debug, Clone, PartialEq)]
struct Place {
    host: Option<Host>,
    address: Option<IpAddr>,
    port: Option<u16>,
}

/// Connects to the first server that has the session that is wanted.
pub(super) struct Connector(Arc<Shared>);

struct Shared {
    config: Config,
    tls: Tls,
    /// The sessions that will do, the best first.
    sessions: &'static [TargetSessionAttrs],
    /// Where the last connection was made.
    last: Mutex<Option<Place>>,
}

impl Connector {
    pub(super) fn new(url: &DatabaseUrl, sessions: &'static [TargetSessionAttrs]) -> Self {
        let (config, tls) = (url.driver().clone(), url.tls().clone());
        Self(Arc::new(Shared { config, tls, sessions, last: Mutex::default() }))
    }
}

impl Connector {
    /// One connection, of which no more than so many bytes are read.
    pub(super) async fn metered(&self, most: u64) -> Result<Metered, PoolError> {
        let shared = &self.0;
        let places = shared.places().await;
        let mut failure = None;
        for session in shared.sessions {
            for place in &places {
                match shared.metered(place, *session, most).await {
                    Ok(connected) => return Ok(connected),
                    Err(error) => failure = failure.or(Some(error)),
                }
            }
        }
        Err(failure.unwrap_or(PoolError::Closed))
    }
}

impl Connect for Connector {
    fn connect(
        &self,
        _: &Config,
    ) -> Pin<Box<dyn Future<Output = Result<Connected, Error>> + Send + '_>> {
        Box::pin(self.0.connect())
    }
}

impl Shared {
    async fn connect(&self) -> Result<Connected, Error> {
        let places = self.places().await;
        let mut failure: Option<Error> = None;
        for session in self.sessions {
            for place in &places {
                let error = match self.connect_to(place, *session).await {
                    Ok(connected) => {
                        *self.last.lock().unwrap_or_else(PoisonError::into_inner) =
                            Some(place.clone());
                        return Ok(connected);
                    }
                    Err(error) => error,
                };
                tracing::debug!(?place, error = describe(&error), "not this server");
                // One that may pass says more than one that won't, while there is another server.
                if failure.as_ref().is_none_or(|_| !is_configuration(&error)) {
                    failure = Some(error);
                }
            }
        }
        // There is a place at least, and a session.
        Err(failure.unwrap_or_else(Error::__private_api_timeout))
    }

    /// Every address of every host, in the order of the URL behind the last one that was right.
    async fn places(&self) -> Vec<Place> {
        let config = &self.config;
        let (hosts, addresses, ports) =
            (config.get_hosts(), config.get_hostaddrs(), config.get_ports());
        let mut places = Vec::new();
        for at in 0..hosts.len().max(addresses.len()) {
            let (host, address) = (hosts.get(at).cloned(), addresses.get(at).copied());
            let port = ports.get(at).or_else(|| ports.first()).copied();
            let place = Place { host, address, port };
            match (&place.host, place.address) {
                (Some(Host::Tcp(name)), None) => {
                    let found = tokio::time::timeout(
                        self.attempt_timeout(),
                        tokio::net::lookup_host((name.as_str(), 0)),
                    );
                    match found.await {
                        Ok(Ok(found)) => places.extend(found.map(|found| {
                            let address = Some(found.ip());
                            Place { address, ..place.clone() }
                        })),
                        // The driver finds the same, and says it.
                        Ok(Err(_)) | Err(_) => places.push(place.clone()),
                    }
                }
                _ => places.push(place),
            }
        }
        if config.get_load_balance_hosts() == LoadBalanceHosts::Random {
            places.shuffle(&mut rand::rng());
        } else {
            let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            places.sort_by_key(|place| last.as_ref() != Some(place));
        }
        places
    }

    async fn connect_to(
        &self,
        place: &Place,
        session: TargetSessionAttrs,
    ) -> Result<Connected, Error> {
        let mut config = self.config_of(place);
        config.target_session_attrs(session);
        let modes = self.modes(place);
        let (first, others) = modes.split_first().unwrap_or((&SslMode::Disable, &[]));
        let mut result = self.attempt(&mut config, *first).await;
        for mode in others {
            match &result {
                Err(error) if is_about_tls(error) => {
                    result = self.attempt(&mut config, *mode).await;
                }
                _ => break,
            }
        }
        result
    }

    async fn metered(
        &self,
        place: &Place,
        session: TargetSessionAttrs,
        most: u64,
    ) -> Result<Metered, PoolError> {
        let port = place.port.unwrap_or(5_432);
        let (address, host) = match (&place.host, place.address) {
            (Some(Host::Unix(directory)), _) => {
                (Address::Unix(directory.join(format!(".s.PGSQL.{port}"))), String::new())
            }
            (Some(Host::Tcp(name)), Some(ip)) => (Address::Tcp((ip, port).into()), name.clone()),
            (_, Some(ip)) => (Address::Tcp((ip, port).into()), ip.to_string()),
            _ => return Err(PoolError::Unreachable(io::Error::other("the host has no address"))),
        };
        let mut config = self.config_of(place);
        let mut result = Err(PoolError::Closed);
        for mode in self.modes(place) {
            config.ssl_mode(*mode);
            let connecting = Metered::connect(&config, address.clone(), &host, &self.tls, most);
            result = tokio::time::timeout(self.attempt_timeout(), connecting)
                .await
                .unwrap_or_else(|_| Err(Error::__private_api_timeout().into()));
            match &result {
                Err(PoolError::Database(error)) if is_about_tls(error) => {}
                _ => break,
            }
        }
        let connected = result?;
        let is_standby = "SELECT pg_is_in_recovery()";
        let wanted = match session {
            TargetSessionAttrs::ReadWrite => false,
            TargetSessionAttrs::ReadOnly => true,
            _ => return Ok(connected),
        };
        let found = connected.client.query_one(is_standby, &[]).await?;
        match found.try_get::<_, bool>(0)? == wanted {
            true => Ok(connected),
            false => Err(PoolError::Unreachable(io::Error::other("not the server that is wanted"))),
        }
    }

    /// There is no TLS over a Unix socket, and nobody on the way.
    fn modes(&self, place: &Place) -> &'static [SslMode] {
        match place.host {
            Some(Host::Unix(_)) => &[SslMode::Disable],
            _ => self.tls.attempts(),
        }
    }

    async fn attempt(&self, config: &mut Config, mode: SslMode) -> Result<Connected, Error> {
        config.ssl_mode(mode);
        let connecting =
            tokio::time::timeout(self.attempt_timeout(), config.connect(self.tls.clone()));
        // The driver's own error for it, which its other half, the blocking one, makes in the same way.
        let (client, connection) =
            connecting.await.unwrap_or_else(|_| Err(Error::__private_api_timeout()))?;
        let task = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error = describe(&error), "a connection to the database ended");
            }
        });
        Ok((client, task))
    }

    fn attempt_timeout(&self) -> Duration {
        self.config.get_connect_timeout().copied().unwrap_or(Duration::from_secs(5)) * ATTEMPT
    }

    /// The configuration for this place alone.
    fn config_of(&self, place: &Place) -> Config {
        let from = &self.config;
        let mut config = Config::new();
        match &place.host {
            Some(Host::Tcp(name)) => {
                config.host(name);
            }
            Some(Host::Unix(path)) => {
                config.host_path(path);
            }
            None => {}
        }
        place.address.map(|address| config.hostaddr(address));
        place.port.map(|port| config.port(port));
        from.get_user().map(|user| config.user(user));
        from.get_password().map(|password| config.password(password));
        from.get_dbname().map(|name| config.dbname(name));
        from.get_options().map(|options| config.options(options));
        from.get_application_name().map(|name| config.application_name(name));
        from.get_connect_timeout().map(|timeout| config.connect_timeout(*timeout));
        from.get_tcp_user_timeout().map(|timeout| config.tcp_user_timeout(*timeout));
        from.get_keepalives_interval().map(|interval| config.keepalives_interval(interval));
        from.get_keepalives_retries().map(|retries| config.keepalives_retries(retries));
        config
            .keepalives(from.get_keepalives())
            .keepalives_idle(from.get_keepalives_idle())
            .channel_binding(from.get_channel_binding())
            .ssl_negotiation(from.get_ssl_negotiation());
        config
    }
}

/// Whether the other way, with TLS or without, may succeed: the handshake failed, or the server takes nobody in this way.
fn is_about_tls(error: &Error) -> bool {
    match error.code() {
        Some(state) => state.code() == "28000",
        None => error.to_string() == TLS,
    }
}

/// The driver's word for what went wrong with TLS.
pub(super) const TLS: &str = "error performing TLS handshake";
