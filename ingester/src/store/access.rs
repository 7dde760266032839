//! What the database knows of who may ask the API: `log.token`, `log.login`.

use chrono::{DateTime, Utc};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::pool::{Pool, PoolError};

/// What a token in force gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The token's name.
    pub name: String,
    /// The tenant's role; `None` is all clusters.
    pub tenant: Option<String>,
    /// When it ends; `None` is never.
    pub expires_at: Option<DateTime<Utc>>,
}

/// A token as an administrator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedToken {
    /// Its number.
    pub id: i64,
    /// What it is for.
    pub name: String,
    /// The tenant's role; `None` is all clusters.
    pub tenant: Option<String>,
    /// When it ends, as text: it may be `infinity`.
    pub expires_at: String,
    /// `valid`, `expired` or `revoked`.
    pub state: String,
}

const FIND: &str = "\
    SELECT name, tenant::text, CASE WHEN isfinite(expires_at) THEN expires_at END FROM log.token \
    WHERE hash = $1 AND revoked_at IS NULL AND expires_at > now()";

const LIST: &str = "\
    SELECT id, name, tenant::text, expires_at::text, CASE WHEN revoked_at IS NOT NULL THEN 'revoked' \
    WHEN expires_at <= now() THEN 'expired' ELSE 'valid' END FROM log.token ORDER BY id";

/// What the token with this SHA-256 gives; `None` if there is none in force.
pub async fn find_token(pool: &Pool, hash: &[u8; 32]) -> Result<Option<Grant>, PoolError> {
    let client = pool.get().await?;
    let rows = client.query_typed(FIND, &[(&&hash[..], Type::BYTEA)]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    Ok(Some(Grant { name: row.try_get(0)?, tenant: row.try_get(1)?, expires_at: row.try_get(2)? }))
}

/// Makes a token, for a tenant or for all clusters, that holds so long, as PostgreSQL reads an interval. What is returned is nowhere else.
pub async fn create_token(
    pool: &Pool,
    name: &str,
    tenant: Option<&str>,
    expires: &str,
) -> Result<String, PoolError> {
    let sql = "SELECT log.create_token($1, $2::name, $3::interval)";
    let parameters =
        [(&name as _, Type::TEXT), (&tenant as _, Type::TEXT), (&expires as _, Type::TEXT)];
    let rows = pool.get().await?.query_typed(sql, &parameters).await?;
    rows.first().map_or(Ok(String::new()), |row| Ok(row.try_get(0)?))
}

/// All tokens, the oldest first.
pub async fn list_tokens(pool: &Pool) -> Result<Vec<ListedToken>, PoolError> {
    let rows = pool.get().await?.query_typed(LIST, &[]).await?;
    let listed = |row: &Row| {
        Ok(ListedToken {
            id: row.try_get(0)?,
            name: row.try_get(1)?,
            tenant: row.try_get(2)?,
            expires_at: row.try_get(3)?,
            state: row.try_get(4)?,
        })
    };
    rows.iter().map(listed).collect()
}

/// Revokes a token by its number.
pub async fn revoke_token(pool: &Pool, id: i64) -> Result<(), PoolError> {
    let sql = "SELECT log.revoke_token($1)";
    pool.get().await?.query_typed(sql, &[(&id, Type::INT8)]).await?;
    Ok(())
}

/// Who logs in to become a role.
pub(super) struct Login {
    pub(super) user: String,
    pub(super) password: String,
}

/// The login of a tenant, or of `trunkline_reader`; made if it isn't there.
pub(super) async fn login_of(owner: &Pool, role: &str) -> Result<Login, PoolError> {
    let sql = "SELECT login::text, password FROM log.login_of($1::name)";
    let rows = owner.get().await?.query_typed(sql, &[(&role, Type::TEXT)]).await?;
    let Some(row) = rows.first() else { return Err(PoolError::Closed) };
    Ok(Login { user: row.try_get(0)?, password: row.try_get(1)? })
}
