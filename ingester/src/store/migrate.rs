//! Brings the schema up to date: the files of `sql/migrations`, in order, each in a transaction of its own, recorded in
//! `log.migration` with a checksum.
//!
//! Every step runs under an advisory lock, so several ingesters may start at once. A database whose schema is up to date is
//! only read, so the role that the ingester runs as need not be allowed more.

use deadpool_postgres::GenericClient;
use sha2::{Digest, Sha256};

use super::pool::{Client, describe};
use super::{Pool, PoolError, class};

/// One file of `sql/migrations`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// Its number.
    pub version: i32,
    /// Its name, without number and ending.
    pub name: &'static str,
    /// What is in it. It never changes once it has been released.
    pub sql: &'static str,
}

macro_rules! migrations {
    ($($version:literal $name:literal $file:literal;)*) => {
        &[$(Migration {
            version: $version,
            name: $name,
            sql: include_str!(concat!("../../../sql/migrations/", $file)),
        }),*]
    };
}

/// All migrations, ascending.
pub const MIGRATIONS: &[Migration] = migrations! {
    1 "postgres" "0001_postgres.sql";
    2 "patroni_component" "0002_patroni_component.sql";
    3 "delivered_chunk" "0003_delivered_chunk.sql";
    4 "stream_ahead" "0004_stream_ahead.sql";
    5 "hypertable_chunks" "0005_hypertable_chunks.sql";
    6 "admit_rejected" "0006_admit_rejected.sql";
    7 "retention" "0007_retention.sql";
    8 "roles" "0008_roles.sql";
    9 "sealing" "0009_sealing.sql";
    10 "failovers" "0010_failovers.sql";
    11 "access" "0011_access.sql";
    12 "counts" "0012_counts.sql";
    13 "feed" "0013_feed.sql";
};

/// Why the schema could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// No connection.
    #[error("database: {0}")]
    Pool(#[from] PoolError),
    /// The server refused something.
    #[error("database: {}", describe(.0))]
    Database(#[from] tokio_postgres::Error),
    /// No TimescaleDB there.
    #[error(
        "database: extension timescaledb can't be created: {0}; it has to be installed on the server, named in \
         shared_preload_libraries, and created by a role that may"
    )]
    Extension(String),
    /// One file failed.
    #[error("migration {version} ({name}): {}", describe(.source))]
    Migration {
        /// Its number.
        version: i32,
        /// Its name.
        name: &'static str,
        /// What the server said.
        source: tokio_postgres::Error,
    },
    /// The database has been used by a newer version.
    #[error(
        "the database's schema is at version {found}, newer than version {known}, the last that this program knows"
    )]
    Newer {
        /// In the database.
        found: i32,
        /// The last of [`MIGRATIONS`].
        known: i32,
    },
    /// A migration that was applied is not the one that this program has.
    #[error(
        "migration {version} ({name}) differs from what was applied to the database: its checksum was {applied}, here it is {here}"
    )]
    Changed {
        /// Its number.
        version: i32,
        /// Its name in the database.
        name: String,
        /// SHA-256 of what was applied.
        applied: String,
        /// SHA-256 of ours.
        here: String,
    },
}

impl MigrateError {
    /// Whether somebody has to change something before trying again makes sense.
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::Pool(PoolError::Database(error)) | Self::Database(error) => {
                class::is_configuration(error)
            }
            Self::Pool(_) => false,
            Self::Migration { source, .. } => {
                !matches!(class::Class::of(source), class::Class::Transient(_))
                    || class::is_configuration(source)
            }
            Self::Extension(_) | Self::Newer { .. } | Self::Changed { .. } => true,
        }
    }
}

/// The key of the advisory lock: "trunklin" in ASCII.
const LOCK: i64 = 0x7472_756e_6b6c_696e;

/// Gives the roles what they may do with what the migration made, so that no migration has to think of it.
const GRANT: &str = "\
DO $$ BEGIN IF to_regprocedure('log.grant_roles()') IS NOT NULL THEN PERFORM log.grant_roles(); END IF; END $$";

/// Applies what is missing and says what that was.
pub async fn migrate(pool: &Pool) -> Result<Vec<Migration>, MigrateError> {
    apply(pool, MIGRATIONS).await
}

async fn apply(pool: &Pool, migrations: &[Migration]) -> Result<Vec<Migration>, MigrateError> {
    let mut client = pool.get().await?;
    let mut done = Vec::new();
    if is_set_up(&client).await? {
        if pending(&applied(&client).await?, migrations)?.is_none() {
            return Ok(done);
        }
    } else {
        set_up(&mut client).await?;
    }
    loop {
        let transaction = locked(&mut client).await?;
        let Some(next) = pending(&applied(&transaction).await?, migrations)? else {
            return Ok(done);
        };
        tracing::info!(version = next.version, name = next.name, "applying migration");
        let failed =
            |source| MigrateError::Migration { version: next.version, name: next.name, source };
        transaction.batch_execute(next.sql).await.map_err(failed)?;
        transaction.batch_execute(GRANT).await?;
        transaction
            .execute(
                "INSERT INTO log.migration (version, name, checksum) VALUES ($1, $2, $3)",
                &[&next.version, &next.name, &checksum(next.sql)],
            )
            .await?;
        transaction.commit().await?;
        done.push(next);
    }
}

