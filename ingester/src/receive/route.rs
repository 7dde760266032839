//! Which writer stores a forward chunk.

use tokio::sync::mpsc::Sender;
use trunkline_record::StreamId;

use crate::chunk::Chunk;
use crate::metrics::Metrics;

/// The writers' queues. A stream always goes to the same one, so that its forward chunks are stored in the order in which they
/// came, and so that no two writers wait for each other's lock on a stream.
#[derive(Debug, Clone)]
pub struct Route {
    queues: Vec<Sender<Chunk>>,
    metrics: Metrics,
}

/// The stream's writer has ended, which it never does while there are connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the writer of the stream has ended")]
pub struct WriterGone;

impl Route {
    /// Over at least one queue.
    pub fn new(queues: Vec<Sender<Chunk>>, metrics: Metrics) -> Self {
        assert!(!queues.is_empty(), "a route needs a writer");
        Self { queues, metrics }
    }

    /// Waits for a place in the queue of the forward chunk's stream.
    pub async fn send(&self, chunk: Chunk) -> Result<(), WriterGone> {
        let queue = &self.queues[index(chunk.header.stream, self.queues.len())];
        let place = queue.reserve().await.map_err(|_| WriterGone)?;
        // Counted before it is in the queue, so that the writer never counts it out before it was counted in.
        self.metrics.queue_depth.inc();
        place.send(chunk);
        Ok(())
    }
}

fn index(stream: StreamId, queues: usize) -> usize {
    // A stream id is a hash already.
    let [a, b, c, d, e, f, g, h, ..] = stream.0;
    // Less than the number of queues, which is a usize.
    #[allow(clippy::cast_possible_truncation)]
    {
        (u64::from_be_bytes([a, b, c, d, e, f, g, h]) % queues as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_keeps_its_queue() {
        let mut id = [7; 16];
        let first = index(StreamId(id), 3);
        assert_eq!(index(StreamId(id), 3), first);
        let mut seen = [false; 3];
        for byte in 0..=255 {
            id[7] = byte;
            seen[index(StreamId(id), 3)] = true;
        }
        assert_eq!(seen, [true; 3]);
    }
}
