//! The statements over `log.stream`, and what is bound to them: one array a column.

use std::collections::{BTreeMap, HashSet};

use tokio_postgres::types::ToSql;
use trunkline_record::StreamId;
use uuid::Uuid;

use super::bisect::Piece;
use super::position::can_begin;
use crate::chunk::Chunk;

/// Makes the rows of streams that were never seen. A stream that another ingester makes at the same moment is waited for.
pub(super) const NEW_STREAMS: &str = "\
INSERT INTO log.stream (stream, position, namespace, cluster, pod, container, node, role, path) \
SELECT n.* FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], \
$9::text[]) AS n (stream, position, namespace, cluster, pod, container, node, role, path) ORDER BY n.stream \
ON CONFLICT (stream) DO NOTHING RETURNING stream";

/// Locks ascending, so that two transactions never wait for each other.
pub(super) const LOCK_STREAMS: &str = "\
SELECT stream, position, ahead::text FROM log.stream WHERE stream = ANY($1::uuid[]) ORDER BY stream FOR UPDATE";

/// Moves the positions of streams that are locked.
pub(super) const MOVE_STREAMS: &str = "\
UPDATE log.stream AS s \
SET position = n.position, role = n.role, path = n.path, last_seen = now(), gaps = s.gaps + n.gaps, \
gap_bytes = s.gap_bytes + n.gap_bytes, ahead = n.ahead::int8multirange \
FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::text[]) \
AS n (stream, position, role, path, gaps, gap_bytes, ahead) WHERE s.stream = n.stream";

/// Where a stream's position goes.
#[derive(Debug, Default)]
pub(super) struct Move {
    pub position: u64,
    /// The place of the claim whose forward chunk says role and path.
    pub claim: usize,
    pub gaps: i64,
    pub gap_bytes: i64,
    /// What is stored beyond it.
    pub ahead: Option<String>,
}

/// The parameters of [`NEW_STREAMS`].
#[derive(Debug, Default)]
pub(super) struct NewStreams<'a> {
    streams: Vec<Uuid>,
    positions: Vec<i64>,
    source: [Vec<Option<&'a str>>; 6],
    paths: Vec<Option<&'a str>>,
}

impl<'a> NewStreams<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }

    /// Streams that may have no row yet, and have a forward chunk that a stream can begin with. A row that turns out to be new is
    /// thus always moved, and a stream that is refused as a whole leaves none.
    pub(super) fn among(claims: &[(&'a Chunk, &Piece)], known: &HashSet<StreamId>) -> Self {
        let mut new = Self::default();
        let mut seen = HashSet::new();
        for (chunk, piece) in claims {
            let header = &chunk.header;
            if chunk.foreign.is_some()
                || known.contains(&header.stream)
                || !can_begin(piece.claim(chunk))
                || !seen.insert(header.stream)
            {
                continue;
            }
            new.streams.push(uuid(header.stream));
            // Fits a signed number, as every position in a header.
            let begins = if header.acked.is_some() { piece.lo } else { 0 };
            new.positions.push(begins.cast_signed());
            for (column, (_, value)) in new.source.iter_mut().zip(header.source.fields()) {
                column.push(value.as_deref());
            }
            new.paths.push(header.path.as_deref());
        }
        new
    }

    pub(super) fn parameters(&self) -> [&(dyn ToSql + Sync); 9] {
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
#[derive(Debug, Default)]
pub(super) struct Moves<'a> {
    streams: Vec<Uuid>,
    positions: Vec<i64>,
    roles: Vec<Option<&'a str>>,
    paths: Vec<Option<&'a str>>,
    gaps: Vec<i64>,
    gap_bytes: Vec<i64>,
    ahead: Vec<Option<&'a str>>,
}

impl<'a> Moves<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }

    pub(super) fn new(moves: &'a BTreeMap<StreamId, Move>, claims: &[(&'a Chunk, &Piece)]) -> Self {
        let mut new = Self::default();
        for (stream, to) in moves {
            let header = &claims[to.claim].0.header;
            new.streams.push(uuid(*stream));
            // Fits a signed number, as every position in a header.
            new.positions.push(to.position.cast_signed());
            new.roles.push(header.source.role.as_deref());
            new.paths.push(header.path.as_deref());
            new.gaps.push(to.gaps);
            new.gap_bytes.push(to.gap_bytes);
            new.ahead.push(to.ahead.as_deref());
        }
        new
    }

    pub(super) fn parameters(&self) -> [&(dyn ToSql + Sync); 7] {
        [
            &self.streams,
            &self.positions,
            &self.roles,
            &self.paths,
            &self.gaps,
            &self.gap_bytes,
            &self.ahead,
        ]
    }
}

/// A stream's id as the driver takes it.
pub(super) fn uuid(stream: StreamId) -> Uuid {
    Uuid::from_bytes(stream.0)
}
