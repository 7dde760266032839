//! What the store holds and what becomes of it: sizes, hypertable chunks, retention, and what could not be stored.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::TryStreamExt;
use serde::Serialize;
use tokio_postgres::Row;
use trunkline_query::Sql;
use uuid::Uuid;

use super::running::{QueryError, Running};
use super::within;
use crate::store::Pool;

/// All of it.
#[derive(Debug, Serialize)]
pub struct Storage {
    /// Bytes of the whole database.
    pub database_bytes: i64,
    /// The tables of schema `log`, the largest first.
    pub tables: Vec<Table>,
    /// The hypertable chunks, the newest first.
    pub chunks: Vec<HypertableChunk>,
    /// The rules of `log.retention`.
    pub retention: Vec<Rule>,
    /// What retention removed last, or could not, the newest first.
    pub removed: Vec<Removed>,
    /// What could not be stored as rows, by the reason, the newest first.
    pub rejected: Vec<Rejected>,
}

/// A table.
#[derive(Debug, Serialize)]
pub struct Table {
    /// Its name.
    pub table: String,
    /// Bytes that it takes, with indexes and long values.
    pub total_bytes: i64,
    /// Bytes of its indexes.
    pub index_bytes: i64,
    /// Its rows, as of the last ANALYZE.
    pub rows_estimate: Option<i64>,
}

/// A hypertable chunk.
#[derive(Debug, Serialize)]
pub struct HypertableChunk {
    /// The table that it is of.
    pub table: String,
    /// Its own name.
    pub chunk: String,
    /// The first moment of its range.
    pub from: DateTime<Utc>,
    /// The first moment behind it.
    pub to: DateTime<Utc>,
    /// Its rows, as of the last ANALYZE.
    pub rows_estimate: Option<i64>,
    /// Bytes that it takes, with indexes and long values.
    pub total_bytes: i64,
    /// Bytes of its indexes.
    pub index_bytes: i64,
    /// Whether it has its search indexes.
    pub is_sealed: bool,
    /// Since when.
    pub sealed_at: Option<DateTime<Utc>>,
    /// Why sealing it failed the last time.
    pub seal_error: Option<String>,
    /// Whether TimescaleDB has compressed it.
    pub is_compressed: bool,
}

/// A rule of retention. Without namespace and cluster it holds for all that no other one names.
#[derive(Debug, Serialize)]
pub struct Rule {
    /// Of this namespace.
    pub namespace: Option<String>,
    /// Of this cluster.
    pub cluster: Option<String>,
    /// How old rows get, as PostgreSQL writes an interval.
    pub max_age: Option<String>,
    /// How old rejected records get.
    pub rejected_max_age: Option<String>,
    /// How much all may take.
    pub max_bytes: Option<i64>,
    /// How much has to be free on the disk.
    pub min_free_bytes: Option<i64>,
}

/// Something that retention removed.
#[derive(Debug, Serialize)]
pub struct Removed {
    /// When.
    pub at: DateTime<Utc>,
    /// `age`, `size` or `disk`.
    pub reason: String,
    /// A hypertable chunk, or rows.
    pub what: String,
    /// Of which table.
    pub table: String,
    /// Of which namespace, where it was one's.
    pub namespace: Option<String>,
    /// Of which cluster, where it was one's.
    pub cluster: Option<String>,
    /// How many rows.
    pub rows: Option<i64>,
    /// How many bytes.
    pub bytes: Option<i64>,
    /// Why it could not be removed.
    pub error: Option<String>,
}

/// What was rejected for one reason.
#[derive(Debug, Serialize)]
pub struct Rejected {
    /// The reason.
    pub reason: String,
    /// How many of the newest rejected records.
    pub count: i64,
    /// When the last one came.
    pub last_seen: DateTime<Utc>,
    /// The newest ones.
    pub samples: Vec<Sample>,
}

