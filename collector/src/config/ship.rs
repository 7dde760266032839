//! `[ship]`: where forward chunks go, and how this collector proves who it is.

use std::{fmt, io, net::IpAddr, path::PathBuf, time::Duration};

use bytesize::ByteSize;
use serde::{Deserialize, Serialize};
use trunkline_forward::client::Credentials;

use super::{CompatibleConfig, Mode, Secret};

/// `[ship]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ShipConfig {
    /// `host:port` of the ingester, or several of them. Names are resolved at every connect; one that stands for several addresses is
    /// as good as a list.
    pub address: Addresses,
    /// What listens there.
    pub mode: Mode,
    /// Whether forward chunks are compressed.
    pub compression: ShipCompression,
    /// How many bytes of forward chunks, as they are sent, may be sent and not acknowledged.
    pub window: ByteSize,
    /// Limit for resolving the name, connecting and shaking hands.
    #[serde(with = "humantime_serde")]
    pub connect_timeout: Duration,
    /// How long the oldest forward chunk may wait for its ack before the connection is given up.
    #[serde(with = "humantime_serde")]
    pub ack_timeout: Duration,
    /// The longest pause between two attempts to connect.
    #[serde(with = "humantime_serde")]
    pub backoff_max: Duration,
    /// The key that the ingester holds too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shared_key: Option<Secret>,
    /// A file that holds the key, read at every connect; a line end behind it doesn't count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shared_key_file: Option<PathBuf>,
    /// The user that the ingester knows this collector by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The user's password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// A file that holds the password, like `shared_key_file`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
    /// What other receivers get.
    pub compatible: CompatibleConfig,
    /// TLS, when this section is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsConfig>,
}

/// `[ship.tls]`; files are read anew at every connect, so that renewed certificates need no restart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsConfig {
    /// PEM file of the authorities that the ingester's certificate may come from.
    pub ca: PathBuf,
    /// The name that the ingester's certificate must bear; else the host in `address`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    /// PEM file of this collector's own certificate chain, for ingesters that ask for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,
    /// PEM file of its key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
}

/// `ship.compression`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ShipCompression {
    /// Unless all receivers are on this machine.
    Auto,
    /// With zstd.
    Zstd,
    /// Not at all.
    None,
}

/// One `host:port` or several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Addresses {
    /// `address = "host:port"`
    One(String),
    /// `address = ["host:port", …]`
    Several(Vec<String>),
}

impl Default for ShipConfig {
    fn default() -> Self {
        Self {
            address: Addresses::One("127.0.0.1:24224".to_owned()),
            mode: Mode::Trunkline,
            compression: ShipCompression::Auto,
            window: ByteSize::mib(8),
            connect_timeout: Duration::from_secs(10),
            ack_timeout: Duration::from_secs(30),
            backoff_max: Duration::from_secs(10),
            shared_key: None,
            shared_key_file: None,
            username: None,
            password: None,
            password_file: None,
            compatible: CompatibleConfig::default(),
            tls: None,
        }
    }
}

impl Default for TlsConfig {
    fn default() -> Self {
        Self {
            // Where Debian, Alpine and their images keep the system's.
            ca: "/etc/ssl/certs/ca-certificates.crt".into(),
            server_name: None,
            certificate: None,
            key: None,
        }
    }
}

impl Addresses {
    /// All of them.
    pub fn all(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Several(several) => several,
        }
    }
}

impl From<String> for Addresses {
    fn from(one: String) -> Self {
        Self::One(one)
    }
}

impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.all().join(", "))
    }
}

