//! HELO, PING and PONG: how both sides prove that they hold the same shared key, and a client that it knows a user's password.
//!
//! Source: Fluent Forward Protocol Specification v1, "Handshake messages". No secret crosses the wire: each side sends a digest
//! over a salt of its own choice, its name, the server's nonce and the key. Real clients send salts and nonces as strings of bytes that
//! are no UTF-8; a binary means the same.

use sha2::{Digest as _, Sha512};

use crate::Error;
use crate::msgpack::{Reader, Value, write_array, write_bool, write_map, write_str};

/// Bytes of the nonces and salts made here; a peer's may be of any length.
pub const SALT: usize = 16;

/// What a server says first, on every connection anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Helo {
    /// Makes a PING good for this connection only.
    pub nonce: Vec<u8>,
    /// The salt of the password's digest; empty when no user has to be named.
    pub auth: Vec<u8>,
    /// Whether the connection may be used for more than one message.
    pub keepalive: bool,
}

/// What a client answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ping {
    /// The client's own name.
    pub client_hostname: Vec<u8>,
    /// The salt of the client's choice.
    pub shared_key_salt: Vec<u8>,
    /// The user; empty when the server asked for none.
    pub username: Vec<u8>,
    shared_key_digest: Vec<u8>,
    password_digest: Vec<u8>,
}

/// How the server closes the handshake. After a refusal it has to close the connection too: clients go on otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pong {
    /// Why the client is refused; `None` when it is welcome.
    pub refused: Option<Vec<u8>>,
    /// The server's own name.
    pub server_hostname: Vec<u8>,
    shared_key_digest: Vec<u8>,
}

impl Helo {
    /// Appends the message. It has to reach the socket in one write.
    pub fn encode(&self, out: &mut Vec<u8>) {
        write_array(out, 2);
        write_str(out, b"HELO");
        write_map(out, 3);
        write_str(out, b"nonce");
        write_str(out, &self.nonce);
        write_str(out, b"auth");
        write_str(out, &self.auth);
        write_str(out, b"keepalive");
        write_bool(out, self.keepalive);
    }

    /// Reads a whole message.
    pub fn decode(message: &[u8]) -> Result<Self, Error> {
        let mut reader = named(message, b"HELO", 2, "a HELO")?;
        let Value::Map(pairs) = reader.read()? else { return Err(Error::Expected("HELO's map")) };
        let mut helo = Self { nonce: Vec::new(), auth: Vec::new(), keepalive: true };
        for _ in 0..pairs {
            let key = reader.read()?;
            match (key.bytes().unwrap_or_default(), reader.read()?) {
                (b"nonce", value) => helo.nonce = bytes(value, "a string as nonce")?,
                (b"auth", Value::Nil) => {}
                (b"auth", value) => helo.auth = bytes(value, "a string as auth")?,
                (b"keepalive", Value::Bool(keepalive)) => helo.keepalive = keepalive,
                // A key of a version to come holds one value.
                (_, Value::Array(_) | Value::Map(_)) => {
                    return Err(Error::Expected("single values in HELO's map"));
                }
                _ => {}
            }
        }
        if helo.nonce.is_empty() {
            return Err(Error::Expected("a nonce in HELO"));
        }
        Ok(helo)
    }
}

impl Ping {
    /// The answer to `helo` of a client that holds `shared_key`, and acts for a user with a password where it is asked for one.
    pub fn new(
        helo: &Helo,
        client_hostname: &str,
        shared_key_salt: &[u8],
        shared_key: &[u8],
        user: Option<(&str, &[u8])>,
    ) -> Self {
        let host = client_hostname.as_bytes();
        let user = user.filter(|_| !helo.auth.is_empty());
        let (username, password_digest) = match user {
            None => (Vec::new(), Vec::new()),
            Some((name, password)) => {
                let digest = digest([&helo.auth, name.as_bytes(), password]);
                (name.as_bytes().to_vec(), digest.to_vec())
            }
        };
        Self {
            client_hostname: host.to_vec(),
            shared_key_salt: shared_key_salt.to_vec(),
            username,
            shared_key_digest: digest([shared_key_salt, host, &helo.nonce, shared_key]).to_vec(),
            password_digest,
        }
    }

    /// Appends the message.
    pub fn encode(&self, out: &mut Vec<u8>) {
        write_array(out, 6);
        write_str(out, b"PING");
        for part in [
            &self.client_hostname,
            &self.shared_key_salt,
            &self.shared_key_digest,
            &self.username,
            &self.password_digest,
        ] {
            write_str(out, part);
        }
    }

