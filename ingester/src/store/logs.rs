//! Answers a query: one page of rows as JSON.

use std::pin::pin;

use chrono::{DateTime, SecondsFormat, Utc};
use futures_util::TryStreamExt;
use serde::ser::{Serialize, SerializeMap, Serializer};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type as PgType};
use trunkline_query::{Cursor, Filter, Param, Sql, Type, columns};
use trunkline_record::{StreamId, Table};
use uuid::Uuid;

use super::pool::{Client, describe};
use super::tls::Tls;
use super::{Pool, PoolError};

/// Rows of one page, newest first.
#[derive(Debug, Default)]
pub struct Page {
    /// JSON objects, separated by commas.
    pub rows: Vec<u8>,
    /// Where the next page begins; `None` when this is the last.
    pub next: Option<Cursor>,
}

/// Bytes of JSON after which a page ends, though it has fewer rows than asked for: statements of a megabyte are no rarity, and a
/// page is held in memory.
const MAX_PAGE: usize = 16 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// No connection.
    #[error("{0}")]
    Pool(#[from] PoolError),
    /// It took too long.
    #[error("the query ran longer than it may")]
    Timeout,
    /// The server refused it, or went away.
    #[error("{}", describe(.0))]
    Database(tokio_postgres::Error),
}

impl From<tokio_postgres::Error> for QueryError {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.code().map(|state| state.code()) {
            Some("57014") => Self::Timeout,
            _ => Self::Database(error),
        }
    }
}

/// The page that `filter` asks for. Dropped before it is done, it cancels the query in the server.
pub async fn page(pool: &Pool, filter: &Filter) -> Result<Page, QueryError> {
    let sql = Sql::page(filter);
    let running = Running::new(pool.get().await?, pool.tls());
    let result = rows(&running, &sql, filter.table, filter.limit).await;
    // After an error the connection may be anything; with rows left to read, it has to be told to stop.
    if let Ok((page, true)) = result {
        running.finish();
        return Ok(page);
    }
    result.map(|(page, _)| page)
}

/// The page, and whether all of the answer was read.
async fn rows(
    running: &Running,
    sql: &Sql,
    table: Table,
    limit: u32,
) -> Result<(Page, bool), QueryError> {
    let stream = running.client().query_typed_raw(&sql.text, sql.params.iter().map(bind)).await?;
    let mut stream = pin!(stream);
    let mut page = Page::default();
    let mut last = None;
    let mut count = 0;
    while let Some(row) = stream.try_next().await? {
        if count == limit || page.rows.len() >= MAX_PAGE {
            page.next = last;
            // Of what was asked for, the row behind the page is the last.
            let all = count == limit && stream.try_next().await?.is_none();
            return Ok((page, all));
        }
        if count > 0 {
            page.rows.push(b',');
        }
        // Writing to a vector doesn't fail, and every key is a string.
        let _ = serde_json::to_writer(&mut page.rows, &JsonRow { row: &row, table });
        last = Some(cursor(&row)?);
        count += 1;
    }
    Ok((page, true))
}

fn cursor(row: &Row) -> Result<Cursor, tokio_postgres::Error> {
    Ok(Cursor {
        log_time: row.try_get("log_time")?,
        stream: StreamId(row.try_get::<_, Uuid>("stream")?.into_bytes()),
        position: row.try_get("position")?,
    })
}

fn bind(param: &Param) -> (Box<dyn ToSql + Sync + Send>, PgType) {
    match param {
        Param::Time(time) => (Box::new(*time), PgType::TIMESTAMPTZ),
        Param::Text(text) => (Box::new(text.clone()), PgType::TEXT),
        Param::Texts(texts) => (Box::new(texts.clone()), PgType::TEXT_ARRAY),
        Param::Int(int) => (Box::new(*int), PgType::INT8),
        Param::Stream(stream) => (Box::new(Uuid::from_bytes(stream.0)), PgType::UUID),
    }
}

/// A row as an object of its columns that aren't NULL.
struct JsonRow<'a> {
    row: &'a Row,
    table: Table,
}

impl Serialize for JsonRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let row = self.row;
        let mut map = serializer.serialize_map(None)?;
        for (at, &(name, kind)) in columns(self.table).iter().enumerate() {
            macro_rules! entry {
                ($type:ty, $map:expr) => {
                    if let Some(value) =
                        row.try_get::<_, Option<$type>>(at).map_err(serde::ser::Error::custom)?
                    {
                        map.serialize_entry(name, &$map(value))?;
                    }
                };
            }
            match kind {
                Type::Text => entry!(&str, |text| text),
                Type::TextArray => entry!(Vec<&str>, |texts| texts),
                Type::Int4 => entry!(i32, |int| int),
                Type::Int8 => entry!(i64, |int| int),
                Type::Time => entry!(DateTime<Utc>, |time: DateTime<Utc>| {
                    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
                }),
                Type::Uuid => entry!(Uuid, |uuid: Uuid| uuid.to_string()),
                Type::Json => entry!(serde_json::Value, |json| json),
            }
        }
        map.end()
    }
}

/// A connection on which a query runs. Unless it is finished, the query is cancelled, and the connection isn't used again: a cancel
/// may reach the server late, and must not hit somebody else's query.
struct Running {
    client: Option<Client>,
    tls: Tls,
}

impl Running {
    fn new(client: Client, tls: Tls) -> Self {
        Self { client: Some(client), tls }
    }

    fn client(&self) -> &Client {
        // Only `finish` and `drop`, which take the whole, take it out.
        #[allow(clippy::expect_used)]
        self.client.as_ref().expect("a connection until it is finished")
    }

    /// Gives the connection back to its pool.
    fn finish(mut self) {
        drop(self.client.take());
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
