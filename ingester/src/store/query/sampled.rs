//! How to ask an index for a text, by a look at the texts that there are.

use futures_util::TryStreamExt;
use trunkline_query::{Filter, Slice, Sql};

use super::running::{QueryError, Running};

/// Rows that are looked at: a millisecond's work, and enough to tell what is in every fiftieth.
const SAMPLE: u32 = 300;

/// The filter, asking the indexes of a range of time for as much of a text as tells its rows from others.
pub(super) async fn thinned(
    running: &Running,
    filter: Filter,
    slice: Slice,
) -> Result<Filter, QueryError> {
    if !filter.can_be_thinned() {
        return Ok(filter);
    }
    let texts = texts(running, &filter, slice).await?;
    Ok(filter.thinned(&texts))
}

/// Texts of the newest rows in a range of time.
pub(super) async fn texts(
    running: &Running,
    filter: &Filter,
    slice: Slice,
) -> Result<Vec<String>, QueryError> {
    let sql = Sql::texts(filter.tables, slice, SAMPLE);
    let rows: Vec<_> = running.rows(&sql).await?.try_collect().await?;
    Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
}
