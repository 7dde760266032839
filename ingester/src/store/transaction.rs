//! One batch, one transaction: rows, rejected records and stream positions become visible together, or not at all.
//!
//! Two round trips:
//!
//! 1. `BEGIN`; make the rows of new streams; lock the streams' rows, ascending, and read their positions; begin the COPY.
//! 2. the COPY's data and end; rejected records; the new positions; `COMMIT`.
//!
//! Between the two it is decided, forward chunk by forward chunk in the order of arrival, what is stored, skipped and refused. The
//! statements of a round trip are sent without waiting for one another. When one fails, those behind it fail too, since the
//! transaction is aborted, and `COMMIT` of an aborted transaction is a rollback: so every result is looked at, the first error
//! counts, and the connection is thrown away with whatever state it is in.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::pin::Pin;

use tokio_postgres::types::ToSql;
use tokio_postgres::{CopyInSink, Row, Statement};
use trunkline_forward::{Inflater, Limits};
use trunkline_record::StreamId;
use uuid::Uuid;

use super::bisect::Piece;
use super::copy::{Buffers, Copy, CopyError, Filled, Written};
use super::pool::{Client, Pool, PoolError};
use super::position::{Claim, Verdict, judge};
use super::rejected::{self, Rejected};
use super::row::COPY;
use crate::chunk::{Chunk, Refusal};

const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

/// Makes the rows of streams that were never seen. A stream that another ingester makes at the same moment is waited for.
const NEW_STREAMS: &str = "\
INSERT INTO log.stream (stream, position, namespace, cluster, pod, container, node, role, path) \
SELECT n.* FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], \
$9::text[]) AS n (stream, position, namespace, cluster, pod, container, node, role, path) ORDER BY n.stream \
ON CONFLICT (stream) DO NOTHING RETURNING stream";

/// Locks ascending, so that two transactions never wait for each other.
const LOCK_STREAMS: &str = "SELECT stream, position FROM log.stream WHERE stream = ANY($1::uuid[]) ORDER BY stream FOR UPDATE";

const MOVE_STREAMS: &str = "\
UPDATE log.stream AS s \
SET position = n.position, role = n.role, path = n.path, last_seen = now(), gaps = s.gaps + n.gaps, \
gap_bytes = s.gap_bytes + n.gap_bytes \
FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::bigint[]) \
AS n (stream, position, role, path, gaps, gap_bytes) WHERE s.stream = n.stream";

/// Streams that are remembered to have a row, so that batches don't offer it again. Forgetting costs a little, never more.
const KNOWN_STREAMS: usize = 65_536;

/// What became of a batch.
#[derive(Debug, Default)]
pub(super) struct Stored {
    /// Pieces that are not stored, by their place among the pieces. All others are committed.
    pub refused: Vec<(usize, Refusal)>,
    /// Rows.
    pub rows: u64,
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
    buffers: Buffers,
    inflater: Inflater,
    known: HashSet<StreamId>,
}

struct Statements {
    new_streams: Statement,
    lock_streams: Statement,
    move_streams: Statement,
    copy: Statement,
    reject: Statement,
}

/// What the first round trip said of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Position {
    New,
    Committed(u64),
}

/// Where a stream's position goes.
#[derive(Debug, Default)]
struct Move {
    position: u64,
    /// The forward chunk that says role and path.
    chunk: usize,
    gaps: i64,
    gap_bytes: i64,
}

struct Decision {
    verdicts: Vec<Verdict>,
    moves: BTreeMap<StreamId, Move>,
    stored: Stored,
}

impl Transactions {
    pub(super) fn new(pool: Pool, limits: Limits) -> Self {
        Self {
            pool,
            buffers: Buffers::default(),
            inflater: Inflater::new(limits.max_decompressed),
            known: HashSet::new(),
        }
    }

    /// For whoever has to look into forward chunks between two transactions.
    pub(super) fn inflater(&mut self) -> &mut Inflater {
        &mut self.inflater
    }

    /// Stores `pieces` of `chunks` in one transaction. Every piece's forward chunk has to be there.
    pub(super) async fn store(
        &mut self,
        chunks: &[Option<Chunk>],
        pieces: &[Piece],
    ) -> Result<Stored, Failure> {
        let claims: Vec<(&Chunk, &Piece)> = pieces
            .iter()
            .filter_map(|piece| chunks.get(piece.chunk)?.as_ref().map(|chunk| (chunk, piece)))
            .collect();
        let client = self.pool.get().await.map_err(Failure::Pool)?;
        let result = self.transact(&client, &claims).await;
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
    ) -> Result<Stored, Failure> {
        let statements = prepare(client).await?;
        let (positions, sink) = self.begin(client, &statements, claims).await?;
        let decision = decide(&positions, claims);
        let is_gone = |stream| self.known.contains(stream) && !positions.contains_key(stream);
        if claims.iter().any(|(chunk, _)| is_gone(&chunk.header.stream)) {
            return Err(Failure::StreamGone);
        }
        let stored = self.finish(client, &statements, claims, decision, sink).await?;
        if self.known.len() > KNOWN_STREAMS {
            self.known.clear();
        }
        self.known.extend(positions.into_keys());
        Ok(stored)
    }

