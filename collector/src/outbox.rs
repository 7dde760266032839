//! The way of closed forward chunks from the tail thread to the ship task, with the signal back that
//! there is room again.

use std::sync::Arc;

use tokio::sync::mpsc::{self, error::TrySendError};
use trunkline_record::{SealedChunk, Source};

use crate::{streams::Stream, tail::Wake};

/// Forward chunks on their way to the ship task. The window bounds what is unacknowledged; here one
/// waits while the next is being made, so that the socket never waits for the parser.
const CAPACITY: usize = 1;

/// A closed forward chunk of one stream.
#[derive(Debug)]
pub struct Chunk {
    /// Whose it is.
    pub stream: Arc<Stream>,
    /// Where it came from when it was closed.
    pub source: Arc<Source>,
    /// Its content.
    pub sealed: SealedChunk,
}

/// The tail thread's end.
#[derive(Debug)]
pub struct Outbox {
    sender: mpsc::Sender<Chunk>,
    waiting: Option<Chunk>,
}

/// What became of an attempt to hand over the waiting forward chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flushed {
    /// Nothing waits.
    Empty,
    /// It still waits: the window is full. The tail thread is woken when there is room.
    Full,
    /// Nobody takes forward chunks any more.
    Closed,
}

/// The ship task's end.
#[derive(Debug)]
pub struct Inbox {
    receiver: mpsc::Receiver<Chunk>,
    wake: Wake,
}

/// A way between the two; `wake` is told whenever there is room again.
pub fn outbox(wake: Wake) -> (Outbox, Inbox) {
    let (sender, receiver) = mpsc::channel(CAPACITY);
    (Outbox { sender, waiting: None }, Inbox { receiver, wake })
}

impl Outbox {
    /// Hands over `chunk`, or keeps it waiting. To be called only while nothing waits.
    pub fn put(&mut self, chunk: Chunk) -> Flushed {
        debug_assert!(self.waiting.is_none());
        self.waiting = Some(chunk);
        self.flush()
    }

    /// Tries to hand over what waits.
    pub fn flush(&mut self) -> Flushed {
        if self.sender.is_closed() {
            return Flushed::Closed;
        }
        let Some(chunk) = self.waiting.take() else { return Flushed::Empty };
        match self.sender.try_send(chunk) {
            Ok(()) => Flushed::Empty,
            Err(TrySendError::Full(chunk)) => {
                self.waiting = Some(chunk);
                Flushed::Full
            }
            Err(TrySendError::Closed(_)) => Flushed::Closed,
        }
    }
}

impl Inbox {
    /// The next forward chunk; none once the tail thread has ended and everything was taken.
    pub async fn take(&mut self) -> Option<Chunk> {
        let chunk = self.receiver.recv().await;
        self.wake.ring();
        chunk
    }

    /// The next forward chunk if one is there now.
    pub fn try_take(&mut self) -> Option<Chunk> {
        let chunk = self.receiver.try_recv().ok()?;
        self.wake.ring();
        Some(chunk)
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.receiver.close();
        self.wake.ring();
    }
}
