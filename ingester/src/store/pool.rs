//! Connections to the database: a few for the writers, a few for queries, one for the owner of the tables, each prepared for its work when it is made.

use std::time::Duration;

use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, RecyclingMethod, Runtime, Timeouts,
};
use tokio_postgres::config::TargetSessionAttrs;

use super::connect::Connector;
use super::tls::Tls;
use super::{Config, DatabaseUrl};

/// A connection on loan.
pub(super) type Client = deadpool_postgres::Client;

/// Connections of one kind.
#[derive(Debug, Clone)]
pub struct Pool {
    pool: deadpool_postgres::Pool,
    tls: Tls,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// The server, or the way to it.
    #[error("{}", describe(.0))]
    Database(#[from] tokio_postgres::Error),
    /// No way to where the server is.
    #[error("no connection to the database: {0}")]
    Unreachable(std::io::Error),
    /// All are on loan.
    #[error("no connection to the database within {0:?}")]
    Timeout(Duration),
    /// The pool is gone.
    #[error("connections to the database are closed")]
    Closed,
}

/// Long enough for a connection to come back. Making one has bounds of its own, which grow with the number of hosts.
const WAIT: Duration = Duration::from_secs(15);

/// Looking up a token is a matter of a millisecond, and what was found is remembered.
const ACCESS_CONNECTIONS: usize = 2;
const ACCESS_TIMEOUT: Duration = Duration::from_secs(10);

/// Writers work where writes are allowed, whatever the URL says of other sessions: on a server that has become a standby there is
/// nothing for them to do but to look for the one that has taken its place.
const WRITERS: &[TargetSessionAttrs] = &[TargetSessionAttrs::ReadWrite];

/// Settings of a writer's session.
///
/// An acknowledged row must be on disk, so a database that is set to commit asynchronously is overruled. If we vanish in the
/// middle of a transaction, the server must notice, since the transaction holds rows of `log.stream`. A lock that isn't
/// granted becomes an error that shows.
const WRITER: &str = "\
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';
    SET client_min_messages = warning; SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3;
    SET idle_in_transaction_session_timeout = '60s';
    SET lock_timeout = '30s';
    SET statement_timeout = 0";

impl Pool {
    /// For the writers.
    pub fn for_writers(config: &Config, url: &DatabaseUrl) -> Self {
        Self::build(url, WRITERS, config.connections, WRITER.to_owned())
    }

    /// For migrations and the lifecycle: one connection, whose statements end in the server when it is gone, however long they would have taken.
    pub fn for_owner(url: &DatabaseUrl) -> Self {
        Self::build(
            url,
            WRITERS,
            1,
            format!("{WRITER}; SET client_connection_check_interval = '5s'"),
        )
    }

    /// For queries, none of which can write, or run longer than `timeout`.
    pub fn for_queries(config: &Config, url: &DatabaseUrl, timeout: Duration) -> Self {
        Self::build(url, url.readers(), config.query_connections, query_session(timeout))
    }

    /// The same as another role, for a user who can become it.
    pub(super) fn for_queries_as(
        role: &str,
        config: &Config,
        url: &DatabaseUrl,
        timeout: Duration,
    ) -> Self {
        let session = format!("SET ROLE {}; {}", quoted(role), query_session(timeout));
        Self::build(url, url.readers(), config.query_connections, session)
    }

    /// For the one who looks whether something was committed: it doesn't wait for queries.
    pub fn for_watching(url: &DatabaseUrl, timeout: Duration) -> Self {
        Self::build(url, url.readers(), 1, query_session(timeout))
    }

    /// For what the API itself has to look up: whose a token is.
    pub fn for_access(url: &DatabaseUrl) -> Self {
        let session = query_session(ACCESS_TIMEOUT);
        Self::build(url, url.readers(), ACCESS_CONNECTIONS, session)
    }

    /// For searches that are saved, and nothing else of what the API does.
    pub fn for_searches(url: &DatabaseUrl) -> Self {
        let session = format!("{WRITER}; SET statement_timeout = '10s'; SET TimeZone = 'UTC'");
        Self::build(url, WRITERS, ACCESS_CONNECTIONS, session)
    }

