//! Forward chunks that claim a source which their credential may not write: who runs the fleet sees them in `log.rejected`.
//!
//! A client that is refused comes again, and one that means harm claims whatever it likes. So a stream is noted once a minute, and a
//! credential notes few streams in that time; every refusal is counted and logged all the same.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{self, Receiver, Sender};
use trunkline_record::{ChunkHeader, StreamId};

use super::credentials::Forbidden;

/// How long the same stream isn't noted again.
const PAUSE: Duration = Duration::from_secs(60);

/// Streams that one credential notes in that time.
const STREAMS: usize = 16;

/// Notes that wait for the database; while it is away, more are dropped.
const QUEUE: usize = 64;

/// One forward chunk that was refused.
#[derive(Debug)]
pub struct Note {
    /// What it says of itself.
    pub header: ChunkHeader,
    /// Why it was refused.
    pub reason: Forbidden,
}

/// Takes notes. Clones share what was noted lately.
#[derive(Debug, Clone)]
pub struct Notes {
    lately: Arc<Mutex<Lately>>,
    queues: Arc<[Sender<Note>]>,
}

impl Notes {
    /// For so many databases, and where the notes for each come out.
    pub fn new(databases: usize) -> (Self, Vec<Receiver<Note>>) {
        let (queues, notes): (Vec<_>, _) = (0..databases).map(|_| mpsc::channel(QUEUE)).unzip();
        (Self { lately: Arc::default(), queues: queues.into() }, notes)
    }

    /// Notes a forward chunk in the database where it would belong, unless its like was noted lately or too much was.
    pub(super) fn take(&self, database: usize, header: ChunkHeader, reason: Forbidden) {
        let is_new = self.lately.lock().unwrap_or_else(PoisonError::into_inner).admit(
            &reason.credential,
            header.stream,
            Instant::now(),
        );
        if is_new && self.queues[database].try_send(Note { header, reason }).is_err() {
            tracing::debug!("a refused forward chunk is not noted in log.rejected: too many are");
        }
    }
}

/// When which credential's streams were noted.
#[derive(Debug, Default)]
struct Lately(HashMap<String, Vec<(StreamId, Instant)>>);

impl Lately {
    fn admit(&mut self, credential: &str, stream: StreamId, now: Instant) -> bool {
        // Credentials are configured: there are no more of them than that.
        let noted = self.0.entry(credential.to_owned()).or_default();
        noted.retain(|(_, at)| now.duration_since(*at) < PAUSE);
        let is_new = noted.len() < STREAMS && noted.iter().all(|(other, _)| *other != stream);
        if is_new {
            noted.push((stream, now));
        }
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_noted_once_a_minute_and_not_too_many_are() {
        let (mut lately, start) = (Lately::default(), Instant::now());
        let mut admit = |credential, stream, second| {
            let now = start + Duration::from_secs(second);
            lately.admit(credential, StreamId([stream; 16]), now)
        };
        assert!(admit("a", 1, 0));
        assert!(!admit("a", 1, 59));
        assert!(admit("b", 1, 59));
        assert!(admit("a", 1, 60));
        let noted = (2..=255).filter(|stream| admit("a", *stream, 61)).count();
        assert_eq!(noted, STREAMS - 1);
        assert!(admit("b", 2, 61));
    }
}
