//! The server's side of a connection: bytes that a client sent in, messages out.
//!
//! Without a shared key a connection is established from its first byte. With one, the server says [`Helo`] first, and nothing but a
//! [`Ping`] is taken before [`Server::welcome`]: whether to welcome whom is for the caller to decide.

use bytes::BytesMut;

use crate::frame::FrameScanner;
use crate::handshake::{Helo, Ping};
use crate::{Error, Limits, Message};

/// The largest PING that is read; a real one has a few hundred bytes. Nobody is known before it, so nobody gets more.
const MAX_PING: usize = 4 << 10;

/// What a client said.
#[derive(Debug, Clone)]
pub enum Event {
    /// Who it is. The caller answers with a [`Pong`](crate::handshake::Pong), and calls [`Server::welcome`] or closes.
    Ping(Ping),
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
    greeting: Option<Helo>,
}

impl Server {
    /// A connection on which nothing has been said, of a server without a shared key.
    pub fn new(limits: Limits) -> Self {
        Self { frame: FrameScanner::default(), limits, greeting: None }
    }

    /// The same of a server that greets with `helo`, which the caller sends.
    pub fn greeting(limits: Limits, helo: Helo) -> Self {
        Self { greeting: Some(helo), ..Self::new(limits) }
    }

    /// What the client has been greeted with, as long as it isn't welcome.
    pub fn helo(&self) -> Option<&Helo> {
        self.greeting.as_ref()
    }

    /// The client is who it says: messages may follow.
    pub fn welcome(&mut self) {
        self.greeting = None;
    }

    /// Bytes that the message at the start of the buffer is known to have, as long as it isn't whole.
    pub fn announced(&self) -> u64 {
        self.frame.announced()
    }

    /// Takes the next event off the front of `buf`; `None`, and `buf` untouched, until more has arrived.
    ///
    /// An error is final: what follows on this connection can't be understood.
    pub fn receive(&mut self, buf: &mut BytesMut) -> Result<Option<Event>, Error> {
        let limit = match self.greeting {
            Some(_) => MAX_PING.min(self.limits.max_message),
            None => self.limits.max_message,
        };
        let Some(len) = self.frame.advance(buf, limit)? else {
            return Ok(None);
        };
        let frame = buf.split_to(len).freeze();
        if frame[..] == [0xc0] {
            return Ok(Some(Event::Heartbeat));
        }
        if self.greeting.is_some() {
            return Ping::decode(&frame).map(Event::Ping).map(Some);
        }
        Message::decode(&frame).map(Event::Message).map(Some)
    }
}
