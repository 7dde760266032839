//! Where hypertable chunks begin, or end, and which of them an index of texts can be asked for.

use chrono::{DateTime, Utc};
use futures_util::TryStreamExt;
use tokio_postgres::Row;
use trunkline_query::{Order, Param, Slice, Sql, Tables};

use super::running::{QueryError, Running};

/// What chrono and `timestamptz` both have.
const SANE: &str = "BETWEEN -62135596800000000 AND 253402300799000000";

/// The side of the tables' hypertable chunks that comes last in the order: where the next one begins.
pub(super) async fn of(
    running: &Running,
    tables: Tables,
    order: Order,
) -> Result<Vec<DateTime<Utc>>, QueryError> {
    let side = match order {
        Order::Desc => "range_start",
        Order::Asc => "range_end",
    };
    // The catalog's own tables, since the view over them takes longer than the query.
    let text = format!(
        "SELECT DISTINCT to_timestamp({side} / 1000000.0) FROM _timescaledb_catalog.hypertable \
         JOIN _timescaledb_catalog.dimension ON dimension.hypertable_id = hypertable.id \
         JOIN _timescaledb_catalog.dimension_slice ON dimension_slice.dimension_id = dimension.id \
         WHERE hypertable.schema_name = 'log' AND hypertable.table_name = ANY(string_to_array($1, ',')) AND {side} {SANE}"
    );
    let names: Vec<_> = tables.each().map(|table| table.name()).collect();
    let sql = Sql { text, params: vec![Param::Text(names.join(","))] };
    let rows: Vec<_> = match running.rows(&sql).await {
        Ok(rows) => rows.try_collect().await?,
        // A database without a catalog has no hypertables: a hub's tables are in its shards.
        Err(QueryError::Missing(_)) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
}

/// The ranges of the tables' hypertable chunks that have an index of texts; others aren't sealed yet, or are compressed.
pub(super) async fn sealed(running: &Running, tables: Tables) -> Result<Vec<Slice>, QueryError> {
    let text = format!(
        "SELECT to_timestamp(range_start / 1000000.0), to_timestamp(range_end / 1000000.0) FROM _timescaledb_catalog.hypertable \
         JOIN _timescaledb_catalog.dimension ON dimension.hypertable_id = hypertable.id \
         JOIN _timescaledb_catalog.dimension_slice ON dimension_slice.dimension_id = dimension.id \
         JOIN _timescaledb_catalog.chunk_constraint ON chunk_constraint.dimension_slice_id = dimension_slice.id \
         JOIN _timescaledb_catalog.chunk ON chunk.id = chunk_constraint.chunk_id \
         JOIN pg_namespace ON pg_namespace.nspname = chunk.schema_name \
         JOIN pg_class ON pg_class.relnamespace = pg_namespace.oid AND pg_class.relname = chunk.table_name \
         WHERE hypertable.schema_name = 'log' AND hypertable.table_name = ANY(string_to_array($1, ',')) \
         AND range_start {SANE} AND range_end {SANE} AND chunk.compressed_chunk_id IS NULL AND EXISTS (\
         SELECT FROM pg_index JOIN pg_class AS index ON index.oid = indexrelid JOIN pg_am ON pg_am.oid = index.relam \
         WHERE indrelid = pg_class.oid AND indisvalid AND amname = 'gin')"
    );
    let names: Vec<_> = tables.each().map(|table| table.name()).collect();
    let sql = Sql { text, params: vec![Param::Text(names.join(","))] };
    let rows: Vec<_> = running.rows(&sql).await?.try_collect().await?;
    let slice = |row: &Row| Ok(Slice { from: Some(row.try_get(0)?), to: Some(row.try_get(1)?) });
    rows.iter().map(slice).collect()
}
