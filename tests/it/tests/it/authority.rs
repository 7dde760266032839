//! A certificate authority of a test's own.

use std::fs;
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    /// Writes `ca.pem`.
    pub fn write(&self, directory: &Path) {
        self.write_as(directory, "ca.pem");
    }

    /// Writes its certificate into this file.
    pub fn write_as(&self, directory: &Path, file: &str) {
        fs::write(directory.join(file), self.0.pem()).unwrap();
    }

    /// Writes `<file>.pem` and `<file>.key` of a certificate with this name, as alternative name and as common name.
    pub fn issue(&self, directory: &Path, file: &str, name: &str) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.signed_by(&key, &self.0).unwrap();
        fs::write(directory.join(format!("{file}.key")), key.serialize_pem()).unwrap();
        fs::write(directory.join(format!("{file}.pem")), certificate.pem()).unwrap();
    }
}
