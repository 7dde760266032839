//! The neighbours of a row.

use std::time::Duration;

use chrono::TimeDelta;
use futures_util::TryStreamExt;
use tokio_postgres::Row;
use trunkline_query::{Among, Context, Order, Sql};

use super::running::{QueryError, Running};
use super::{row, within};
use crate::store::Pool;

/// A row and its neighbours, JSON objects in their order.
#[derive(Debug)]
pub struct Neighbours {
    /// Before it.
    pub before: Vec<Vec<u8>>,
    /// It.
    pub row: Vec<u8>,
    /// Behind it.
    pub after: Vec<Vec<u8>>,
}

/// How far away in time neighbours are looked for first. Mostly they are near, and the more time, the more rows of others.
const NEAR: TimeDelta = TimeDelta::minutes(1);

/// The neighbours; `None` when there is no such row.
pub async fn context(
    pool: &Pool,
    timeout: Duration,
    context: &Context,
) -> Result<Option<Neighbours>, QueryError> {
    within(timeout, async {
        let running = Running::begin(pool).await?;
        let rows: Vec<_> = running.rows(&Sql::row(context)).await?.try_collect().await?;
        let Some(at) = rows.first() else {
            running.finish();
            return Ok(None);
        };
        let (mut before, mut after) = (Vec::new(), Vec::new());
        if let Some(among) = among(context, at)? {
            // At once, if another connection is left then for whoever comes next.
            let further = Running::begin_further(pool).await;
            let after_it = async {
                let running = further.as_ref().unwrap_or(&running);
                side(running, context, &among, Order::Asc).await
            };
            (before, after) =
                futures_util::try_join!(side(&running, context, &among, Order::Desc), after_it)?;
            before.reverse();
            if let Some(further) = further {
                further.finish();
            }
        }
        running.finish();
        let json = |row: &Row| {
            let mut json = Vec::new();
            row::write_json(row, context.tables.columns(), &mut json);
            json
        };
        let all = |rows: Vec<Row>| rows.iter().map(json).collect();
        Ok(Some(Neighbours { before: all(before), row: json(at), after: all(after) }))
    })
    .await
}

/// Beside whom to look; `None` for the session of a row that has none.
fn among(context: &Context, at: &Row) -> Result<Option<Among>, tokio_postgres::Error> {
    if !context.session {
        return Ok(Some(Among::Stream));
    }
    let has_session = context.tables.columns().iter().any(|column| column.name == "session_id");
    if !has_session {
        return Ok(None);
    }
    let (session_id, line) = (at.try_get("session_id")?, at.try_get("session_line_num")?);
    let pod = at.try_get("pod")?;
    let (Some(session_id), Some(line)) = (session_id, line) else { return Ok(None) };
    Ok(Some(Among::Session { session_id, line, pod }))
}

async fn side(
    running: &Running,
    context: &Context,
    among: &Among,
    order: Order,
) -> Result<Vec<Row>, QueryError> {
    let wanted = match order {
        Order::Asc => context.after,
        Order::Desc => context.before,
    };
    if wanted == 0 {
        return Ok(Vec::new());
    }
    let mut window = NEAR.min(context.window);
    loop {
        let sql = Sql::neighbours(context, among, order, window);
        let found: Vec<_> = running.rows(&sql).await?.try_collect().await?;
        if found.len() >= wanted as usize || window >= context.window {
            return Ok(found);
        }
        window = wider(window, found.len(), wanted as usize).min(context.window);
    }
}

/// A window that is likely to have enough, where this one has too few.
fn wider(window: TimeDelta, found: usize, wanted: usize) -> TimeDelta {
    let factor = match (wanted + wanted / 2).checked_div(found) {
        // Not one says little.
        None => 8,
        Some(factor) => i32::try_from(factor).unwrap_or(i32::MAX).clamp(2, 16),
    };
    window * factor
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_grows_by_what_it_lacks() {
        let check = |found, wanted, expected| {
            let wider = wider(NEAR, found, wanted);
            assert_eq!(wider, TimeDelta::minutes(expected), "{found} of {wanted}");
        };
        check(0, 10, 8);
        check(1, 10, 15);
        check(3, 10, 5);
        check(9, 10, 2);
        check(1, 1_000, 16);
    }
}