/// A rejected record.
#[derive(Debug, Serialize)]
pub struct Sample {
    /// When it came.
    pub received_at: DateTime<Utc>,
    /// Its source.
    pub namespace: Option<String>,
    /// Its source.
    pub cluster: Option<String>,
    /// Its source.
    pub pod: Option<String>,
    /// The file that it stands in, or the tag.
    pub path: Option<String>,
    /// Its stream.
    pub stream: String,
    /// Its position there.
    pub position: i64,
    /// How it begins; what isn't UTF-8 is replaced.
    pub raw: String,
    /// How many bytes it has.
    pub bytes: i64,
}

const SIZES: &str = "\
    SELECT c.relname::text AS name, pg_total_relation_size(c.oid) AS total_bytes, pg_indexes_size(c.oid) AS index_bytes, \
    nullif(c.reltuples, -1)::bigint AS rows_estimate, pg_database_size(current_database()) AS database_bytes \
    FROM pg_class AS c WHERE c.relnamespace = 'log'::regnamespace AND c.relkind IN ('r', 'p')";

const CHUNKS: &str = "\
    SELECT regexp_replace(hypertable::text, '^log\\.', '') AS name, chunk::text AS chunk, range_start, range_end, rows_estimate, \
    total_bytes, index_bytes, is_sealed, sealed_at, seal_error, is_compressed \
    FROM log.chunk_status ORDER BY range_end DESC, hypertable::text";

const RETENTION: &str = "\
    SELECT namespace, cluster, max_age::text, rejected_max_age::text, max_bytes, min_free_bytes \
    FROM log.retention ORDER BY namespace NULLS FIRST, cluster NULLS FIRST";

const REMOVED: &str = "\
    SELECT removed_at, reason, what, regexp_replace(relation, '^log\\.', '') AS name, namespace, cluster, rows, bytes, error \
    FROM log.removed ORDER BY id DESC LIMIT 50";

/// Of so many of the newest, however many there are.
const REJECTED: &str = "\
    WITH newest AS MATERIALIZED (\
    SELECT received_at, reason, ctid FROM log.rejected ORDER BY received_at DESC LIMIT 100000\
    ), ranked AS (\
    SELECT received_at, reason, ctid, count(*) OVER (PARTITION BY reason) AS count, \
    max(received_at) OVER (PARTITION BY reason) AS last_seen, \
    row_number() OVER (PARTITION BY reason ORDER BY received_at DESC) AS place FROM newest\
    ), few AS (SELECT * FROM ranked WHERE place <= 3 ORDER BY last_seen DESC, reason LIMIT 300) \
    SELECT f.reason, f.count, f.last_seen, r.received_at, r.namespace, r.cluster, r.pod, r.path, r.stream, r.position, \
    substring(r.raw FOR 2000) AS raw, length(r.raw)::bigint AS bytes \
    FROM few AS f JOIN log.rejected AS r ON r.ctid = f.ctid ORDER BY f.last_seen DESC, f.reason, f.place";

/// What there is.
pub async fn storage(pool: &Pool, timeout: Duration) -> Result<Storage, QueryError> {
    within(timeout, async {
        let running = Running::begin(pool).await?;
        let rows = async |text: &str| -> Result<Vec<Row>, QueryError> {
            let sql = Sql { text: text.to_owned(), params: Vec::new() };
            Ok(running.rows(&sql).await?.try_collect().await?)
        };
        let chunks = rows(CHUNKS).await?;
        let chunks: Vec<_> = chunks.iter().map(hypertable_chunk).collect::<Result<_, _>>()?;
        let sizes = rows(SIZES).await?;
        let database_bytes = sizes.first().map_or(Ok(0), |row| row.try_get("database_bytes"))?;
        let retention = rows(RETENTION).await?;
        let removed = rows(REMOVED).await?;
        let rejected = rejected(&rows(REJECTED).await?)?;
        let storage = Storage {
            database_bytes,
            tables: tables(&sizes, &chunks)?,
            chunks,
            retention: retention.iter().map(rule).collect::<Result<_, _>>()?,
            removed: removed.iter().map(removal).collect::<Result<_, _>>()?,
            rejected,
        };
        running.finish();
        Ok(storage)
    })
    .await
}

