//! The client's side of a connection: bytes that the server sent in, acks out.
//!
//! The handshake (HELO, PING, PONG) will be states of this machine; without it a connection is established from its first byte.

use bytes::BytesMut;

use crate::frame::FrameScanner;
use crate::{Error, ack};

/// The largest response that a client believes in; an ack is a few dozen bytes.
const MAX_RESPONSE: usize = 64 << 10;

/// What the server said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The forward chunk with this id is stored.
    Ack(Vec<u8>),
}

/// The state of one connection, seen from the client.
#[derive(Debug, Default)]
pub struct Client {
    frame: FrameScanner,
}

impl Client {
    /// A connection on which nothing has been said.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next event off the front of `buf`; `None` until more has arrived.
    pub fn receive(&mut self, buf: &mut BytesMut) -> Result<Option<Event>, Error> {
        let Some(len) = self.frame.advance(buf, MAX_RESPONSE)? else { return Ok(None) };
        let response = buf.split_to(len);
        Ok(Some(Event::Ack(ack::decode(&response)?.to_vec())))
    }
}
