//! One batch, one transaction: rows, rejected records and stream positions become visible together, or not at all.
//!
//! Two round trips:
//!
//! 1. `BEGIN`; make the rows of new streams; lock the streams' rows, ascending, and read their positions; begin the COPY.
//! 2. the COPY's data and end; what it adds to the counts; rejected records; what those who watch are told; the new positions; `COMMIT`.
//!
//! Forward chunks of other senders are streams too, with their positions in `log.delivered_chunk` (see [`super::delivered`]); their
//! statements go with the others, in a batch that has such.
//!
//! Rows that have more than most, and records of other tables than `log.postgres`, make it one more each, between the two: see
//! [`super::copy`] and [`super::pass`].
//!
//! A batch that follows others of the same streams ([`crate::queue`]) doesn't lock these before the COPY but behind it, when those are
//! stored, which makes it one more too; if the positions aren't then where they were expected, all of it is done again.
//!
//! Behind the first it is decided, forward chunk by forward chunk in the order of arrival, what is stored, skipped and refused. The
//! statements of a round trip are sent without waiting for one another. When one fails, those behind it fail too, since the
//! transaction is aborted, and `COMMIT` of an aborted transaction is a rollback: so every result is looked at, the first error
//! counts, and the connection is thrown away with whatever state it is in.

use std::collections::{BTreeMap, HashSet};
use std::pin::Pin;

use tokio_postgres::types::ToSql;
use tokio_postgres::{CopyInSink, Row, Statement};
use trunkline_forward::{Inflater, Limits};
use trunkline_record::{StreamId, Table};
use uuid::Uuid;

use super::ahead::Ahead;
use super::bisect::Piece;
use super::buffers::{Buffers, Filled};
use super::counts::{self, Counts};
use super::delivered::{Delivered, DeliveredMoves, LOCK_CHUNKS, MOVE_CHUNKS, NEW_CHUNKS};
use super::feed;
use super::pass::{Copied, CopyStatements, Part, Pass};
use super::pool::{Client, Pool, PoolError};
use super::position::{Positions, Verdict};
use super::rejected;
use super::streams::{LOCK_STREAMS, MOVE_STREAMS, Move, Moves, NEW_STREAMS, NewStreams, uuid};
use super::window::Window;
use crate::chunk::{Chunk, Refusal};
use crate::queue::{self, Claim, Leaders};

/// Each statement is to see what was committed before it: positions are read after their lock was waited for.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

/// Streams that are remembered to have a row, so that batches don't offer it again. Forgetting costs a little, never more.
const KNOWN_STREAMS: usize = 65_536;

/// What became of a batch.
#[derive(Debug, Default)]
pub(super) struct Stored {
    /// Pieces that are not stored, by their place among the pieces. All others are committed.
    pub refused: Vec<(usize, Refusal)>,
    /// Rows of each table, by its number.
    pub rows: [u64; Table::ALL.len()],
    /// Rejected records.
    pub rejected: u64,
    /// The first of them, for the log.
    pub first_rejected: Option<String>,
    /// Records that were skipped.
    pub duplicates: u64,
    /// Gaps that were left: the stream, and how many of its bytes are missing.
    pub gaps: Vec<(StreamId, u64)>,
    /// The newest `log_time`, in microseconds since 1970.
    pub newest: Option<i64>,
}

/// Why nothing of a batch is stored, or why that isn't known: `COMMIT` may have gone through though its answer was lost. Trying
/// again is right either way, since the positions are compared again.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("{}", super::pool::describe(.0))]
    Database(tokio_postgres::Error),
    #[error("{0}")]
    Pool(PoolError),
    /// A stream's row went away since it was last seen.
    #[error("a row of log.stream has been deleted")]
    StreamGone,
    /// What it follows isn't stored, or not yet, or not as it was expected.
    #[error("the batches before it aren't stored as expected")]
    NotBehind,
    /// Somebody has put there what we don't write.
    #[error("ahead of a row of log.stream holds ranges without an end")]
    UnknownRanges,
    /// One forward chunk can't be read.
    #[error("{reason}")]
    Unreadable {
        /// Its place in the batch.
        chunk: usize,
        /// What is wrong.
        reason: String,
    },
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error)
    }
}

/// Stores batches, one after the other.
#[derive(Debug)]
pub(super) struct Transactions {
    pool: Pool,
    window: Window,
    buffers: Buffers,
    inflater: Inflater,
    counts: Counts,
    known: HashSet<StreamId>,
}

