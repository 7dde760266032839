//! Channel binding `tls-server-end-point` (RFC 5929, section 4): the hash of the server's certificate, by which SCRAM makes sure that
//! who knows the password is who ends the TLS connection.

use sha2::{Digest, Sha256, Sha384, Sha512};

/// Signature algorithms by the content of their object identifiers, and the hash that each uses (RFC 4055, RFC 5758).
const SHA256: [&[u8]; 2] =
    [b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b", b"\x2a\x86\x48\xce\x3d\x04\x03\x02"];
const SHA384: [&[u8]; 2] =
    [b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c", b"\x2a\x86\x48\xce\x3d\x04\x03\x03"];
const SHA512: [&[u8]; 2] =
    [b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d", b"\x2a\x86\x48\xce\x3d\x04\x03\x04"];
/// These use hashes that are broken; RFC 5929 puts SHA-256 in their place: MD5 and SHA-1 with RSA, SHA-1 with ECDSA.
const BROKEN: [&[u8]; 3] = [
    b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04",
    b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05",
    b"\x2a\x86\x48\xce\x3d\x04\x01",
];

const SEQUENCE: u8 = 0x30;
const OBJECT_IDENTIFIER: u8 = 0x06;

/// The hash of a certificate in DER; none where its signature's algorithm doesn't say which hash that is.
pub(super) fn hash(certificate: &[u8]) -> Option<Vec<u8>> {
    let algorithm = signature_algorithm(certificate)?;
    if SHA256.contains(&algorithm) || BROKEN.contains(&algorithm) {
        Some(Sha256::digest(certificate).to_vec())
    } else if SHA384.contains(&algorithm) {
        Some(Sha384::digest(certificate).to_vec())
    } else if SHA512.contains(&algorithm) {
        Some(Sha512::digest(certificate).to_vec())
    } else {
        None
    }
}

/// `Certificate ::= SEQUENCE { tbsCertificate SEQUENCE, signatureAlgorithm SEQUENCE { algorithm OBJECT IDENTIFIER, … }, … }`
fn signature_algorithm(certificate: &[u8]) -> Option<&[u8]> {
    let (certificate, _) = element(certificate, SEQUENCE)?;
    let (_, behind) = element(certificate, SEQUENCE)?;
    let (algorithm, _) = element(behind, SEQUENCE)?;
    Some(element(algorithm, OBJECT_IDENTIFIER)?.0)
}

/// The content of the element at the beginning, and what is behind it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[found, first], mut rest) = der.split_first_chunk::<2>()?;
    if found != tag {
        return None;
    }
    let mut length = usize::from(first);
    if first >= 0x80 {
        let digits = usize::from(first - 0x80);
        if !(1..=4).contains(&digits) {
            return None;
        }
        let (bytes, behind) = rest.split_at_checked(digits)?;
        length = bytes.iter().fold(0, |length, byte| (length << 8) | usize::from(*byte));
        rest = behind;
    }
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A certificate of no content but its signature's algorithm.
    fn certificate(oid: &[u8]) -> Vec<u8> {
        let wrap = |tag: u8, content: &[u8]| {
            [&[tag, 0x81, u8::try_from(content.len()).unwrap()], content].concat()
        };
        let algorithm = wrap(SEQUENCE, &wrap(OBJECT_IDENTIFIER, oid));
        wrap(SEQUENCE, &[wrap(SEQUENCE, b"tbs"), algorithm].concat())
    }

    #[test]
    fn the_hash_is_the_signatures() {
        for (oid, length) in [(SHA256[1], 32), (SHA384[0], 48), (SHA512[1], 64), (BROKEN[1], 32)] {
            assert_eq!(hash(&certificate(oid)).unwrap().len(), length);
        }
        // Ed25519 has no hash of its own.
        assert_eq!(hash(&certificate(b"\x2b\x65\x70")), None);
    }

    #[test]
    fn what_is_no_certificate_has_none() {
        let whole = certificate(SHA256[0]);
        for end in 0..whole.len() {
            assert_eq!(hash(&whole[..end]), None, "{end}");
        }
        assert_eq!(hash(b"\x30\x85\xff\xff\xff\xff\xff"), None);
    }
}
