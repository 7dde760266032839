//! A writer: takes a batch off the queue, stores it until it is stored, answers, and takes the next.
//!
//! A batch keeps its streams until then (see [`crate::queue`]): so a stream's forward chunks are stored in the order in which they
//! came, whatever fails in between. One that follows others of its streams is stored beside them and committed behind them; when
//! that fails it waits until they are gone, and is stored as any other.

use std::time::Instant;

use trunkline_forward::Limits;
use trunkline_record::Table;

use super::backoff::Backoff;
use super::bisect::{Piece, halve};
use super::class::Class;
use super::transaction::{Before, Failure, Stored, Transactions};
use super::{Pool, PoolError, Window};
use crate::chunk::{Chunk, Refusal};
use crate::health::Health;
use crate::metrics::StoreMetrics;
use crate::queue::{Batch, Claim, Leaders, Queue};

/// What all writers share.
#[derive(Debug, Clone)]
pub struct Context {
    /// Where batches come from.
    pub queue: Queue<Chunk>,
    /// Where they go.
    pub pool: Pool,
    /// The times that are taken for true.
    pub window: Window,
    /// Whether counts are kept, see [`Config`](super::Config).
    pub counts: bool,
    /// How large a forward chunk may be.
    pub limits: Limits,
    /// What is counted.
    pub metrics: StoreMetrics,
    /// What is wrong.
    pub health: Health,
}

/// Stores batches.
#[derive(Debug)]
pub struct Writer {
    name: String,
    queue: Queue<Chunk>,
    transactions: Transactions,
    metrics: StoreMetrics,
    health: Health,
}

/// Times that a batch is tried although the server reports an internal error, before one of its rows is suspected.
const INTERNAL_TRIES: u32 = 4;

impl Writer {
    /// The writer number `index`.
    pub fn new(index: usize, context: Context) -> Self {
        let Context { queue, pool, window, counts, limits, metrics, health } = context;
        Self {
            name: format!("writer {index}"),
            queue,
            transactions: Transactions::new(pool, window, limits, counts),
            metrics,
            health,
        }
    }

    /// Works until there won't be another batch.
    pub async fn run(mut self) {
        if let Err(error) = self.transactions.connect().await {
            // The first batch will say what it is.
            tracing::debug!(writer = self.name, %error, "no connection yet");
        }
        while let Some(Batch { items, claim, leaders }) = self.queue.next().await {
            self.metrics.queue_depth.dec_by(i64::try_from(items.len()).unwrap_or(i64::MAX));
            self.store(items, &claim, leaders).await;
            drop(claim);
        }
    }

    /// Stores a batch, however long it takes.
    async fn store(&mut self, chunks: Vec<Chunk>, claim: &Claim, leaders: Leaders) {
        let started = Instant::now();
        let mut chunks: Vec<Option<Chunk>> = chunks.into_iter().map(Some).collect();
        let whole =
            |(index, chunk): (usize, &Option<Chunk>)| Some(Piece::whole(index, chunk.as_ref()?));
        // What remains to be stored, the next last.
        let mut work: Vec<Vec<Piece>> = vec![chunks.iter().enumerate().filter_map(whole).collect()];
        if !leaders.is_empty() && self.follow(&mut chunks, &work[0], claim, leaders).await {
            work.clear();
        }
        let mut backoff = Backoff::default();
        // Of the next, with an internal error of the server.
        let mut tries = 0;
        while let Some(mut pieces) = work.pop() {
            pieces.retain(|piece| chunks[piece.chunk].is_some());
            if pieces.is_empty() {
                continue;
            }
            let failure = match self.transactions.store(&chunks, &pieces, claim, None).await {
                Ok(stored) => {
                    (backoff, tries) = (Backoff::default(), 0);
                    self.health.clear(&self.name);
                    self.answer(&mut chunks, &pieces, stored);
                    claim.stored();
                    continue;
                }
                Err(failure) => failure,
            };
            claim.failed();
            let class = match &failure {
                Failure::Unreadable { chunk, reason } => {
                    if let Some(chunk) = chunks[*chunk].take() {
                        let reason = reason.clone();
                        let stream = chunk.header.stream;
                        chunk.reply.refuse(Refusal::Undecodable { stream, reason });
                    }
                    work.push(pieces);
                    continue;
                }
                Failure::StreamGone => Class::Transient("stream_gone"),
                Failure::NotBehind => Class::Transient("not_behind"),
                Failure::UnknownRanges => Class::Transient("unknown_ranges"),
                Failure::Pool(PoolError::Database(error)) => match Class::of(error) {
                    // A connection that can't be made says nothing about rows.
                    Class::Row | Class::Internal => Class::Transient("connection"),
                    class @ Class::Transient(_) => class,
                },
                Failure::Pool(_) => Class::Transient("connection"),
                Failure::Database(error) => Class::of(error),
            };
            tries += u32::from(class == Class::Internal);
            let class = match class {
                Class::Row => None,
                Class::Internal if tries >= INTERNAL_TRIES => None,
                Class::Internal => Some("internal"),
                Class::Transient(class) => Some(class),
            };
            let class = match class {
                Some(class) => {
                    work.push(pieces);
                    class
                }
                None => {
                    tries = 0;
                    tracing::warn!(
                        writer = self.name,
                        error = %failure,
                        pieces = pieces.len(),
                        "the database refuses a batch; looking for the record"
                    );
                    if self.look_closer(&mut work, pieces, &chunks, &failure) {
                        continue;
                    }
                    // Not even as a rejected record: that is the database's state, and waiting is all there is.
                    "rejecting"
                }
            };
            self.metrics.retried(class);
            self.health.set(self.name.clone(), failure.to_string());
            let wait = backoff.next_wait();
            tracing::warn!(writer = self.name, error = %failure, class, ?wait, "a batch can't be stored yet");
            tokio::time::sleep(wait).await;
        }
        self.metrics.batch_seconds.observe(started.elapsed().as_secs_f64());
    }