/// Batches of the same streams that are being stored, and where they leave these.
pub(super) struct Before<'a> {
    pub leaders: &'a mut Leaders,
    pub positions: queue::Positions,
}

struct Statements {
    new_streams: Statement,
    lock_streams: Statement,
    move_streams: Statement,
    new_chunks: Statement,
    lock_chunks: Statement,
    move_chunks: Statement,
    copies: CopyStatements,
    reject: Statement,
    count: Statement,
    feed: Statement,
}

/// What a transaction is going to do.
#[derive(Debug, Default)]
struct Decision {
    verdicts: Vec<Verdict>,
    moves: BTreeMap<StreamId, Move>,
    /// Of forward chunks of other senders.
    delivered: BTreeMap<StreamId, Move>,
    stored: Stored,
}

impl Transactions {
    pub(super) fn new(pool: Pool, window: Window, limits: Limits, keep_counts: bool) -> Self {
        Self {
            pool,
            window,
            buffers: Buffers::default(),
            inflater: Inflater::new(limits.max_decompressed),
            counts: Counts::new(keep_counts),
            known: HashSet::new(),
        }
    }

    /// For whoever has to look into forward chunks between two transactions.
    pub(super) fn inflater(&mut self) -> &mut Inflater {
        &mut self.inflater
    }

    /// Makes a connection, so that the first batch finds one.
    pub(super) async fn connect(&self) -> Result<(), Failure> {
        let client = self.pool.get().await.map_err(Failure::Pool)?;
        let prepared = prepare(&client).await;
        if prepared.is_err() {
            drop(Client::take(client));
        }
        prepared.map(|_| ()).map_err(Failure::Database)
    }

    /// Stores `pieces` of `chunks` in one transaction. Every piece's forward chunk has to be there. `claim` is told what is decided.
    pub(super) async fn store(
        &mut self,
        chunks: &[Option<Chunk>],
        pieces: &[Piece],
        claim: &Claim,
        before: Option<Before<'_>>,
    ) -> Result<Stored, Failure> {
        let claims: Vec<(&Chunk, &Piece)> = pieces
            .iter()
            .filter_map(|piece| chunks.get(piece.chunk)?.as_ref().map(|chunk| (chunk, piece)))
            .collect();
        let client = self.pool.get().await.map_err(Failure::Pool)?;
        let result = self.transact(&client, &claims, claim, before).await;
        if result.is_err() {
            drop(Client::take(client));
            // Which of them have a row is for the next attempt to find out.
            for (chunk, _) in &claims {
                self.known.remove(&chunk.header.stream);
            }
        }
        result
    }

    async fn transact(
        &mut self,
        client: &Client,
        claims: &[(&Chunk, &Piece)],
        claim: &Claim,
        before: Option<Before<'_>>,
    ) -> Result<Stored, Failure> {
        let statements = prepare(client).await?;
        let (mut positions, sink) = match &before {
            None => self.begin(client, &statements, claims).await?,
            Some(before) => begin_behind(client, &statements, claims, before).await?,
        };
        let is_gone = |chunk: &Chunk| {
            let stream = chunk.header.stream;
            // What another sender's forward chunk claims can always be its beginning, so there was a row.
            (chunk.foreign.is_some() || self.known.contains(&stream)) && !positions.has(stream)
        };
        if claims.iter().any(|(chunk, _)| is_gone(chunk)) {
            return Err(Failure::StreamGone);
        }
        let decision = decide(&mut positions, claims);
        claim.decided(positions.to_follow(claims.iter().map(|(chunk, _)| *chunk)));
        let stored = self.finish(client, &statements, claims, decision, sink, before).await?;
        if self.known.len() > KNOWN_STREAMS {
            self.known.clear();
        }
        // Another sender's forward chunk hardly comes again.
        let of_files = claims.iter().filter(|(chunk, _)| chunk.foreign.is_none());
        self.known
            .extend(of_files.map(|(chunk, _)| chunk.header.stream).filter(|id| positions.has(*id)));
        Ok(stored)
    }

