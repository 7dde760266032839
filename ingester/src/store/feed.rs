//! What a batch tells those who watch: `log.feed`, which runs of rows its transaction stores.
//!
//! A run is of one stream, table and source, and names its rows by their positions. A position that is between those of a run but isn't
//! stored by this transaction, since it was before, or since the record was rejected and may be admitted later, ends the run: so each row is
//! named by one run, ever.

use tokio_postgres::types::ToSql;
use trunkline_record::{StreamId, Table};
use uuid::Uuid;

use super::streams::uuid;
use crate::chunk::Chunk;

/// Stores everything collected, one array a column. Times are microseconds since 1970.
pub(super) const INSERT: &str = "\
INSERT INTO log.feed (table_name, namespace, cluster, stream, begins, ends, rows, oldest, newest) \
SELECT n.table_name, n.namespace, n.cluster, n.stream, n.begins, n.ends, n.rows, \
'epoch'::timestamptz + n.oldest * interval '1 microsecond', 'epoch'::timestamptz + n.newest * interval '1 microsecond' \
FROM unnest($1::text[], $2::text[], $3::text[], $4::uuid[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[]) \
AS n (table_name, namespace, cluster, stream, begins, ends, rows, oldest, newest)";

/// The runs of one transaction.
#[derive(Debug, Default)]
pub(super) struct Feed {
    /// Of the present forward chunk, each of another source.
    open: Vec<Run>,
    /// Where the next forward chunk has to begin for its rows to belong to the same runs: of this table and stream, at this position.
    next: Option<(Table, StreamId, u64)>,
    tables: Vec<&'static str>,
    namespaces: Vec<Option<String>>,
    clusters: Vec<Option<String>>,
    streams: Vec<Uuid>,
    begins: Vec<i64>,
    ends: Vec<i64>,
    rows: Vec<i64>,
    oldest: Vec<i64>,
    newest: Vec<i64>,
}

#[derive(Debug)]
struct Run {
    /// The source's number in its forward chunk.
    source: Option<u64>,
    /// Where it is among the columns.
    at: usize,
}

impl Feed {
    /// Rows of this forward chunk follow, from this position on.
    pub(super) fn begin(&mut self, table: Table, chunk: &Chunk, from: u64) {
        let follows = self.next == Some((table, chunk.header.stream, from));
        if !follows || chunk.foreign.is_some() || !self.is_of(chunk) {
            self.cut();
        }
        self.next = None;
    }

    /// Whether what is open has the forward chunk's source: a pod may change its cluster when that becomes known.
    fn is_of(&self, chunk: &Chunk) -> bool {
        let source = &chunk.header.source;
        self.open.iter().all(|run| {
            self.namespaces[run.at] == source.namespace && self.clusters[run.at] == source.cluster
        })
    }

    /// The forward chunk was gone through up to this position.
    pub(super) fn end(&mut self, table: Table, chunk: &Chunk, to: u64) {
        self.next = Some((table, chunk.header.stream, to));
    }

    /// A position that this transaction doesn't store: no run may reach over it.
    pub(super) fn cut(&mut self) {
        self.open.clear();
    }

    /// A row.
    pub(super) fn row(
        &mut self,
        table: Table,
        chunk: &Chunk,
        source: Option<u64>,
        position: u64,
        log_time: i64,
    ) {
        // Fits a signed number, as every position in a header.
        let position = position.cast_signed();
        let at = match self.open.iter().find(|run| run.source == source) {
            Some(run) => run.at,
            None => {
                let of = chunk.source(source).unwrap_or(&chunk.header.source);
                self.tables.push(table.name());
                self.namespaces.push(of.namespace.clone());
                self.clusters.push(of.cluster.clone());
                self.streams.push(uuid(chunk.header.stream));
                self.begins.push(position);
                self.ends.push(position);
                self.rows.push(0);
                self.oldest.push(log_time);
                self.newest.push(log_time);
                let at = self.rows.len() - 1;
                self.open.push(Run { source, at });
                at
            }
        };
        self.ends[at] = position + 1;
        self.rows[at] += 1;
        self.oldest[at] = self.oldest[at].min(log_time);
        self.newest[at] = self.newest[at].max(log_time);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The parameters of [`INSERT`].
    pub(super) fn parameters(&self) -> [&(dyn ToSql + Sync); 9] {
        [
            &self.tables,
            &self.namespaces,
            &self.clusters,
            &self.streams,
            &self.begins,
            &self.ends,
            &self.rows,
            &self.oldest,
            &self.newest,
        ]
    }
}