async fn is_set_up(client: &Client) -> Result<bool, tokio_postgres::Error> {
    let row = client
        .query_one(
            "SELECT to_regclass('log.migration') IS NOT NULL \
             AND EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'timescaledb')",
            &[],
        )
        .await?;
    Ok(row.get(0))
}

/// Begins a transaction that has the lock.
async fn locked(
    client: &mut Client,
) -> Result<deadpool_postgres::Transaction<'_>, tokio_postgres::Error> {
    let transaction = client.transaction().await?;
    // Another ingester may need its time: this is no lock to give up on.
    transaction.batch_execute("SET LOCAL lock_timeout = 0").await?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
    Ok(transaction)
}

async fn set_up(client: &mut Client) -> Result<(), MigrateError> {
    let transaction = locked(client).await?;
    transaction.batch_execute("CREATE EXTENSION IF NOT EXISTS timescaledb").await.map_err(
        |error| {
            match class::Class::of(&error) {
                // XX is how it says that it isn't preloaded; 0A and 58P01, that it isn't installed.
                class::Class::Transient(_) if !class::is_configuration(&error) => error.into(),
                _ => MigrateError::Extension(describe(&error)),
            }
        },
    )?;
    transaction
        .batch_execute(
            "CREATE SCHEMA IF NOT EXISTS log;
             CREATE TABLE IF NOT EXISTS log.migration (
                 version     integer     PRIMARY KEY,
                 name        text        NOT NULL,
                 checksum    text        NOT NULL,
                 applied_at  timestamptz NOT NULL DEFAULT now()
             );
             COMMENT ON TABLE log.migration IS
                 'Which files of sql/migrations have been applied; checksum is the SHA-256 of the file.'",
        )
        .await?;
    transaction.commit().await?;
    Ok(())
}

struct Applied {
    version: i32,
    name: String,
    checksum: String,
}

async fn applied(client: &impl GenericClient) -> Result<Vec<Applied>, tokio_postgres::Error> {
    let rows = client
        .query("SELECT version, name, checksum FROM log.migration ORDER BY version", &[])
        .await?;
    Ok(rows
        .iter()
        .map(|row| Applied { version: row.get(0), name: row.get(1), checksum: row.get(2) })
        .collect())
}

/// The first migration that hasn't been applied, after checking those that have.
fn pending(
    applied: &[Applied],
    migrations: &[Migration],
) -> Result<Option<Migration>, MigrateError> {
    for done in applied {
        let Some(ours) = migrations.iter().find(|ours| ours.version == done.version) else {
            let known = migrations.last().map_or(0, |last| last.version);
            return Err(MigrateError::Newer { found: done.version, known });
        };
        let here = checksum(ours.sql);
        if here != done.checksum {
            return Err(MigrateError::Changed {
                version: done.version,
                name: done.name.clone(),
                applied: done.checksum.clone(),
                here,
            });
        }
    }
    let is_applied = |version| applied.iter().any(|done| done.version == version);
    Ok(migrations.iter().find(|ours| !is_applied(ours.version)).copied())
}

fn checksum(sql: &str) -> String {
    Sha256::digest(sql.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &[Migration] = &[
        Migration { version: 1, name: "one", sql: "SELECT 1" },
        Migration { version: 2, name: "two", sql: "SELECT 2" },
    ];

    fn done(version: i32, sql: &str) -> Applied {
        Applied { version, name: "x".to_owned(), checksum: checksum(sql) }
    }

    #[test]
    fn the_list_holds_every_file_of_the_folder() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../sql/migrations");
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        let listed: Vec<_> =
            MIGRATIONS.iter().map(|m| format!("{:04}_{}.sql", m.version, m.name)).collect();
        assert_eq!(listed, files);
    }

    #[test]
    fn the_first_missing_one_is_next() {
        assert_eq!(pending(&[], TWO).unwrap(), Some(TWO[0]));
        assert_eq!(pending(&[done(1, "SELECT 1")], TWO).unwrap(), Some(TWO[1]));
        assert_eq!(pending(&[done(1, "SELECT 1"), done(2, "SELECT 2")], TWO).unwrap(), None);
    }

    #[test]
    fn a_newer_schema_is_refused() {
        let error = pending(&[done(1, "SELECT 1"), done(3, "")], TWO).unwrap_err();
        assert!(matches!(error, MigrateError::Newer { found: 3, known: 2 }), "{error}");
        assert!(error.is_permanent());
    }

    #[test]
    fn a_changed_migration_is_refused() {
        let error = pending(&[done(1, "SELECT 7")], TWO).unwrap_err();
        assert!(matches!(error, MigrateError::Changed { version: 1, .. }), "{error}");
    }
}
