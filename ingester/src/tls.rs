//! TLS of a listener. Files that change are taken over without a restart.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde::Deserialize;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use webpki::EndEntityCert;

use crate::config::Error;

/// `[forward.tls]`, `[http.tls]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// PEM file of the certificate and those between it and an authority's.
    pub certificate: PathBuf,
    /// PEM file of its key.
    pub key: PathBuf,
    /// PEM file of the authorities of clients' certificates. Absent, clients aren't asked for one.
    #[serde(default)]
    pub client_ca: Option<PathBuf>,
    /// Whether a client without a certificate is taken all the same: it can still have a shared key.
    #[serde(default)]
    pub client_certificate_optional: bool,
}

/// How the settings of one listener are called.
#[derive(Debug, Clone, Copy)]
pub struct Names {
    certificate: Setting,
    key: Setting,
    client_ca: Setting,
}

impl Names {
    /// `[forward.tls]`
    pub const FORWARD: Self = Self {
        certificate: "forward.tls.certificate",
        key: "forward.tls.key",
        client_ca: "forward.tls.client_ca",
    };
    /// `[http.tls]`
    pub const HTTP: Self = Self {
        certificate: "http.tls.certificate",
        key: "http.tls.key",
        client_ca: "http.tls.client_ca",
    };
}

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// The configuration in force. Clones share it.
#[derive(Debug, Clone)]
pub struct Tls(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    config: TlsConfig,
    names: Names,
    current: RwLock<Arc<ServerConfig>>,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// Names the file that can't be used.
    pub fn load(config: &TlsConfig, names: Names) -> Result<Self, Error> {
        let current =
            RwLock::new(Arc::new(server_config(config, names).map_err(|(setting, error)| {
                Error::Invalid { setting, reason: error.to_string() }
            })?));
        Ok(Self(Arc::new(Shared { config: config.clone(), names, current })))
    }

    /// Takes connections with the certificate of now.
    pub fn acceptor(&self) -> TlsAcceptor {
        let current = self.0.current.read().unwrap_or_else(PoisonError::into_inner);
        TlsAcceptor::from(Arc::clone(&current))
    }

    /// Reads the files again whenever they change, until `stop`. What can't be used is said, and the old stays in force.
    pub async fn keep(self, stop: CancellationToken) {
        let mut seen = self.modified();
        while stop.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_some() {
            let modified = self.modified();
            if modified == seen {
                continue;
            }
            match server_config(&self.0.config, self.0.names) {
                Ok(config) => {
                    seen = modified;
                    *self.0.current.write().unwrap_or_else(PoisonError::into_inner) =
                        Arc::new(config);
                    tracing::info!("certificate files were read again");
                }
                // Files are renewed one after the other: looked at again next time.
                Err((setting, error)) => {
                    tracing::warn!(setting, %error, "changed certificate files can't be used");
                }
            }
        }
    }

    fn modified(&self) -> Vec<Option<SystemTime>> {
        let TlsConfig { certificate, key, client_ca, .. } = &self.0.config;
        let files = [Some(certificate), Some(key), client_ca.as_ref()];
        let modified = |path: &PathBuf| fs::metadata(path).and_then(|meta| meta.modified()).ok();
        files.into_iter().flatten().map(modified).collect()
    }
}

type Setting = &'static str;

fn server_config(config: &TlsConfig, names: Names) -> Result<ServerConfig, (Setting, io::Error)> {
    let chain = certificates(&config.certificate).map_err(|error| (names.certificate, error))?;
    let key_setting = |error| (names.key, error);
    let key = PrivateKeyDer::from_pem_file(&config.key)
        .map_err(|error| key_setting(named(&config.key, &error)))?;
    let provider: Arc<CryptoProvider> = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| key_setting(io::Error::other(error)))?;
    let builder = match &config.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let setting = |error| (names.client_ca, error);
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(certificates(path).map_err(setting)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier = if config.client_certificate_optional {
                verifier.allow_unauthenticated()
            } else {
                verifier
            };
            let verifier = verifier.build().map_err(|error| setting(named(path, &error)))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    builder.with_single_cert(chain, key).map_err(|error| key_setting(named(&config.key, &error)))
}

fn certificates(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let all = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| named(path, &error))?;
    if all.is_empty() { Err(named(path, &"no certificate in it")) } else { Ok(all) }
}

fn named(path: &Path, error: &dyn std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", path.display()))
}

/// The names that a client's certificate bears: DNS names and URIs among its subject alternative names.
pub(crate) fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok(certificate) = EndEntityCert::try_from(certificate) else { return Vec::new() };
    let dns = certificate.valid_dns_names().map(str::to_owned);
    dns.chain(certificate.valid_uri_names().map(str::to_owned)).collect()
}