    /// The first round trip.
    async fn begin(
        &self,
        client: &Client,
        statements: &Statements,
        claims: &[(&Chunk, &Piece)],
    ) -> Result<(Positions, CopyInSink<Filled>), Failure> {
        let new = NewStreams::among(claims, &self.known);
        let streams: Vec<Uuid> = {
            let of_files = claims.iter().filter(|(chunk, _)| chunk.foreign.is_none());
            let distinct: HashSet<_> = of_files.map(|(chunk, _)| chunk.header.stream).collect();
            distinct.into_iter().map(uuid).collect()
        };
        let make_streams = async {
            if new.is_empty() {
                return Ok(Vec::new());
            }
            client.query(&statements.new_streams, &new.parameters()).await
        };
        let lock_parameters: [&(dyn ToSql + Sync); 1] = [&streams];
        let delivered = Delivered::among(claims);
        let make_chunks = async {
            if delivered.is_empty() {
                return Ok(Vec::new());
            }
            client.query(&statements.new_chunks, &delivered.new_parameters()).await
        };
        let lock_chunks = async {
            if delivered.is_empty() {
                return Ok(Vec::new());
            }
            client.query(&statements.lock_chunks, &delivered.lock_parameters()).await
        };
        // Polled in this order, and so sent in this order.
        let (begun, made, locked, made_chunks, locked_chunks, sink) = tokio::join!(
            biased;
            client.batch_execute(BEGIN),
            make_streams,
            client.query(&statements.lock_streams, &lock_parameters),
            make_chunks,
            lock_chunks,
            client.copy_in(statements.copies.first()),
        );
        begun?;
        let (made, locked) = (made?, locked?);
        let (made_chunks, locked_chunks, sink) = (made_chunks?, locked_chunks?, sink?);
        let stream = |row: &Row| StreamId(row.get::<_, Uuid>(0).into_bytes());
        let mut positions = Positions::default();
        let position = |row: &Row| Some(row.get::<_, i64>(1).max(0).cast_unsigned());
        for row in &locked {
            let ahead = row.get::<_, Option<&str>>(2).map(Ahead::parse);
            let ahead = ahead.unwrap_or_else(|| Some(Ahead::default()));
            positions.insert(stream(row), position(row), ahead.ok_or(Failure::UnknownRanges)?);
        }
        for row in &locked_chunks {
            positions.insert(stream(row), position(row), Ahead::default());
        }
        for row in made.iter().chain(&made_chunks) {
            positions.insert(stream(row), None, Ahead::default());
        }
        Ok((positions, sink))
    }

    /// The second round trip.
    async fn finish(
        &mut self,
        client: &Client,
        statements: &Statements,
        claims: &[(&Chunk, &Piece)],
        decision: Decision,
        sink: CopyInSink<Filled>,
        before: Option<Before<'_>>,
    ) -> Result<Stored, Failure> {
        let Decision { verdicts, moves, delivered, mut stored } = decision;
        let parts: Vec<Part<'_>> = claims
            .iter()
            .zip(verdicts)
            .filter_map(|(&(chunk, piece), verdict)| match verdict {
                Verdict::Store { skip_below, stored, .. } => {
                    Some(Part { chunk, piece, skip_below, stored })
                }
                _ => None,
            })
            .collect();
        let now = chrono::Utc::now();
        let bounds = self.window.at(now);
        let pass = Pass { client, statements: &statements.copies, bounds, buffers: &self.buffers };
        self.counts.begin(now);
        let (copied, mut sink) =
            pass.copy(&parts, sink, &mut self.inflater, &mut self.counts).await?;
        let is_behind = before.is_some();
        if let Some(before) = before {
            catch_up(client, statements, before, sink.as_mut()).await?;
        }
        let end_copy = async {
            match is_behind {
                true => Ok(0),
                false => sink.as_mut().finish().await,
            }
        };
        let Copied { rows, duplicates, newest, rejected, feed } = copied;
        stored.rows = rows;
        stored.duplicates += duplicates;
        stored.newest = newest;
        stored.rejected = rejected.len() as u64;
        stored.first_rejected = rejected.first();
        let delta = self.counts.delta();
        let count = async {
            let Some(delta) = &delta else { return Ok(0) };
            client.execute(&statements.count, &delta.parameters()).await
        };
        let moves = Moves::new(&moves, claims);
        let reject = async {
            if rejected.len() == 0 {
                return Ok(0);
            }
            client.execute(&statements.reject, &rejected.parameters()).await
        };
        let tell = async {
            if feed.is_empty() {
                return Ok(0);
            }
            client.execute(&statements.feed, &feed.parameters()).await
        };
        let move_streams = async {
            if moves.is_empty() {
                return Ok(0);
            }
            client.execute(&statements.move_streams, &moves.parameters()).await
        };
        let delivered = DeliveredMoves::new(&delivered);
        let move_chunks = async {
            if delivered.is_empty() {
                return Ok(0);
            }
            client.execute(&statements.move_chunks, &delivered.parameters()).await
        };
        // Polled in this order, and so sent in this order.
        let (copied, counted, rejected, told, moved, moved_chunks, committed) = tokio::join!(
            biased;
            end_copy,
            count,
            reject,
            tell,
            move_streams,
            move_chunks,
            client.batch_execute("COMMIT"),
        );
        copied?;
        counted?;
        rejected?;
        told?;
        moved?;
        moved_chunks?;
        committed?;
        Ok(stored)
    }
}

