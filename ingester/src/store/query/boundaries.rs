//! Where hypertable chunks begin, or end.

use chrono::{DateTime, Utc};
use futures_util::TryStreamExt;
use trunkline_query::{Order, Param, Sql, Tables};

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
