//! What ends in `log.rejected`, collected for one statement.

use tokio_postgres::types::ToSql;
use trunkline_record::{RecordSlots, escape};
use uuid::Uuid;

use super::json;
use crate::chunk::Chunk;

/// Stores everything collected, one array a column.
pub(super) const INSERT: &str = "\
INSERT INTO log.rejected (stream, position, namespace, cluster, pod, container, node, role, path, reason, raw, table_name) \
SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], \
$9::text[], $10::text[], $11::bytea[], $12::text[])";

/// Records of one transaction that can't be rows.
#[derive(Debug, Default)]
pub(super) struct Rejected {
    streams: Vec<Uuid>,
    positions: Vec<i64>,
    source: [Vec<Option<String>>; 6],
    paths: Vec<Option<String>>,
    reasons: Vec<String>,
    raws: Vec<Vec<u8>>,
    /// Of which table `raws` is a record, where it is one.
    tables: Vec<Option<&'static str>>,
}

impl Rejected {
    /// Bytes that the sender could not make a record of.
    pub(super) fn bytes(
        &mut self,
        chunk: &Chunk,
        slots: &RecordSlots<'_>,
        reason: &[u8],
        raw: &[u8],
    ) {
        self.push(chunk, slots, escape::to_text(reason).into_owned(), raw.to_owned(), None);
    }

    /// A record that can't be stored, as a JSON object by column names.
    pub(super) fn record(&mut self, chunk: &Chunk, slots: &RecordSlots<'_>, reason: &str) {
        self.push(
            chunk,
            slots,
            escape::to_text(reason.as_bytes()).into_owned(),
            json::record(slots),
            Some(slots.table().name()),
        );
    }

    fn push(
        &mut self,
        chunk: &Chunk,
        slots: &RecordSlots<'_>,
        reason: String,
        raw: Vec<u8>,
        table: Option<&'static str>,
    ) {
        self.streams.push(Uuid::from_bytes(chunk.header.stream.0));
        // Positions were checked against the forward chunk's, which fit a signed number.
        self.positions.push(slots.position().cast_signed());
        let source = chunk.source(slots.source()).unwrap_or(&chunk.header.source);
        for (column, (_, value)) in self.source.iter_mut().zip(source.fields()) {
            column.push(value.clone());
        }
        self.paths.push(chunk.header.path.clone());
        self.reasons.push(reason);
        self.raws.push(raw);
        self.tables.push(table);
    }

    /// The first of them, for the log.
    pub(super) fn first(&self) -> Option<String> {
        let (stream, position) = (self.streams.first()?, self.positions.first()?);
        Some(format!("stream {stream}, position {position}: {}", self.reasons.first()?))
    }

    pub(super) fn len(&self) -> usize {
        self.streams.len()
    }

    /// The parameters of [`INSERT`].
    pub(super) fn parameters(&self) -> [&(dyn ToSql + Sync); 12] {
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
            &self.reasons,
            &self.raws,
            &self.tables,
        ]
    }
}
