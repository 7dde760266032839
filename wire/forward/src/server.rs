//! The server's side of a connection: bytes that a client sent in, messages out.
//!
//! The handshake (HELO, PING, PONG) will be states of this machine; without it a connection is established from its first byte.

use bytes::BytesMut;

use crate::frame::FrameScanner;
use crate::{Error, Limits, Message};

/// What a client said.
#[derive(Debug, Clone)]
pub enum Event {
    /// Events to store.
    Message(Message),
    /// A nil: the client asks whether we are there. Nothing is answered.
    Heartbeat,
}

/// The state of one connection, seen from the server.
#[derive(Debug)]
pub struct Server {
    frame: FrameScanner,
    limits: Limits,
}

impl Server {
    /// A connection on which nothing has been said.
    pub fn new(limits: Limits) -> Self {
        Self { frame: FrameScanner::default(), limits }
    }

    /// Takes the next event off the front of `buf`; `None`, and `buf` untouched, until more has arrived.
    ///
    /// An error is final: what follows on this connection can't be understood.
    pub fn receive(&mut self, buf: &mut BytesMut) -> Result<Option<Event>, Error> {
        let Some(len) = self.frame.advance(buf, self.limits.max_message)? else {
            return Ok(None);
        };
        let frame = buf.split_to(len).freeze();
        if frame[..] == [0xc0] {
            return Ok(Some(Event::Heartbeat));
        }
        Message::decode(&frame).map(Event::Message).map(Some)
    }
}