    /// Stores a batch beside those that have its streams. `false` when that fails, for whatever reason: then these are gone.
    async fn follow(
        &mut self,
        chunks: &mut [Option<Chunk>],
        pieces: &[Piece],
        claim: &Claim,
        mut leaders: Leaders,
    ) -> bool {
        if let Some(positions) = leaders.decided().await {
            let before = Before { leaders: &mut leaders, positions };
            match self.transactions.store(chunks, pieces, claim, Some(before)).await {
                Ok(stored) => {
                    self.health.clear(&self.name);
                    self.metrics.batches_beside.inc();
                    self.answer(chunks, pieces, stored);
                    claim.stored();
                    return true;
                }
                Err(error) => {
                    tracing::debug!(writer = self.name, %error, "a batch can't follow another one");
                }
            }
        }
        claim.failed();
        leaders.are_gone().await;
        false
    }

    /// Puts back what failed in two halves, or, if it is one record, as one to be rejected. `false` if that was tried before: then
    /// it is put back as it was.
    fn look_closer(
        &mut self,
        work: &mut Vec<Vec<Piece>>,
        pieces: Vec<Piece>,
        chunks: &[Option<Chunk>],
        failure: &Failure,
    ) -> bool {
        match halve(pieces.clone(), chunks, self.transactions.inflater()) {
            Some((first, second)) => {
                work.push(second);
                work.push(first);
                true
            }
            None => {
                let mut pieces = pieces;
                let again = pieces.iter().all(|piece| piece.reject.is_some());
                for piece in &mut pieces {
                    piece.reject = Some(failure.to_string());
                }
                work.push(pieces);
                !again
            }
        }
    }

    /// After the commit, and before those that follow this batch hear of it, so that the acks of a stream come in order.
    fn answer(&self, chunks: &mut [Option<Chunk>], pieces: &[Piece], stored: Stored) {
        let metrics = &self.metrics;
        metrics.batches.inc();
        let rows: u64 = stored.rows.iter().sum();
        metrics.batch_rows.observe(rows as f64);
        for (table, rows) in Table::ALL.into_iter().zip(stored.rows) {
            metrics.stored(table, rows);
        }
        metrics.rejected.inc_by(stored.rejected);
        metrics.duplicates.inc_by(stored.duplicates);
        metrics.gaps.inc_by(stored.gaps.len() as u64);
        for (stream, bytes) in stored.gaps {
            tracing::warn!(%stream, bytes, "gap: the stream goes on beyond records that were acknowledged and aren't here");
        }
        if let Some(first) = stored.first_rejected {
            tracing::warn!(records = stored.rejected, first, "records rejected, see log.rejected");
        }
        if let Some(newest) = stored.newest.and_then(chrono::DateTime::from_timestamp_micros) {
            let lag = chrono::Utc::now() - newest;
            metrics.lag_seconds.set(lag.as_seconds_f64());
        }
        tracing::debug!(
            writer = self.name,
            rows,
            rejected = stored.rejected,
            duplicates = stored.duplicates,
            pieces = pieces.len(),
            "batch committed"
        );
        for (index, refusal) in stored.refused {
            if let Some(chunk) = chunks[pieces[index].chunk].take() {
                chunk.reply.refuse(refusal);
            }
        }
        for piece in pieces {
            let Some(chunk) = &mut chunks[piece.chunk] else { continue };
            if piece.hi < chunk.header.to {
                continue;
            }
            if let Some(chunk) = chunks[piece.chunk].take() {
                chunk.reply.stored();
            }
        }
    }
}
