//! Saved searches: `log.search`, each of one tenant, or of those who see all clusters.

use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use super::pool::Pool;
use super::query::QueryError;

/// A tenant that has so many gets no more.
pub const MOST: i64 = 1_000;

/// One of them.
#[derive(Debug, Serialize)]
pub struct Search {
    /// What a link names.
    pub id: Uuid,
    /// What it is for.
    pub name: String,
    /// The query string.
    pub query: String,
    /// When it was first saved.
    pub created_at: DateTime<Utc>,
    /// By whom.
    pub created_by: String,
}

/// Whose searches are meant: a tenant's, or those of who sees all clusters.
pub type Tenant<'a> = Option<&'a str>;

const COLUMNS: &str = "id, name, query, created_at, created_by";
const OWN: &str = "tenant IS NOT DISTINCT FROM $1::text::name";

/// All of them, by name.
pub async fn list(pool: &Pool, tenant: Tenant<'_>) -> Result<Vec<Search>, QueryError> {
    let sql = format!("SELECT {COLUMNS} FROM log.search WHERE {OWN} ORDER BY name, id");
    run(pool, &sql, &[(&tenant, Type::TEXT)]).await
}

/// One, if it is there.
pub async fn get(pool: &Pool, tenant: Tenant<'_>, id: Uuid) -> Result<Option<Search>, QueryError> {
    let sql = format!("SELECT {COLUMNS} FROM log.search WHERE {OWN} AND id = $2");
    Ok(run(pool, &sql, &[(&tenant, Type::TEXT), (&id, Type::UUID)]).await?.pop())
}

/// Saves a new one; `None` if there are too many.
pub async fn create(
    pool: &Pool,
    tenant: Tenant<'_>,
    by: &str,
    name: &str,
    query: &str,
) -> Result<Option<Search>, QueryError> {
    let sql = format!(
        "INSERT INTO log.search (tenant, created_by, name, query) SELECT $1::text::name, $2, $3, $4 \
         WHERE (SELECT count(*) FROM log.search WHERE {OWN}) < $5 RETURNING {COLUMNS}"
    );
    let values: [(&(dyn ToSql + Sync), Type); 5] = [
        (&tenant, Type::TEXT),
        (&by, Type::TEXT),
        (&name, Type::TEXT),
        (&query, Type::TEXT),
        (&MOST, Type::INT8),
    ];
    Ok(run(pool, &sql, &values).await?.pop())
}

/// Changes one, if it is there.
pub async fn update(
    pool: &Pool,
    tenant: Tenant<'_>,
    id: Uuid,
    name: &str,
    query: &str,
) -> Result<Option<Search>, QueryError> {
    let sql = format!(
        "UPDATE log.search SET name = $3, query = $4 WHERE {OWN} AND id = $2 RETURNING {COLUMNS}"
    );
    let values: [(&(dyn ToSql + Sync), Type); 4] =
        [(&tenant, Type::TEXT), (&id, Type::UUID), (&name, Type::TEXT), (&query, Type::TEXT)];
    Ok(run(pool, &sql, &values).await?.pop())
}

/// Deletes one; whether it was there.
pub async fn delete(pool: &Pool, tenant: Tenant<'_>, id: Uuid) -> Result<bool, QueryError> {
    let sql = format!("DELETE FROM log.search WHERE {OWN} AND id = $2 RETURNING {COLUMNS}");
    Ok(!run(pool, &sql, &[(&tenant, Type::TEXT), (&id, Type::UUID)]).await?.is_empty())
}

async fn run(
    pool: &Pool,
    sql: &str,
    values: &[(&(dyn ToSql + Sync), Type)],
) -> Result<Vec<Search>, QueryError> {
    let client = pool.get().await?;
    let result = client.query_typed(sql, values).await;
    if result.is_err() {
        // As everywhere: it may have become a standby's.
        drop(deadpool_postgres::Client::take(client));
    }
    let search = |row: &Row| -> Result<Search, tokio_postgres::Error> {
        Ok(Search {
            id: row.try_get(0)?,
            name: row.try_get(1)?,
            query: row.try_get(2)?,
            created_at: row.try_get(3)?,
            created_by: row.try_get(4)?,
        })
    };
    Ok(result?.iter().map(search).collect::<Result<_, _>>()?)
}