/// A hypertable is empty itself; it takes what its hypertable chunks take.
fn tables(sizes: &[Row], chunks: &[HypertableChunk]) -> Result<Vec<Table>, tokio_postgres::Error> {
    let mut of_chunks = BTreeMap::<&str, (i64, i64, Option<i64>)>::new();
    for chunk in chunks {
        let (total, index, rows) = of_chunks.entry(&chunk.table).or_default();
        *total += chunk.total_bytes;
        *index += chunk.index_bytes;
        *rows = chunk.rows_estimate.map(|more| rows.unwrap_or_default() + more).or(*rows);
    }
    let mut tables = Vec::new();
    for row in sizes {
        let name: String = row.try_get("name")?;
        let (total, index, rows) = of_chunks.get(name.as_str()).copied().unwrap_or_default();
        tables.push(Table {
            total_bytes: row.try_get::<_, i64>("total_bytes")? + total,
            index_bytes: row.try_get::<_, i64>("index_bytes")? + index,
            rows_estimate: rows.or(row.try_get("rows_estimate")?),
            table: name,
        });
    }
    tables.sort_by_key(|table| std::cmp::Reverse(table.total_bytes));
    Ok(tables)
}

fn hypertable_chunk(row: &Row) -> Result<HypertableChunk, tokio_postgres::Error> {
    Ok(HypertableChunk {
        table: row.try_get("name")?,
        chunk: row.try_get("chunk")?,
        from: row.try_get("range_start")?,
        to: row.try_get("range_end")?,
        rows_estimate: row.try_get("rows_estimate")?,
        total_bytes: row.try_get("total_bytes")?,
        index_bytes: row.try_get("index_bytes")?,
        is_sealed: row.try_get("is_sealed")?,
        sealed_at: row.try_get("sealed_at")?,
        seal_error: row.try_get("seal_error")?,
        is_compressed: row.try_get("is_compressed")?,
    })
}

fn rule(row: &Row) -> Result<Rule, tokio_postgres::Error> {
    Ok(Rule {
        namespace: row.try_get("namespace")?,
        cluster: row.try_get("cluster")?,
        max_age: row.try_get("max_age")?,
        rejected_max_age: row.try_get("rejected_max_age")?,
        max_bytes: row.try_get("max_bytes")?,
        min_free_bytes: row.try_get("min_free_bytes")?,
    })
}

fn removal(row: &Row) -> Result<Removed, tokio_postgres::Error> {
    Ok(Removed {
        at: row.try_get("removed_at")?,
        reason: row.try_get("reason")?,
        what: row.try_get("what")?,
        table: row.try_get("name")?,
        namespace: row.try_get("namespace")?,
        cluster: row.try_get("cluster")?,
        rows: row.try_get("rows")?,
        bytes: row.try_get("bytes")?,
        error: row.try_get("error")?,
    })
}

fn rejected(rows: &[Row]) -> Result<Vec<Rejected>, tokio_postgres::Error> {
    let mut all = Vec::<Rejected>::new();
    for row in rows {
        let reason: String = row.try_get("reason")?;
        let sample = Sample {
            received_at: row.try_get("received_at")?,
            namespace: row.try_get("namespace")?,
            cluster: row.try_get("cluster")?,
            pod: row.try_get("pod")?,
            path: row.try_get("path")?,
            stream: row.try_get::<_, Uuid>("stream")?.to_string(),
            position: row.try_get("position")?,
            raw: String::from_utf8_lossy(row.try_get("raw")?).into_owned(),
            bytes: row.try_get("bytes")?,
        };
        match all.last_mut() {
            Some(last) if last.reason == reason => last.samples.push(sample),
            _ => all.push(Rejected {
                reason,
                count: row.try_get("count")?,
                last_seen: row.try_get("last_seen")?,
                samples: vec![sample],
            }),
        }
    }
    Ok(all)
}
