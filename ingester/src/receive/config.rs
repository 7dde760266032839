//! `[forward]`

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use serde::Deserialize;
use trunkline_forward::Limits;

use super::credentials::CredentialConfig;
use super::routes::RouteConfig;
use crate::config::Error;
use crate::tls::TlsConfig;

/// The Forward listener, and what it may hold in memory.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address and port.
    pub listen: SocketAddr,
    /// Largest message on the wire.
    pub max_message: ByteSize,
    /// Largest content of one message once it is decompressed.
    pub max_decompressed: ByteSize,
    /// Connections at a time; more are closed at once.
    pub max_connections: usize,
    /// The same from one address.
    pub max_connections_per_address: usize,
    /// Forward chunks that are held, as they came, until they are stored, over all connections.
    pub memory: ByteSize,
    /// A Unix socket to listen on as well.
    pub unix: Option<PathBuf>,
    /// Whether heartbeats by UDP are answered, on the same address and port.
    pub udp_heartbeat: bool,
    /// What this server calls itself in a handshake; else the host's name.
    pub hostname: Option<String>,
    /// How long a client may take to say who it is, TLS included.
    #[serde(with = "humantime_serde")]
    pub handshake_timeout: Duration,
    /// How long one message may take from its first byte to its last.
    #[serde(with = "humantime_serde")]
    pub message_timeout: Duration,
    /// TLS, when this section is there.
    pub tls: Option<TlsConfig>,
    /// Who may send; without any, everybody.
    pub credentials: Vec<CredentialConfig>,
    /// What the messages of other senders hold, by their tags.
    pub routes: Vec<RouteConfig>,
    /// How long the forward chunks of other senders are remembered, so that one that comes again isn't stored again.
    #[serde(with = "humantime_serde")]
    pub remember_chunks: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([0, 0, 0, 0], 24_224)),
            max_message: ByteSize::mib(32),
            max_decompressed: ByteSize::mib(64),
            max_connections: 4_096,
            max_connections_per_address: 2_048,
            memory: ByteSize::mib(128),
            unix: None,
            udp_heartbeat: false,
            hostname: None,
            handshake_timeout: Duration::from_secs(10),
            message_timeout: Duration::from_secs(60),
            tls: None,
            credentials: Vec::new(),
            routes: Vec::new(),
            remember_chunks: Duration::from_secs(24 * 60 * 60),
        }
    }
}

impl Config {
    /// With so many shards.
    pub(crate) fn check(&self, shards: usize) -> Result<(), Error> {
        let invalid =
            |setting, reason: &str| Err(Error::Invalid { setting, reason: reason.to_owned() });
        if self.max_connections == 0 || self.max_connections_per_address == 0 {
            let reason = "must be more than 0, as max_connections_per_address";
            return invalid("forward.max_connections", reason);
        }
        if self.max_message.as_u64() == 0 || self.max_message > ByteSize::gib(1) {
            return invalid("forward.max_message", "must be more than 0 and at most 1 GiB");
        }
        if self.max_decompressed.as_u64() == 0 || self.max_decompressed > ByteSize::gib(1) {
            return invalid("forward.max_decompressed", "must be more than 0 and at most 1 GiB");
        }
        if self.memory < self.max_message {
            return invalid(
                "forward.memory",
                "must be at least forward.max_message, or a message of that size would never fit",
            );
        }
        let part = self.memory.as_u64() / shards.max(1) as u64;
        if part < self.max_message.as_u64() {
            return invalid(
                "forward.memory",
                "must be at least forward.max_message for each shard: each has its part of it",
            );
        }
        if self.handshake_timeout.is_zero() || self.message_timeout.is_zero() {
            return invalid("forward.handshake_timeout", "must be more than 0, as message_timeout");
        }
        let asks_for_certificates = self.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
        if !asks_for_certificates && self.credentials.iter().any(|one| one.certificate.is_some()) {
            return invalid(
                "forward.credentials",
                "a credential by certificate needs forward.tls.client_ca",
            );
        }
        if self.remember_chunks < Duration::from_secs(60) {
            return invalid("forward.remember_chunks", "must be at least 1m");
        }
        if self.memory > ByteSize::tib(1) {
            return invalid("forward.memory", "must be at most 1 TiB");
        }
        Ok(())
    }

    /// The limits as the codec takes them.
    pub fn limits(&self) -> Limits {
        Limits {
            max_message: size(self.max_message),
            max_decompressed: size(self.max_decompressed),
        }
    }
}

/// As a length in memory; what doesn't fit one is as good as no limit.
fn size(size: ByteSize) -> usize {
    usize::try_from(size.as_u64()).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_holds_the_largest_message() {
        let config = Config { memory: ByteSize::mib(16), ..Config::default() };
        assert!(config.check(0).unwrap_err().to_string().starts_with("forward.memory"));
        assert_eq!(Config::default().check(4).map_err(|error| error.to_string()), Ok(()));
        let error = Config::default().check(5).unwrap_err().to_string();
        assert!(error.starts_with("forward.memory") && error.contains("each shard"), "{error}");
    }
}