    /// The first round trip.
    async fn begin(
        &self,
        client: &Client,
        statements: &Statements,
        claims: &[(&Chunk, &Piece)],
    ) -> Result<(HashMap<StreamId, Position>, CopyInSink<Filled>), Failure> {
        let new = NewStreams::among(claims, &self.known);
        let streams: Vec<Uuid> = {
            let distinct: HashSet<_> =
                claims.iter().map(|(chunk, _)| chunk.header.stream).collect();
            distinct.into_iter().map(uuid).collect()
        };
        let make_streams = async {
            if new.streams.is_empty() {
                return Ok(Vec::new());
            }
            client.query(&statements.new_streams, &new.parameters()).await
        };
        let lock_parameters: [&(dyn ToSql + Sync); 1] = [&streams];
        // Polled in this order, and so sent in this order.
        let (begun, made, locked, sink) = tokio::join!(
            biased;
            client.batch_execute(BEGIN),
            make_streams,
            client.query(&statements.lock_streams, &lock_parameters),
            client.copy_in(&statements.copy),
        );
        begun?;
        let (made, locked, sink) = (made?, locked?, sink?);
        let stream = |row: &Row| StreamId(row.get::<_, Uuid>(0).into_bytes());
        let mut positions: HashMap<_, _> = locked
            .iter()
            .map(|row| {
                (stream(row), Position::Committed(row.get::<_, i64>(1).max(0).cast_unsigned()))
            })
            .collect();
        positions.extend(made.iter().map(|row| (stream(row), Position::New)));
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
    ) -> Result<Stored, Failure> {
        let Decision { verdicts, moves, mut stored } = decision;
        let mut rejected = Rejected::default();
        let mut copy = Copy::new(sink, self.buffers.clone());
        for ((chunk, piece), verdict) in claims.iter().zip(verdicts) {
            let Verdict::Store { skip_below, gap } = verdict else { continue };
            stored.gaps.extend(gap.map(|bytes| (chunk.header.stream, bytes)));
            let written =
                copy.write(chunk, piece, skip_below, &mut self.inflater, &mut rejected).await;
            let Written { rows, duplicates, newest } = written.map_err(|error| match error {
                CopyError::Database(error) => Failure::Database(error),
                CopyError::Unreadable(reason) => Failure::Unreadable { chunk: piece.chunk, reason },
            })?;
            stored.rows += rows;
            stored.duplicates += duplicates;
            stored.newest = stored.newest.max(newest);
        }
        stored.rejected = rejected.len() as u64;
        stored.first_rejected = rejected.first();
        let mut sink = copy.end().await?;
        let moves = Moves::new(&moves, claims);
        let reject = async {
            if rejected.len() == 0 {
                return Ok(0);
            }
            client.execute(&statements.reject, &rejected.parameters()).await
        };
        let move_streams = async {
            if moves.streams.is_empty() {
                return Ok(0);
            }
            client.execute(&statements.move_streams, &moves.parameters()).await
        };
        // Polled in this order, and so sent in this order.
        let (copied, rejected, moved, committed) = tokio::join!(
            biased;
            finish_copy(&mut sink),
            reject,
            move_streams,
            client.batch_execute("COMMIT"),
        );
        copied?;
        rejected?;
        moved?;
        committed?;
        Ok(stored)
    }
}

async fn finish_copy(
    sink: &mut Pin<Box<CopyInSink<Filled>>>,
) -> Result<u64, tokio_postgres::Error> {
    sink.as_mut().finish().await
}

async fn prepare(client: &Client) -> Result<Statements, tokio_postgres::Error> {
    Ok(Statements {
        new_streams: client.prepare_cached(NEW_STREAMS).await?,
        lock_streams: client.prepare_cached(LOCK_STREAMS).await?,
        move_streams: client.prepare_cached(MOVE_STREAMS).await?,
        copy: client.prepare_cached(COPY).await?,
        reject: client.prepare_cached(rejected::INSERT).await?,
    })
}

