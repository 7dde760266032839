//! Rows: one page of them as JSON, or all of them as a stream.

use std::time::Duration;

use futures_util::stream::{self, Stream};
use serde_json::Value;
use trunkline_query::{Cursor, Direction, Filter, Page, Place, Scope, Tables};

use super::running::{QueryError, Running};
use super::walk::Walk;
use super::{row, within};
use crate::store::Pool;

/// Rows of one page, in the order of the request.
#[derive(Debug, Default)]
pub struct Rows {
    /// JSON objects.
    pub rows: Vec<Vec<u8>>,
    /// The page behind this one; `None` when there is none.
    pub next: Option<Cursor>,
    /// The page before this one; `None` when there is none.
    pub previous: Option<Cursor>,
}

/// Bytes of JSON after which a page ends, though it has fewer rows than asked for: statements of a megabyte are no rarity, and a
/// page is held in memory.
const MAX_PAGE: usize = 16 << 20;

/// The page that is asked for. Dropped before it is done, it cancels the query in the server.
pub async fn page(
    pool: &Pool,
    timeout: Duration,
    filter: Filter,
    page: &Page,
) -> Result<Rows, QueryError> {
    within(timeout, async {
        let columns = filter.tables.columns();
        let limit = page.limit.unwrap_or(trunkline_query::MAX_LIMIT);
        // One row more shows that there is another page.
        let mut walk =
            walk(pool, Running::begin(pool).await?, filter, page, Some(limit + 1)).await?;
        let (mut rows, mut size, mut ends) = (Vec::new(), 0, None::<(Place, Place)>);
        let mut is_more = false;
        while let Some(row) = walk.next().await? {
            if rows.len() == limit as usize || size >= MAX_PAGE {
                is_more = true;
                break;
            }
            let mut json = Vec::new();
            row::write_json(&row, columns, &mut json);
            size += json.len();
            rows.push(json);
            let place = row::place(&row)?;
            ends = Some((ends.map_or(place, |(first, _)| first), place));
        }
        walk.finish().await?;
        Ok(in_order(page, rows, ends, is_more))
    })
    .await
}

/// As the request has it: rows before a cursor were found backwards.
fn in_order(
    page: &Page,
    mut rows: Vec<Vec<u8>>,
    ends: Option<(Place, Place)>,
    is_more: bool,
) -> Rows {
    let found = page.cursor.map(|cursor| cursor.direction);
    let cursor = |place, direction| Cursor { place, direction };
    let (next, previous) = match (ends, found) {
        (None, _) => (None, None),
        (Some((first, last)), Some(Direction::Previous)) => {
            rows.reverse();
            (
                Some(cursor(first, Direction::Next)),
                is_more.then(|| cursor(last, Direction::Previous)),
            )
        }
        (Some((first, last)), found) => (
            is_more.then(|| cursor(last, Direction::Next)),
            found.map(|_| cursor(first, Direction::Previous)),
        ),
    };
    Rows { rows, next, previous }
}

async fn walk(
    pool: &Pool,
    running: Running,
    filter: Filter,
    page: &Page,
    limit: Option<u32>,
) -> Result<Walk, QueryError> {
    let scope = Scope::of(&filter, page.place(), page.order_of_search());
    Walk::begin(pool, running, filter, scope, limit).await
}

/// What the server would do for a page.
pub async fn explain(
    pool: &Pool,
    timeout: Duration,
    filter: Filter,
    page: &Page,
) -> Result<Vec<Value>, QueryError> {
    within(timeout, async {
        let limit = page.limit.map(|limit| limit + 1);
        walk(pool, Running::begin(pool).await?, filter, page, limit).await?.explain().await
    })
    .await
}

/// How a stream of rows is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lines {
    /// A JSON object each.
    Ndjson,
    /// A record of CSV each, behind one of names.
    Csv,
}

/// Some of a stream.
#[derive(Debug, Default)]
pub struct Piece {
    /// Lines, each whole.
    pub bytes: Vec<u8>,
    /// So many rows are in them.
    pub rows: usize,
}

/// Bytes that are handed on at once.
const PIECE: usize = 64 << 10;

/// All rows that are asked for, in pieces of some size, however many they are. The first piece is made before this returns, so that what is
/// wrong with a query shows before an answer begins. Dropped before its end, the stream cancels the query in the server.
pub async fn stream(
    pool: &Pool,
    timeout: Duration,
    filter: Filter,
    page: &Page,
    lines: Lines,
) -> Result<impl Stream<Item = Result<Piece, QueryError>> + Send + 'static, QueryError> {
    let deadline = tokio::time::Instant::now() + timeout;
    let tables = filter.tables;
    let begin = async {
        let mut running = Running::begin(pool).await?;
        running.allow(timeout).await?;
        let walk = walk(pool, running, filter, page, page.limit).await?;
        let mut piece = Piece::default();
        if lines == Lines::Csv {
            row::write_csv_header(tables.columns(), &mut piece.bytes);
        }
        next_piece(walk, tables, lines, piece).await
    };
    let (first, rest) = within(timeout, begin).await?;
    let following = stream::try_unfold(rest, move |walk| async move {
        let Some(walk) = walk else { return Ok(None) };
        let next = next_piece(walk, tables, lines, Piece::default());
        let next = tokio::time::timeout_at(deadline, next);
        let (piece, rest) = next.await.unwrap_or(Err(QueryError::Timeout))?;
        Ok((!piece.bytes.is_empty() || rest.is_some()).then_some((piece, rest)))
    });
    Ok(futures_util::StreamExt::chain(stream::iter([Ok(first)]), following))
}

/// As many rows as make a piece, and the walk, unless it is over.
async fn next_piece(
    mut walk: Walk,
    tables: Tables,
    lines: Lines,
    mut piece: Piece,
) -> Result<(Piece, Option<Walk>), QueryError> {
    while piece.bytes.len() < PIECE {
        let Some(row) = walk.next().await? else {
            walk.finish().await?;
            return Ok((piece, None));
        };
        let out = &mut piece.bytes;
        match lines {
            Lines::Ndjson => {
                row::write_json(&row, tables.columns(), out);
                out.push(b'\n');
            }
            Lines::Csv => row::write_csv(&row, tables.columns(), out)?,
        }
        piece.rows += 1;
    }
    Ok((piece, Some(walk)))
}
