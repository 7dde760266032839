//! TLS to the database, as libpq's `sslmode`, `sslrootcert`, `sslcert` and `sslkey` say.
//!
//! The files are read for each connection, of which there are few: what was renewed is used from the next one on.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::client::WebPkiServerVerifier;
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client;

use super::parameters::Parameters;
use super::url::UrlError;

mod endpoint;
mod trust;

/// What is asked of the connection, see "SSL Support" in libpq's chapter of the PostgreSQL manual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Disable,
    Allow,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// Whom a server's certificate has to come from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Roots {
    /// Anybody the system trusts.
    System,
    /// An authority in this PEM file.
    File(PathBuf),
}

/// How connections are secured. Clones share it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tls(Arc<Options>);

#[derive(Debug, PartialEq, Eq)]
struct Options {
    mode: Mode,
    roots: Option<Roots>,
    /// Our own certificate, and its key.
    identity: Option<(PathBuf, PathBuf)>,
}

impl Tls {
    /// By a connection string's parameters.
    pub(super) fn new(parameters: &Parameters) -> Result<Self, UrlError> {
        let invalid = |reason: &str| Err(UrlError(reason.to_owned()));
        let roots = parameters.get("sslrootcert").map(|value| match value.as_str() {
            "system" => Roots::System,
            path => Roots::File(path.into()),
        });
        let mode = match parameters.get("sslmode").map(String::as_str) {
            Some("disable") => Mode::Disable,
            Some("allow") => Mode::Allow,
            Some("prefer") => Mode::Prefer,
            Some("require") => Mode::Require,
            Some("verify-ca") => Mode::VerifyCa,
            Some("verify-full") => Mode::VerifyFull,
            // Anybody can have a certificate of a public authority: its name is what counts.
            None if roots == Some(Roots::System) => Mode::VerifyFull,
            None => Mode::Prefer,
            Some(_) => {
                return invalid(
                    "sslmode is one of disable, allow, prefer, require, verify-ca, verify-full",
                );
            }
        };
        if roots == Some(Roots::System) && mode != Mode::VerifyFull {
            return invalid("sslrootcert=system needs sslmode=verify-full");
        }
        if roots.is_none() && matches!(mode, Mode::VerifyCa | Mode::VerifyFull) {
            return invalid("this sslmode needs sslrootcert: a PEM file, or system");
        }
        let identity = match (parameters.get("sslcert"), parameters.get("sslkey")) {
            (None, None) => None,
            (Some(certificate), Some(key)) => Some((certificate.into(), key.into())),
            _ => return invalid("sslcert and sslkey belong together"),
        };
        Ok(Self(Arc::new(Options { mode, roots, identity })))
    }

    /// The ways to try one after the other, in the driver's words.
    pub(super) fn attempts(&self) -> &'static [SslMode] {
        match self.0.mode {
            Mode::Disable => &[SslMode::Disable],
            Mode::Allow => &[SslMode::Disable, SslMode::Require],
            Mode::Prefer => &[SslMode::Prefer, SslMode::Disable],
            Mode::Require | Mode::VerifyCa | Mode::VerifyFull => &[SslMode::Require],
        }
    }

    /// Whether there is no connection without TLS.
    pub(super) fn is_required(&self) -> bool {
        self.attempts() == [SslMode::Require]
    }

    /// For one connection to this host.
    pub(super) fn handshake(&self, host: &str) -> Handshake {
        Handshake { tls: self.clone(), host: host.to_owned() }
    }

    /// Whether the files can be used now.
    pub(super) fn check(&self) -> io::Result<()> {
        if self.0.mode == Mode::Disable { Ok(()) } else { self.client_config().map(drop) }
    }

    fn client_config(&self) -> io::Result<ClientConfig> {
        let Options { mode, roots, identity } = &*self.0;
        let provider: Arc<CryptoProvider> = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .dangerous();
        let roots = match roots {
            // As libpq does, a mode that asks for no check is given one when there are roots to check by.
            Some(roots) if !matches!(mode, Mode::Allow | Mode::Prefer) => Some(load(roots)?),
            _ => None,
        };
        let builder = match (roots, mode) {
            (None, _) => builder.with_custom_certificate_verifier(trust::anybody(provider)),
            (Some(roots), Mode::VerifyFull) => {
                let verifier =
                    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
                builder
                    .with_custom_certificate_verifier(verifier.build().map_err(io::Error::other)?)
            }
            (Some(roots), _) => {
                builder.with_custom_certificate_verifier(trust::any_name(roots, provider))
            }
        };
        let mut config = match identity {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = certificates(certificate)?;
                let pem = PrivateKeyDer::from_pem_file(key).map_err(|error| named(key, &error))?;
                builder.with_client_auth_cert(chain, pem).map_err(|error| named(key, &error))?
            }
        };
        // Servers that know ALPN want it for sslnegotiation=direct; the others don't look at it.
        config.alpn_protocols = vec![b"postgresql".to_vec()];
        Ok(config)
    }
}

fn load(roots: &Roots) -> io::Result<RootCertStore> {
    let mut store = RootCertStore::empty();
    let (found, place) = match roots {
        Roots::System => (rustls_native_certs::load_native_certs().certs, Path::new("system")),
        Roots::File(path) => (certificates(path)?, path.as_path()),
    };
    let (usable, _) = store.add_parsable_certificates(found);
    if usable == 0 { Err(named(place, &"no certificate that can be used")) } else { Ok(store) }
}

fn certificates(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| named(path, &error))
}

fn named(path: &Path, error: &dyn std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", path.display()))
}

impl<S> MakeTlsConnect<S> for Tls
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = Stream<S>;
    type TlsConnect = Handshake;
    type Error = io::Error;

    fn make_tls_connect(&mut self, host: &str) -> io::Result<Handshake> {
        Ok(self.handshake(host))
    }
}

/// Secures one connection to this host, once the server has agreed to TLS.
pub(super) struct Handshake {
    tls: Tls,
    host: String,
}

impl<S> TlsConnect<S> for Handshake
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = Stream<S>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Stream<S>>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move {
            let config = self.tls.client_config()?;
            let name = ServerName::try_from(self.host).map_err(io::Error::other)?;
            TlsConnector::from(Arc::new(config)).connect(name, stream).await.map(Stream)
        })
    }
}

/// A secured connection.
pub(super) struct Stream<S>(client::TlsStream<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Stream<S> {
    fn channel_binding(&self) -> ChannelBinding {
        let certificates = self.0.get_ref().1.peer_certificates();
        let hash = certificates.and_then(<[_]>::first).and_then(|first| endpoint::hash(first));
        hash.map_or_else(ChannelBinding::none, ChannelBinding::tls_server_end_point)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Stream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buf)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