/// Judges the pieces in the order in which their forward chunks arrived, each on top of those before it.
///
/// A forward chunk whose connection has ended is judged and stored like any other. None may be left out from the middle of a
/// stream for such a reason; and if one were, what follows it would begin above the stream's position and be refused here.
fn decide(positions: &HashMap<StreamId, Position>, claims: &[(&Chunk, &Piece)]) -> Decision {
    let mut committed: HashMap<StreamId, Option<u64>> = positions
        .iter()
        .map(|(stream, position)| match position {
            Position::New => (*stream, None),
            Position::Committed(position) => (*stream, Some(*position)),
        })
        .collect();
    let mut decision =
        Decision { verdicts: Vec::new(), moves: BTreeMap::new(), stored: Stored::default() };
    for (index, (chunk, piece)) in claims.iter().enumerate() {
        let header = &chunk.header;
        let before = committed.get(&header.stream).copied();
        // A stream without a row has no position to be moved, and can't have one of ours as its first.
        let verdict = before.map_or(Verdict::Refuse, |before| {
            judge(before, Claim { from: piece.lo, to: piece.hi, acked: header.acked })
        });
        match verdict {
            Verdict::Duplicate => {}
            Verdict::Store { gap, .. } => {
                committed.insert(header.stream, Some(piece.hi));
                let to = decision.moves.entry(header.stream).or_default();
                to.position = piece.hi;
                to.chunk = index;
                to.gaps += i64::from(gap.is_some());
                // Below the position, which fits a signed number.
                to.gap_bytes += gap.unwrap_or_default().cast_signed();
            }
            Verdict::Refuse => {
                let refusal = Refusal::Gap {
                    stream: header.stream,
                    from: piece.lo,
                    acked: header.acked,
                    committed: before.flatten(),
                };
                decision.stored.refused.push((index, refusal));
            }
        }
        decision.verdicts.push(verdict);
    }
    decision
}

fn uuid(stream: StreamId) -> Uuid {
    Uuid::from_bytes(stream.0)
}

/// The parameters of [`NEW_STREAMS`].
#[derive(Default)]
struct NewStreams<'a> {
    streams: Vec<Uuid>,
    positions: Vec<i64>,
    source: [Vec<Option<&'a str>>; 6],
    paths: Vec<Option<&'a str>>,
}

impl<'a> NewStreams<'a> {
    /// Streams that may have no row yet, and have a forward chunk that a stream can begin with. A row that turns out to be new is
    /// thus always moved, and a stream that is refused as a whole leaves none.
    fn among(claims: &[(&'a Chunk, &Piece)], known: &HashSet<StreamId>) -> Self {
        let mut new = Self::default();
        let mut seen = HashSet::new();
        for (chunk, piece) in claims {
            let header = &chunk.header;
            let claim = Claim { from: piece.lo, to: piece.hi, acked: header.acked };
            if known.contains(&header.stream)
                || judge(None, claim) == Verdict::Refuse
                || !seen.insert(header.stream)
            {
                continue;
            }
            new.streams.push(uuid(header.stream));
            // Fits a signed number, as every position in a header.
            new.positions.push(piece.lo.cast_signed());
            for (column, (_, value)) in new.source.iter_mut().zip(header.source.fields()) {
                column.push(value.as_deref());
            }
            new.paths.push(header.path.as_deref());
        }
        new
    }

    fn parameters(&self) -> [&(dyn ToSql + Sync); 9] {
        let [namespace, cluster, pod, container, node, role] = &self.source;
        [
            &self.streams,
            &self.positions,
            namespace,
            cluster,
            pod,
            container,
            node,
            role,
            &self.paths,
        ]
    }
}

/// The parameters of [`MOVE_STREAMS`].
#[derive(Default)]
struct Moves<'a> {
    streams: Vec<Uuid>,
    positions: Vec<i64>,
    roles: Vec<Option<&'a str>>,
    paths: Vec<Option<&'a str>>,
    gaps: Vec<i64>,
    gap_bytes: Vec<i64>,
}

impl<'a> Moves<'a> {
    fn new(moves: &BTreeMap<StreamId, Move>, claims: &[(&'a Chunk, &Piece)]) -> Self {
        let mut new = Self::default();
        for (stream, to) in moves {
            let header = &claims[to.chunk].0.header;
            new.streams.push(uuid(*stream));
            // Fits a signed number, as every position in a header.
            new.positions.push(to.position.cast_signed());
            new.roles.push(header.source.role.as_deref());
            new.paths.push(header.path.as_deref());
            new.gaps.push(to.gaps);
            new.gap_bytes.push(to.gap_bytes);
        }
        new
    }

    fn parameters(&self) -> [&(dyn ToSql + Sync); 6] {
        [&self.streams, &self.positions, &self.roles, &self.paths, &self.gaps, &self.gap_bytes]
    }
}