    /// Reads a whole message.
    pub fn decode(message: &[u8]) -> Result<Self, Error> {
        let mut reader = named(message, b"PING", 6, "a PING")?;
        let mut part = || bytes(reader.read()?, "a string in PING");
        Ok(Self {
            client_hostname: part()?,
            shared_key_salt: part()?,
            shared_key_digest: part()?,
            username: part()?,
            password_digest: part()?,
        })
    }

    /// Whether the client that answered `helo` with this holds `shared_key`. Takes as long whatever it is that differs.
    pub fn holds(&self, helo: &Helo, shared_key: &[u8]) -> bool {
        let parts = [&self.shared_key_salt, &self.client_hostname, &helo.nonce, shared_key];
        same(&self.shared_key_digest, &digest(parts))
    }

    /// Whether it knows the password of the user that it names.
    pub fn knows(&self, helo: &Helo, password: &[u8]) -> bool {
        !helo.auth.is_empty()
            && same(&self.password_digest, &digest([&helo.auth, &self.username, password]))
    }
}

impl Pong {
    /// Welcomes the client that sent `ping`, and proves that this server holds `shared_key` too.
    pub fn welcome(helo: &Helo, ping: &Ping, server_hostname: &str, shared_key: &[u8]) -> Self {
        let host = server_hostname.as_bytes();
        let digest = digest([&ping.shared_key_salt, host, &helo.nonce, shared_key]);
        Self { refused: None, server_hostname: host.to_vec(), shared_key_digest: digest.to_vec() }
    }

    /// Sends the client away.
    pub fn refuse(server_hostname: &str, reason: &str) -> Self {
        Self {
            refused: Some(reason.as_bytes().to_vec()),
            server_hostname: server_hostname.as_bytes().to_vec(),
            shared_key_digest: Vec::new(),
        }
    }

    /// Appends the message. It has to reach the socket in one write.
    pub fn encode(&self, out: &mut Vec<u8>) {
        write_array(out, 5);
        write_str(out, b"PONG");
        write_bool(out, self.refused.is_none());
        write_str(out, self.refused.as_deref().unwrap_or_default());
        write_str(out, &self.server_hostname);
        write_str(out, &self.shared_key_digest);
    }

    /// Reads a whole message.
    pub fn decode(message: &[u8]) -> Result<Self, Error> {
        let mut reader = named(message, b"PONG", 5, "a PONG")?;
        let Value::Bool(welcome) = reader.read()? else {
            return Err(Error::Expected("true or false in PONG"));
        };
        let reason = bytes(reader.read()?, "a string as PONG's reason")?;
        // A server that refuses need not say who it is.
        let mut rest = || match reader.read()? {
            Value::Nil if !welcome => Ok(Vec::new()),
            value => bytes(value, "a string in PONG"),
        };
        Ok(Self {
            server_hostname: rest()?,
            shared_key_digest: rest()?,
            refused: (!welcome).then_some(reason),
        })
    }

    /// Whether the server that answered `ping` with this holds `shared_key`.
    pub fn holds(&self, helo: &Helo, ping: &Ping, shared_key: &[u8]) -> bool {
        let parts = [&ping.shared_key_salt, &self.server_hostname, &helo.nonce, shared_key];
        same(&self.shared_key_digest, &digest(parts))
    }
}

/// The reader of a message behind its name.
fn named<'a>(
    message: &'a [u8],
    name: &[u8],
    len: u32,
    expected: &'static str,
) -> Result<Reader<'a>, Error> {
    let mut reader = Reader::new(message);
    match reader.read()? {
        Value::Array(found) if found == len && reader.read()?.bytes() == Some(name) => Ok(reader),
        _ => Err(Error::Expected(expected)),
    }
}

fn bytes(value: Value<'_>, expected: &'static str) -> Result<Vec<u8>, Error> {
    value.bytes().map(<[u8]>::to_vec).ok_or(Error::Expected(expected))
}

/// SHA-512 of the parts one behind the other, in lower-case hexadecimal.
fn digest<const N: usize>(parts: [&[u8]; N]) -> [u8; 128] {
    let mut hash = Sha512::new();
    for part in parts {
        hash.update(part);
    }
    let mut hex = [0; 128];
    for (pair, byte) in hex.chunks_exact_mut(2).zip(hash.finalize()) {
        for (digit, nibble) in pair.iter_mut().zip([byte >> 4, byte & 15]) {
            *digit = b"0123456789abcdef"[usize::from(nibble)];
        }
    }
    hex
}

/// Compares without telling by the time taken where two digests begin to differ.
fn same(given: &[u8], expected: &[u8; 128]) -> bool {
    given.len() == expected.len()
        && given.iter().zip(expected).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}
