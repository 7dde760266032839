//! The store that tests share, and the database that each of them has to itself.

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::sync::OnceCell;
use tokio_postgres::{Client, NoTls};

use crate::installation::{DATABASE_URL, external_url};
use crate::server::PostgresServer;
use crate::settings::Durability;

/// Names of databases that tests made begin so.
const PREFIX: &str = "trunkline_test_";
/// The advisory lock (first key) that a process holds on an external server while its databases are in use.
const LEASE: i32 = 0x7472_756e;

/// A TimescaleDB: private, or the one that `TRUNKLINE_DATABASE_URL` names.
#[derive(Debug)]
pub struct Store {
    server: Option<PostgresServer>,
    /// The URL of the database from which others are made.
    maintenance: String,
    /// This process's part of database names.
    owner: i32,
    /// On an external server: the session whose end tells later runs that our databases are leftovers.
    _lease: Option<Client>,
}

impl Store {
    /// The one store of this test process, started at first use. Nobody may stop or kill it: a test that does needs
    /// a [`PostgresServer::store`] of its own.
    pub async fn shared() -> Result<&'static Self> {
        static SHARED: OnceCell<Store> = OnceCell::const_new();
        SHARED.get_or_try_init(|| Self::start(Durability::FastAndLoose)).await
    }

    /// A fresh, empty database in the shared store.
    pub async fn database() -> Result<Database> {
        Self::shared().await?.create_database().await
    }

    /// A store of the caller's own; with `TRUNKLINE_DATABASE_URL` it is that server.
    pub async fn start(durability: Durability) -> Result<Self> {
        let owner = rand::random::<i32>() & i32::MAX;
        if let Some(url) = external_url() {
            let lease = take_lease(&url, owner)
                .await
                .with_context(|| format!("use the server of {DATABASE_URL}"))?;
            return Ok(Self { server: None, maintenance: url, owner, _lease: Some(lease) });
        }
        let server =
            tokio::task::spawn_blocking(move || PostgresServer::store(durability)).await??;
        Ok(Self { maintenance: server.url("postgres"), server: Some(server), owner, _lease: None })
    }

    /// The private server; none when the store is an external one.
    pub fn server(&self) -> Option<&PostgresServer> {
        self.server.as_ref()
    }

    /// The same, to be stopped and started.
    pub fn server_mut(&mut self) -> Option<&mut PostgresServer> {
        self.server.as_mut()
    }

    /// A fresh, empty database without the extension, in UTF-8; it is dropped with the value returned.
    pub async fn create_database(&self) -> Result<Database> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        self.create_named(format!("{PREFIX}{}_{number}", self.owner)).await
    }

    /// The same by the name `trunkline` where the store is private; elsewhere that name may be somebody's.
    pub async fn create_demo_database(&self) -> Result<Database> {
        match self.server {
            Some(_) => self.create_named("trunkline".to_owned()).await,
            None => self.create_database().await,
        }
    }

    async fn create_named(&self, name: String) -> Result<Database> {
        let client = connect(&self.maintenance).await?;
        let sql = format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'");
        client.batch_execute(&sql).await.with_context(|| format!("create database {name}"))?;
        Ok(Database {
            url: with_database(&self.maintenance, &name)?,
            maintenance: self.maintenance.clone(),
            name,
        })
    }
}

/// A database of one test.
#[derive(Debug)]
pub struct Database {
    name: String,
    url: String,
    maintenance: String,
}

impl Database {
    /// The database's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The database's URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A connection, whose traffic a task of the current runtime carries.
    pub async fn connect(&self) -> Result<Client> {
        connect(&self.url).await
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // A test's runtime may be about to end; a runtime of its own on a thread of its own always works.
        let (maintenance, name) = (self.maintenance.clone(), self.name.clone());
        let dropping = thread::spawn(move || -> Result<()> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let client =
                    tokio::time::timeout(Duration::from_secs(5), connect(&maintenance)).await??;
                drop_database(&client, &name).await
            })
        });
        // Best effort: the store, or the next run on an external server, sweeps what stays.
        let _ = dropping.join();
    }
}

/// Connects to any URL; a task of the current runtime carries the connection's traffic.
pub async fn connect(url: &str) -> Result<Client> {
    let (client, connection) =
        tokio_postgres::connect(url, NoTls).await.with_context(|| format!("connect to {url}"))?;
    tokio::spawn(connection);
    Ok(client)
}

/// The same URL with another database.
pub fn with_database(url: &str, database: &str) -> Result<String> {
    let scheme =
        ["postgres://", "postgresql://"].into_iter().find(|scheme| url.starts_with(scheme));
    let scheme = scheme.with_context(|| format!("{url:?} doesn't begin with postgres://"))?;
    let (address, query) =
        url.split_once('?').map_or((url, None), |(address, query)| (address, Some(query)));
    let host = address[scheme.len()..].split('/').next().unwrap_or_default();
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    Ok(format!("{scheme}{host}/{database}{query}"))
}

/// Marks `owner` as alive by an advisory lock, and drops the databases of owners that hold theirs no longer.
async fn take_lease(url: &str, owner: i32) -> Result<Client> {
    let client = connect(url).await?;
    let taken: bool =
        client.query_one("SELECT pg_try_advisory_lock($1, $2)", &[&LEASE, &owner]).await?.get(0);
    ensure!(taken, "another run has the same number {owner}");
    let names = "SELECT datname::text FROM pg_database WHERE starts_with(datname, $1)";
    for row in client.query(names, &[&PREFIX]).await? {
        let name: String = row.get(0);
        let number =
            name[PREFIX.len()..].split('_').next().and_then(|number| number.parse::<i32>().ok());
        let Some(number) = number.filter(|number| *number != owner) else { continue };
        // Held until the end of this session, so that two sweepers don't drop the same database.
        let free: bool = client
            .query_one("SELECT pg_try_advisory_lock($1, $2)", &[&LEASE, &number])
            .await?
            .get(0);
        if free {
            // Another sweeper may have been faster.
            let _ = drop_database(&client, &name).await;
            client.execute("SELECT pg_advisory_unlock($1, $2)", &[&LEASE, &number]).await?;
        }
    }
    Ok(client)
}

async fn drop_database(client: &Client, name: &str) -> Result<()> {
    client.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::with_database;

    fn check(url: &str, expected: &str) {
        assert_eq!(with_database(url, "x").unwrap(), expected);
    }

    #[test]
    fn only_the_database_of_a_url_changes() {
        check("postgres://h", "postgres://h/x");
        check("postgres://u:p@h:5/db", "postgres://u:p@h:5/x");
        check(
            "postgresql://h:1/db?sslmode=disable&a=/b",
            "postgresql://h:1/x?sslmode=disable&a=/b",
        );
        check("postgres:///db?host=/run/postgresql", "postgres:///x?host=/run/postgresql");
        assert!(with_database("host=localhost dbname=x", "x").is_err());
    }
}