    /// Closes connections that nothing was asked on for so long.
    pub(super) fn close_idle(&self, longest: Duration) {
        self.pool.retain(|_, metrics| metrics.last_used() < longest);
    }

    fn build(
        url: &DatabaseUrl,
        sessions: &'static [TargetSessionAttrs],
        size: usize,
        session: String,
    ) -> Self {
        let manager = Manager::from_connect(
            url.driver().clone(),
            Connector::new(url, sessions),
            ManagerConfig { recycling_method: RecyclingMethod::Fast },
        );
        let prepare = Hook::async_fn(move |client, _| {
            let session = session.clone();
            Box::pin(
                async move { client.batch_execute(&session).await.map_err(HookError::Backend) },
            )
        });
        let pool = deadpool_postgres::Pool::builder(manager)
            .max_size(size)
            .timeouts(Timeouts { wait: Some(WAIT), create: None, recycle: Some(WAIT) })
            .runtime(Runtime::Tokio1)
            .post_create(prepare)
            .build();
        // Only a timeout without a runtime is refused, and there is a runtime.
        #[allow(clippy::expect_used)]
        Self { pool: pool.expect("a pool with a runtime"), tls: url.tls().clone() }
    }

    /// How its connections are secured, for who makes another one to the same server.
    pub(super) fn tls(&self) -> Tls {
        self.tls.clone()
    }

    /// Drops connections that aren't on loan: the next may lead to another server, and isn't marked by what failed on the last. (After a
    /// `CREATE EXTENSION` that found no room, TimescaleDB refuses another one in the same session.)
    pub(super) fn forget(&self) {
        self.pool.retain(|_, _| false);
    }

    pub(super) async fn get(&self) -> Result<Client, PoolError> {
        self.get_within(WAIT).await
    }

    /// A further one, if another is left then for whoever comes next.
    pub(super) async fn get_further(&self) -> Option<Client> {
        let status = self.pool.status();
        let on_loan = status.size - status.available.min(status.size);
        if on_loan + 2 > status.max_size {
            return None;
        }
        self.get_within(Duration::ZERO).await.ok()
    }

    async fn get_within(&self, wait: Duration) -> Result<Client, PoolError> {
        use deadpool_postgres::PoolError as Deadpool;
        let timeouts = Timeouts { wait: Some(wait), ..self.pool.timeouts() };
        self.pool.timeout_get(&timeouts).await.map_err(|error| match error {
            Deadpool::Backend(error) | Deadpool::PostCreateHook(HookError::Backend(error)) => {
                error.into()
            }
            Deadpool::Timeout(_) => PoolError::Timeout(wait),
            Deadpool::Closed | Deadpool::NoRuntimeSpecified | Deadpool::PostCreateHook(_) => {
                PoolError::Closed
            }
        })
    }
}

/// Settings of a session that answers queries.
///
/// Compiling a statement takes sixty milliseconds for each hypertable chunk, and saves ten.
///
/// What an index of trigrams finds lies all over a hypertable chunk: a disk reads many pages at a time sooner than one after the other, which
/// is what servers before 18 do unless told otherwise. Where it is 0, the server's system can't, or its owner doesn't want it.
fn query_session(timeout: Duration) -> String {
    format!(
        "SET default_transaction_read_only = on; SET statement_timeout = {}; SET TimeZone = 'UTC'; SET jit = off;
         SELECT set_config('effective_io_concurrency', '16', false) \
         WHERE current_setting('effective_io_concurrency')::integer BETWEEN 1 AND 15",
        timeout.as_millis()
    )
}

/// A role's name as SQL has it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// An error of the driver in one line, with the server's words where there are any.
pub(super) fn describe(error: &tokio_postgres::Error) -> String {
    if let Some(db) = error.as_db_error() {
        let mut text = format!("{} ({})", db.message(), db.code().code());
        if let Some(detail) = db.detail() {
            text.push_str(": ");
            text.push_str(detail);
        }
        return text.replace('\n', " ");
    }
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