/// The first round trip of a batch that follows others: it finds the positions when these are stored, behind its COPY.
async fn begin_behind(
    client: &Client,
    statements: &Statements,
    claims: &[(&Chunk, &Piece)],
    before: &Before<'_>,
) -> Result<(Positions, CopyInSink<Filled>), Failure> {
    let mut positions = Positions::default();
    for (chunk, _) in claims {
        let position = before.positions.get(&chunk.header.stream).ok_or(Failure::NotBehind)?;
        positions.insert(chunk.header.stream, Some(*position), Ahead::default());
    }
    let (begun, sink) = tokio::join!(
        biased;
        client.batch_execute(BEGIN),
        client.copy_in(statements.copies.first()),
    );
    begun?;
    Ok((positions, sink?))
}

/// Ends the COPY, waits for the batches before, and locks the streams where these have left them.
async fn catch_up(
    client: &Client,
    statements: &Statements,
    before: Before<'_>,
    sink: Pin<&mut CopyInSink<Filled>>,
) -> Result<(), Failure> {
    let Before { leaders, positions } = before;
    sink.finish().await?;
    if !leaders.are_stored().await {
        return Err(Failure::NotBehind);
    }
    let streams: Vec<Uuid> = positions.keys().copied().map(uuid).collect();
    let locked = client.query(&statements.lock_streams, &[&streams]).await?;
    let is_there = |row: &Row| {
        let stream = StreamId(row.get::<_, Uuid>(0).into_bytes());
        let expected = positions.get(&stream).map(|position| position.cast_signed());
        Some(row.get::<_, i64>(1)) == expected && row.get::<_, Option<&str>>(2).is_none()
    };
    if locked.len() < positions.len() || !locked.iter().all(is_there) {
        return Err(Failure::NotBehind);
    }
    Ok(())
}

async fn prepare(client: &Client) -> Result<Statements, tokio_postgres::Error> {
    Ok(Statements {
        new_streams: client.prepare_cached(NEW_STREAMS).await?,
        lock_streams: client.prepare_cached(LOCK_STREAMS).await?,
        move_streams: client.prepare_cached(MOVE_STREAMS).await?,
        new_chunks: client.prepare_cached(NEW_CHUNKS).await?,
        lock_chunks: client.prepare_cached(LOCK_CHUNKS).await?,
        move_chunks: client.prepare_cached(MOVE_CHUNKS).await?,
        copies: CopyStatements::prepare(client).await?,
        reject: client.prepare_cached(rejected::INSERT).await?,
        count: client.prepare_cached(counts::INSERT).await?,
        feed: client.prepare_cached(feed::INSERT).await?,
    })
}

/// Judges the pieces, in the order in which their forward chunks arrived.
fn decide(positions: &mut Positions, claims: &[(&Chunk, &Piece)]) -> Decision {
    let mut decision = Decision::default();
    for (index, (chunk, piece)) in claims.iter().enumerate() {
        let header = &chunk.header;
        let committed = positions.committed(header.stream);
        let verdict = positions.claim(header.stream, piece.claim(chunk));
        match &verdict {
            Verdict::Duplicate => {
                decision.stored.duplicates += chunk.message.options.size.unwrap_or_default();
            }
            Verdict::Store { gap, .. } => {
                let moves = match chunk.foreign {
                    None => &mut decision.moves,
                    Some(_) => &mut decision.delivered,
                };
                let to = moves.entry(header.stream).or_default();
                to.position = positions.committed(header.stream).unwrap_or_default();
                to.ahead = positions.ahead(header.stream).and_then(Ahead::to_text);
                to.claim = index;
                if let Some(bytes) = *gap {
                    to.gaps += 1;
                    // Below the position, which fits a signed number.
                    to.gap_bytes += bytes.cast_signed();
                    decision.stored.gaps.push((header.stream, bytes));
                }
            }
            Verdict::Refuse => {
                let (stream, from, acked) =
                    (header.stream, piece.lo, header.acked.unwrap_or_default());
                decision
                    .stored
                    .refused
                    .push((index, Refusal::Gap { stream, from, acked, committed }));
            }
        }
        decision.verdicts.push(verdict);
    }
    decision
}
