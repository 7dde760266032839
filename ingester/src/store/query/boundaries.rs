//! Where hypertable chunks begin and end.

use chrono::{DateTime, Utc};
use futures_util::TryStreamExt;
use trunkline_query::{Param, Sql, Tables};

use super::running::{QueryError, Running};

/// The ranges of the tables' hypertable chunks. The catalog's own tables are asked, since the view over them takes longer than the query.
const BOUNDARIES: &str = "\
    SELECT DISTINCT to_timestamp(edge / 1000000.0) AS boundary \
    FROM _timescaledb_catalog.hypertable \
    JOIN _timescaledb_catalog.dimension ON dimension.hypertable_id = hypertable.id \
    JOIN _timescaledb_catalog.dimension_slice ON dimension_slice.dimension_id = dimension.id \
    CROSS JOIN LATERAL (VALUES (range_start), (range_end)) AS edges(edge) \
    WHERE hypertable.schema_name = 'log' AND hypertable.table_name = ANY(string_to_array($1, ',')) \
    AND edge BETWEEN -62135596800000000 AND 253402300799000000";

pub(super) async fn of(
    running: &Running,
    tables: Tables,
) -> Result<Vec<DateTime<Utc>>, QueryError> {
    let names: Vec<_> = tables.each().map(|table| table.name()).collect();
    let sql = Sql { text: BOUNDARIES.to_owned(), params: vec![Param::Text(names.join(","))] };
    let rows: Vec<_> = running.rows(&sql).await?.try_collect().await?;
    Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
}
