//! A connection on which a query runs, and what can go wrong with it.

use std::time::Duration;

use tokio_postgres::RowStream;
use tokio_postgres::types::{ToSql, Type};
use trunkline_query::{Param, Sql};
use uuid::Uuid;

use crate::store::pool::{Client, describe};
use crate::store::tls::Tls;
use crate::store::{Pool, PoolError};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// No connection.
    #[error("{0}")]
    Pool(#[from] PoolError),
    /// It took too long.
    #[error("the query ran longer than it may")]
    Timeout,
    /// A value that the server can't work with: a malformed regular expression, a number out of range. Its words.
    #[error("{0}")]
    Invalid(String),
    /// The role that asks may not.
    #[error("{0}")]
    Forbidden(String),
    /// The database has no such table: it is a hub, or older.
    #[error("{0}")]
    Missing(String),
    /// A standby hasn't replayed yet what another one has.
    #[error("the standby is behind another one")]
    Behind,
    /// The server refused it, or went away.
    #[error("{}", describe(.0))]
    Database(tokio_postgres::Error),
}

impl From<tokio_postgres::Error> for QueryError {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(report) = error.as_db_error() else {
            return if error.is_closed() {
                Self::Pool(error.into())
            } else {
                Self::Database(error)
            };
        };
        match report.code().code() {
            "57014" => Self::Timeout,
            // Data exceptions, and what exceeds a limit of the server's.
            state if state.starts_with("22") || state.starts_with("54") => {
                Self::Invalid(report.message().to_owned())
            }
            "42501" => Self::Forbidden(report.message().to_owned()),
            "42P01" | "42883" | "3F000" => Self::Missing(report.message().to_owned()),
            // The session was ended, or the server ends: another try has another connection.
            state if state.starts_with("57P") => Self::Pool(error.into()),
            _ => Self::Database(error),
        }
    }
}

/// Unless it is finished, the query is cancelled, and the connection isn't used again: a cancel may reach the server late, and must
/// not hit somebody else's query.
#[derive(Debug)]
pub(super) struct Running {
    client: Option<Client>,
    tls: Tls,
    session: Session,
}

/// How rows of a text are counted: the server takes them for few, however many they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Planning {
    /// Grouped as they come.
    WithoutSorting,
    /// The same, and found by looking at each row.
    WithoutIndex,
}

/// Whether the session is as the next query expects it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Session {
    AsItWas,
    /// Once this is undone.
    Planning,
    /// It isn't, and won't be.
    Marked,
}

impl Running {
    pub(super) async fn begin(pool: &Pool) -> Result<Self, QueryError> {
        Ok(Self { client: Some(pool.get().await?), tls: pool.tls(), session: Session::AsItWas })
    }

    /// On a further connection, if there are enough.
    pub(super) async fn begin_further(pool: &Pool) -> Option<Self> {
        // Without it, the query takes longer, and that is all.
        let client = pool.get_further().await?;
        Some(Self { client: Some(client), tls: pool.tls(), session: Session::AsItWas })
    }

    /// Lets the server work longer, or less long, on each statement than the pool says.
    pub(super) async fn allow(&mut self, timeout: Duration) -> Result<(), QueryError> {
        let set = format!("SET statement_timeout = {}", timeout.as_millis());
        self.session = Session::Marked;
        Ok(self.client().batch_execute(&set).await?)
    }

    /// Has the server plan so, until the connection is given back.
    pub(super) async fn plan(&mut self, planning: Planning) -> Result<(), QueryError> {
        if self.session == Session::AsItWas {
            self.session = Session::Planning;
        }
        let set = match planning {
            Planning::WithoutSorting => "SET enable_sort = off; RESET enable_bitmapscan",
            Planning::WithoutIndex => "SET enable_sort = off; SET enable_bitmapscan = off",
        };
        Ok(self.client().batch_execute(set).await?)
    }

    pub(super) async fn rows(&self, sql: &Sql) -> Result<RowStream, QueryError> {
        Ok(self.client().query_typed_raw(&sql.text, sql.params.iter().map(bind)).await?)
    }

    /// What the server would do, as `EXPLAIN` says it.
    pub(super) async fn explain(&self, sql: &Sql) -> Result<serde_json::Value, QueryError> {
        let sql = Sql { text: format!("EXPLAIN (FORMAT JSON) {}", sql.text), ..sql.clone() };
        let rows = self.rows(&sql).await?;
        let rows: Vec<_> = futures_util::TryStreamExt::try_collect(rows).await?;
        Ok(match rows.first() {
            Some(row) => row.try_get(0)?,
            None => serde_json::Value::Null,
        })
    }

    fn client(&self) -> &Client {
        // Only `finish` and `drop`, which take the whole, take it out.
        #[allow(clippy::expect_used)]
        self.client.as_ref().expect("a connection until it is finished")
    }

    /// Gives the connection back to its pool. All of the answer must have been read.
    pub(super) fn finish(mut self) {
        let Some(client) = self.client.take() else { return };
        match (self.session, tokio::runtime::Handle::try_current()) {
            (Session::AsItWas, _) => drop(client),
            // Nobody waits for it.
            (Session::Planning, Ok(runtime)) => drop(runtime.spawn(async move {
                let reset = "RESET enable_sort; RESET enable_bitmapscan";
                if client.batch_execute(reset).await.is_err() {
                    drop(Client::take(client));
                }
            })),
            _ => drop(Client::take(client)),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(client) = self.client.take() else { return };
        // Secured as the connection is, and sent to the same server.
        let (token, tls) = (client.cancel_token(), self.tls.clone());
        let client = Client::take(client);
        // Without a runtime the process is ending, and the connection with it.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                if let Err(error) = token.cancel_query(tls).await {
                    tracing::debug!(error = describe(&error), "a query could not be cancelled");
                }
                drop(client);
            });
        }
    }
}

fn bind(param: &Param) -> (Box<dyn ToSql + Sync + Send>, Type) {
    match param {
        Param::Time(time) => (Box::new(*time), Type::TIMESTAMPTZ),
        Param::Text(text) => (Box::new(text.clone()), Type::TEXT),
        Param::Int(int) => (Box::new(*int), Type::INT8),
        Param::Float(float) => (Box::new(*float), Type::FLOAT8),
        Param::Stream(stream) => (Box::new(Uuid::from_bytes(stream.0)), Type::UUID),
    }
}
