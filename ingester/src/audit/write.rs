//! Gives entries to the writers, some at a time, and waits until they are stored: while the database is away the queue fills.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use chrono::Utc;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::chunk::chunk;
use super::{Entries, Entry, NAME};
use crate::chunk::{Answer, Chunk, Foreign, Refusal, Reply};
use crate::metrics::Metrics;
use crate::receive::{Memory, Route};

/// Entries that are stored together, at most: a megabyte or two of them.
const AT_ONCE: usize = 512;

/// How long others are waited for: each forward chunk leaves a row in `log.delivered_chunk`.
const PAUSE: Duration = Duration::from_millis(500);

/// Stores entries until there won't be another. After `stop` nothing is waited for but the database.
pub async fn write(
    mut entries: Entries,
    host: Arc<str>,
    route: Route,
    memory: Memory,
    metrics: Metrics,
    stop: CancellationToken,
) {
    let mut batch = Vec::new();
    while entries.queue.recv_many(&mut batch, AT_ONCE).await > 0 {
        if batch.len() < AT_ONCE {
            let _ = stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
            while batch.len() < AT_ONCE
                && let Ok(entry) = entries.queue.try_recv()
            {
                batch.push(entry);
            }
        }
        let lost = entries.lost.untold.swap(0, Ordering::Relaxed);
        if lost > 0 {
            tracing::warn!(lost, "requests came faster than their audit could be stored");
        }
        match store(&batch, lost, &host, &route, &memory, &metrics).await {
            Ok(true) => {}
            Ok(false) => give_up(&entries, &batch, "the service ends"),
            Err(refusal) => give_up(&entries, &batch, &refusal.to_string()),
        }
        batch.clear();
    }
}

fn give_up(entries: &Entries, batch: &[Entry], reason: &str) {
    entries.lost.add(batch.len() as u64);
    tracing::warn!(lost = batch.len(), reason, "the audit of requests could not be stored");
}

/// Whether it is stored, when that is known.
async fn store(
    batch: &[Entry],
    lost: u64,
    host: &str,
    route: &Route,
    memory: &Memory,
    metrics: &Metrics,
) -> Result<bool, Refusal> {
    let (header, message) = chunk(batch, lost, host, Utc::now())?;
    // A peer as any other, by an address that no other has.
    let peer = memory.of(Some(IpAddr::V4(Ipv4Addr::UNSPECIFIED)));
    let memory = peer.take(message.packed_len()).await;
    let (answers, mut answered) = mpsc::channel(1);
    let Ok(place) = answers.reserve_owned().await else { return Ok(false) };
    // Without an id it isn't left to its sender where its shard is away, but waited for.
    let reply = Reply::new(place, None, metrics.clone());
    let shard = route.shard(&header.source, None);
    let foreign = Some(Foreign { tag: NAME.to_owned(), sources: Vec::new() });
    let chunk = Chunk { header, message, reply, received: Instant::now(), memory, foreign };
    if route.send(shard, chunk).await.is_err() {
        return Ok(false);
    }
    match answered.recv().await {
        Some(Answer::Stored | Answer::Ack(_)) => Ok(true),
        Some(Answer::Refuse(refusal)) => Err(refusal),
        Some(Answer::Abandoned) | None => Ok(false),
    }
}