impl ShipConfig {
    /// What the types alone can't refuse: the first key that is wrong, and why.
    ///
    /// # Errors
    /// Names the key as the collector's configuration has it.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        let refuse = |key, problem: &str| Err((key, problem.to_owned()));
        if self.address.all().is_empty() {
            return refuse("ship.address", "names no host:port");
        }
        for address in self.address.all() {
            if !names_host_and_port(address) {
                return Err(("ship.address", format!("{address:?} is not host:port")));
            }
        }
        if self.shared_key.is_some() && self.shared_key_file.is_some() {
            return refuse("ship.shared_key_file", "stands beside ship.shared_key; one is enough");
        }
        if self.password.is_some() && self.password_file.is_some() {
            return refuse("ship.password_file", "stands beside ship.password; one is enough");
        }
        let has_key = self.shared_key.is_some() || self.shared_key_file.is_some();
        let has_password = self.password.is_some() || self.password_file.is_some();
        if self.username.is_some() != has_password {
            return refuse("ship.username", "a user and its password belong together");
        }
        if self.username.is_some() && !has_key {
            return refuse(
                "ship.username",
                "needs ship.shared_key too: users are part of its handshake",
            );
        }
        self.compatible.check()?;
        if let Some(tls) = &self.tls
            && tls.certificate.is_some() != tls.key.is_some()
        {
            return refuse("ship.tls.certificate", "a certificate and its key belong together");
        }
        Ok(())
    }

    /// Whether forward chunks are compressed. Between two processes of one machine it costs both sides more than it saves.
    pub fn compresses(&self) -> bool {
        match self.compression {
            ShipCompression::Auto => !self.address.all().iter().all(|name| is_here(name)),
            ShipCompression::Zstd => true,
            ShipCompression::None => false,
        }
    }

    /// Who this collector is for the ingester; nobody without a shared key.
    ///
    /// # Errors
    /// When a file can't be read.
    pub fn credentials(&self, hostname: &str) -> io::Result<Option<Credentials>> {
        let Some(shared_key) = secret(self.shared_key.as_ref(), self.shared_key_file.as_ref())?
        else {
            return Ok(None);
        };
        let password = secret(self.password.as_ref(), self.password_file.as_ref())?;
        let user = self.username.clone().zip(password);
        Ok(Some(Credentials { hostname: hostname.to_owned(), shared_key, user }))
    }
}

/// What stands in the configuration, else in the file.
fn secret(value: Option<&Secret>, file: Option<&PathBuf>) -> io::Result<Option<Vec<u8>>> {
    match (value, file) {
        (Some(value), _) => Ok(Some(value.reveal().as_bytes().to_vec())),
        (None, Some(file)) => {
            let mut content = std::fs::read(file).map_err(|error| {
                io::Error::new(error.kind(), format!("{}: {error}", file.display()))
            })?;
            while content.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
                content.pop();
            }
            Ok(Some(content))
        }
        (None, None) => Ok(None),
    }
}

/// Whether a `host:port` is on this machine, by its name alone.
fn is_here(address: &str) -> bool {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let ip = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || ip.is_ok_and(|ip| ip.to_canonical().is_loopback())
}

fn names_host_and_port(address: &str) -> bool {
    address
        .rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|p| p != 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_on_this_machine_is_not_compressed_unless_it_is_said() {
        use ShipCompression::{Auto, None, Zstd};
        let check = |compression, addresses: &[&str], expected| {
            let all = addresses.iter().map(|&address| address.to_owned()).collect();
            let address = Addresses::Several(all);
            let config = ShipConfig { compression, address, ..ShipConfig::default() };
            assert_eq!(config.compresses(), expected, "{compression:?} {addresses:?}");
        };
        check(Auto, &["127.0.0.1:24224"], false);
        check(Auto, &["LOCALHOST:1", "[::1]:1", "127.3.2.1:1", "[::ffff:127.0.0.1]:1"], false);
        check(Auto, &["127.0.0.1:1", "ingester:1"], true);
        check(Auto, &["10.0.0.1:1"], true);
        check(Auto, &["localhost.example:1"], true);
        check(Auto, &["0.0.0.0:1"], true);
        check(Zstd, &["127.0.0.1:1"], true);
        check(None, &["ingester:1"], false);
    }
}
