//! Makes the connection: one address after the other, TCP, and TLS where it is configured.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
    time::timeout,
};
use tokio_rustls::TlsConnector;

use crate::config::{ShipConfig, TlsConfig};

/// An idle connection is probed after this long: a peer that vanished without a word is noticed, and
/// address translation on the way keeps its entry.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// A byte stream, whatever is below it.
pub trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// The ingesters that there are, tried in turn: collectors begin at a place of their own, so that they spread, and
/// go on with the next one after a failure.
#[derive(Debug)]
pub struct Upstreams {
    config: ShipConfig,
    next: usize,
}

impl Upstreams {
    /// Begins anywhere; `chance` is a random number.
    pub fn new(config: ShipConfig, chance: usize) -> Self {
        Self { config, next: chance }
    }

    /// Connects to the next address in turn. Names are resolved each time.
    pub async fn connect(&mut self) -> io::Result<(SocketAddr, Box<dyn Wire>)> {
        let limit = self.config.connect_timeout;
        timeout(limit, self.attempt()).await.map_err(|_| {
            io::Error::new(io::ErrorKind::TimedOut, format!("no connection within {limit:?}"))
        })?
    }

    async fn attempt(&mut self) -> io::Result<(SocketAddr, Box<dyn Wire>)> {
        let mut found = Vec::new();
        let mut unresolved = None;
        for name in self.config.address.all() {
            match lookup_host(name).await {
                Ok(addresses) => found.extend(addresses.map(|address| (name.as_str(), address))),
                Err(error) => {
                    unresolved = Some(io::Error::new(error.kind(), format!("{name}: {error}")));
                }
            }
        }
        if found.is_empty() {
            let nothing = || io::Error::new(io::ErrorKind::NotFound, "the name has no address");
            return Err(unresolved.unwrap_or_else(nothing));
        }
        // The same order each time, whatever the resolver's.
        found.sort_unstable();
        found.dedup();
        let at = self.next % found.len();
        self.next = self.next.wrapping_add(1);
        let (name, address) = found[at];
        let stream = TcpStream::connect(address)
            .await
            .map_err(|error| io::Error::new(error.kind(), format!("{address}: {error}")))?;
        stream.set_nodelay(true)?;
        let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 3);
        SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
        let Some(tls) = &self.config.tls else { return Ok((address, Box::new(stream))) };
        let host = name.rsplit_once(':').map_or(name, |(host, _)| host);
        let host = tls.server_name.as_deref().unwrap_or(host).trim_matches(['[', ']']).to_owned();
        let server = ServerName::try_from(host).map_err(io::Error::other)?;
        let connector = TlsConnector::from(Arc::new(client_config(tls)?));
        let stream = connector
            .connect(server, stream)
            .await
            .map_err(|error| io::Error::new(error.kind(), format!("{address}: TLS: {error}")))?;
        Ok((address, Box::new(stream)))
    }
}

/// Reads the files; see [`TlsConfig`].
///
/// # Errors
/// Names the file that can't be used.
pub(crate) fn client_config(tls: &TlsConfig) -> io::Result<ClientConfig> {
    let named = |file: &std::path::Path, error: &dyn std::fmt::Display| {
        io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", file.display()))
    };
    let certificates = |file: &std::path::Path| -> io::Result<Vec<CertificateDer<'static>>> {
        let all = CertificateDer::pem_file_iter(file)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| named(file, &error))?;
        if all.is_empty() { Err(named(file, &"no certificate in it")) } else { Ok(all) }
    };
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(certificates(&tls.ca)?);
    if added == 0 {
        return Err(named(&tls.ca, &"no usable certificate in it"));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots);
    match (&tls.certificate, &tls.key) {
        (Some(certificate), Some(key)) => {
            let chain = certificates(certificate)?;
            let key_der = PrivateKeyDer::from_pem_file(key).map_err(|error| named(key, &error))?;
            builder.with_client_auth_cert(chain, key_der).map_err(|error| named(key, &error))
        }
        _ => Ok(builder.with_no_client_auth()),
    }
}
