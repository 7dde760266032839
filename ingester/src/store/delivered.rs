//! The statements over `log.delivered_chunk`: which forward chunks of other senders are stored.
//!
//! Each is a stream of its own, and its position is the number of its records that are stored. So what holds for files holds for them:
//! a row and the position that says it is there become visible together, also where a batch is halved to find the record that the
//! database refuses. But such a stream ends with its forward chunk, so it is forgotten after a while.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio_postgres::types::ToSql;
use tokio_util::sync::CancellationToken;
use trunkline_record::StreamId;
use uuid::Uuid;

use super::bisect::Piece;
use super::pool::describe;
use super::streams::{Move, uuid};
use super::{Pool, PoolError};
use crate::chunk::Chunk;

/// Makes the rows of forward chunks that aren't remembered. One that another ingester stores at the same moment is waited for.
pub(super) const NEW_CHUNKS: &str = "\
INSERT INTO log.delivered_chunk (stream, position, tag) \
SELECT n.* FROM unnest($1::uuid[], $2::bigint[], $3::text[]) AS n (stream, position, tag) ORDER BY n.stream \
ON CONFLICT (stream) DO NOTHING RETURNING stream";

/// Locks ascending, so that two transactions never wait for each other.
pub(super) const LOCK_CHUNKS: &str = "\
SELECT stream, position FROM log.delivered_chunk WHERE stream = ANY($1::uuid[]) ORDER BY stream FOR UPDATE";

/// Moves the positions of forward chunks that are locked.
pub(super) const MOVE_CHUNKS: &str = "\
UPDATE log.delivered_chunk AS d SET position = n.position \
FROM unnest($1::uuid[], $2::bigint[]) AS n (stream, position) WHERE d.stream = n.stream";

/// Forgets some that are old, without waiting for a transaction that is about to look at one.
const FORGET: &str = "\
DELETE FROM log.delivered_chunk WHERE stream IN (\
SELECT stream FROM log.delivered_chunk WHERE delivered_at < now() - make_interval(secs => $1) \
LIMIT $2 FOR UPDATE SKIP LOCKED)";

/// Rows that are forgotten in one transaction: few enough for it to take no time.
const FORGOTTEN_AT_ONCE: i64 = 10_000;
/// How often the old ones are looked for.
const FORGET_EVERY: Duration = Duration::from_secs(60);

/// The parameters of the statements over the foreign forward chunks of one transaction.
#[derive(Debug, Default)]
pub(super) struct Delivered<'a> {
    streams: Vec<Uuid>,
    positions: Vec<i64>,
    tags: Vec<&'a str>,
}

impl<'a> Delivered<'a> {
    /// Those among the claims, each once.
    pub(super) fn among(claims: &[(&'a Chunk, &Piece)]) -> Self {
        let mut distinct = BTreeMap::new();
        for (chunk, piece) in claims {
            if let Some(foreign) = &chunk.foreign {
                distinct.entry(chunk.header.stream).or_insert((piece.lo, foreign.tag.as_str()));
            }
        }
        let mut new = Self::default();
        for (stream, (position, tag)) in distinct {
            new.streams.push(uuid(stream));
            // Fits a signed number, as every position in a header.
            new.positions.push(position.cast_signed());
            new.tags.push(tag);
        }
        new
    }

    pub(super) fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }

    /// For [`NEW_CHUNKS`].
    pub(super) fn new_parameters(&self) -> [&(dyn ToSql + Sync); 3] {
        [&self.streams, &self.positions, &self.tags]
    }

    /// For [`LOCK_CHUNKS`].
    pub(super) fn lock_parameters(&self) -> [&(dyn ToSql + Sync); 1] {
        [&self.streams]
    }
}

/// The parameters of [`MOVE_CHUNKS`].
#[derive(Debug, Default)]
pub(super) struct DeliveredMoves {
    streams: Vec<Uuid>,
    positions: Vec<i64>,
}

impl DeliveredMoves {
    pub(super) fn new(moves: &BTreeMap<StreamId, Move>) -> Self {
        let streams = moves.keys().map(|stream| uuid(*stream)).collect();
        let positions = moves.values().map(|to| to.position.cast_signed()).collect();
        Self { streams, positions }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }

    pub(super) fn parameters(&self) -> [&(dyn ToSql + Sync); 2] {
        [&self.streams, &self.positions]
    }
}

/// Forgets forward chunks that were delivered longer than `remember` ago, until `stop`. Several ingesters may do so.
pub async fn forget_delivered(pool: Pool, remember: Duration, stop: CancellationToken) {
    loop {
        match stop.run_until_cancelled(forget(&pool, remember)).await {
            None => return,
            Some(Ok(0)) => {}
            Some(Ok(forgotten)) => tracing::debug!(forgotten, "old forward chunks forgotten"),
            Some(Err(error)) => tracing::warn!(error, "old forward chunks can't be forgotten"),
        }
        // Ingesters that were started together needn't look together.
        let wait = FORGET_EVERY.mul_f64(rand::random_range(0.5..1.5));
        if stop.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
            return;
        }
    }
}

async fn forget(pool: &Pool, remember: Duration) -> Result<u64, String> {
    let said = |error: &tokio_postgres::Error| describe(error);
    let client = pool.get().await.map_err(|error: PoolError| error.to_string())?;
    let forget = client.prepare_cached(FORGET).await.map_err(|error| said(&error))?;
    let mut forgotten = 0;
    loop {
        let parameters: [&(dyn ToSql + Sync); 2] = [&remember.as_secs_f64(), &FORGOTTEN_AT_ONCE];
        let deleted = client.execute(&forget, &parameters).await.map_err(|error| said(&error))?;
        forgotten += deleted;
        if deleted < FORGOTTEN_AT_ONCE.cast_unsigned() {
            return Ok(forgotten);
        }
    }
}
