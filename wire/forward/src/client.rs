//! The client's side of a connection: bytes that the server sent in, acks out.
//!
//! Without a shared key a connection is established from its first byte. With one, the client waits for HELO, answers with PING, and may
//! send messages once PONG has proved that the server holds the key too.

use bytes::BytesMut;

use crate::frame::FrameScanner;
use crate::handshake::{Helo, Ping, Pong, SALT};
use crate::msgpack::{Reader, Value};
use crate::{Error, ack};

/// The largest response that a client believes in; an ack is a few dozen bytes.
const MAX_RESPONSE: usize = 64 << 10;

/// Who the client is.
#[derive(Clone)]
pub struct Credentials {
    /// Its own name.
    pub hostname: String,
    /// The key that the server holds too.
    pub shared_key: Vec<u8>,
    /// A user and its password, for servers that ask for one.
    pub user: Option<(String, Vec<u8>)>,
}

/// Shows no secret.
impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let user = self.user.as_ref().map(|(name, _)| name);
        f.debug_struct("Credentials")
            .field("hostname", &self.hostname)
            .field("user", &user)
            .finish_non_exhaustive()
    }
}

/// What the server said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Its greeting, to be answered with these bytes, in one write.
    Helo(Vec<u8>),
    /// Messages may be sent from here on.
    Established {
        /// Whether the connection may be used for more than one message.
        keepalive: bool,
    },
    /// The forward chunk with this id is stored.
    Ack(Vec<u8>),
}

/// The state of one connection, seen from the client.
#[derive(Debug, Default)]
pub struct Client {
    frame: FrameScanner,
    state: State,
}

#[derive(Debug, Default)]
enum State {
    Greeted(Credentials, [u8; SALT]),
    Asked(Credentials, Helo, Ping),
    #[default]
    Established,
}

impl Client {
    /// A connection to a server without a shared key.
    pub fn new() -> Self {
        Self::default()
    }

    /// A connection to a server that holds the shared key of `credentials`; `salt` is random.
    pub fn with_credentials(credentials: Credentials, salt: [u8; SALT]) -> Self {
        Self { state: State::Greeted(credentials, salt), ..Self::default() }
    }

    /// Whether messages may be sent.
    pub fn is_established(&self) -> bool {
        matches!(self.state, State::Established)
    }

    /// Takes the next event off the front of `buf`; `None` until more has arrived.
    ///
    /// An error is final. [`Error::Refused`] has the server's own words.
    pub fn receive(&mut self, buf: &mut BytesMut) -> Result<Option<Event>, Error> {
        let Some(len) = self.frame.advance(buf, MAX_RESPONSE)? else { return Ok(None) };
        let response = buf.split_to(len);
        match std::mem::take(&mut self.state) {
            State::Greeted(credentials, salt) => self.answer(&response, credentials, salt),
            State::Asked(credentials, helo, ping) => {
                let pong = Pong::decode(&response)?;
                if let Some(reason) = pong.refused {
                    return Err(Error::Refused(String::from_utf8_lossy(&reason).into_owned()));
                }
                if !pong.holds(&helo, &ping, &credentials.shared_key) {
                    return Err(Error::Impostor);
                }
                Ok(Some(Event::Established { keepalive: helo.keepalive }))
            }
            State::Established if is_array(&response) => Err(Error::KeyRequired),
            State::Established => Ok(Some(Event::Ack(ack::decode(&response)?.to_vec()))),
        }
    }

    fn answer(
        &mut self,
        response: &[u8],
        credentials: Credentials,
        salt: [u8; SALT],
    ) -> Result<Option<Event>, Error> {
        let helo = Helo::decode(response)?;
        let user = credentials.user.as_ref().map(|(name, password)| (name.as_str(), &**password));
        if user.is_none() && !helo.auth.is_empty() {
            return Err(Error::UserRequired);
        }
        // As text: servers in JavaScript take any string for UTF-8, and would put other bytes into their digests.
        let salt: String = salt.iter().map(|byte| format!("{byte:02x}")).collect();
        let (host, key) = (&credentials.hostname, &credentials.shared_key);
        let ping = Ping::new(&helo, host, salt.as_bytes(), key, user);
        let mut answer = Vec::with_capacity(512);
        ping.encode(&mut answer);
        self.state = State::Asked(credentials, helo, ping);
        Ok(Some(Event::Helo(answer)))
    }
}

/// Acks are maps; HELO is an array.
fn is_array(response: &[u8]) -> bool {
    matches!(Reader::new(response).read(), Ok(Value::Array(_)))
}
