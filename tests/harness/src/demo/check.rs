//! `CHECK=1`: rows flow, by SQL and by HTTP, and in the end the table holds as many records as the source's files.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio_postgres::Client;

use super::live::{line, rows, text};
use super::{Demo, ODD_PAUSE, step};
use crate::wait::{eventually, eventually_true};

/// A record needs half a second at most from file to table; the machine may be busy.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Enough for some thousand records of pgbench, and short enough for CI.
const LOAD: Duration = Duration::from_secs(5);
const SHOWN: usize = 5;

pub(super) async fn run(demo: &mut Demo) -> Result<()> {
    let client = demo.database.connect().await?;
    step("waiting for rows, by SQL and by HTTP");
    let first = eventually("rows in log.postgres", TIMEOUT, || async {
        Ok(Some(count(&client).await?).filter(|count| *count > 0))
    })
    .await?;
    let url = demo.newest_url(100);
    let seen = eventually("rows from the query API", TIMEOUT, || async {
        Ok(Some(rows(&url).await?).filter(|rows| !rows.is_empty()))
    })
    .await?;

    demo.mistakes().await?;
    eventually_true("more rows in log.postgres", TIMEOUT, || async {
        Ok(count(&client).await? > first)
    })
    .await?;
    let old = identity(&seen[0])?;
    let newer = eventually("newer rows from the query API", TIMEOUT, || async {
        let rows = rows(&url).await?;
        let moved = rows.first().map(identity).transpose()?.is_some_and(|identity| identity != old);
        Ok(moved.then_some(rows))
    })
    .await?;
    let newest = newer.first().context("the query API gave no rows")?;
    let (stream, position) = identity(newest)?;
    let found = client
        .query_one(
            "SELECT count(*), min(message) FROM log.postgres WHERE stream = $1::text::uuid AND position = $2",
            &[&stream, &position],
        )
        .await?;
    ensure!(found.get::<_, i64>(0) == 1, "the API's newest row {newest} is {found:?} by SQL");
    let message: Option<String> = found.get(1);
    ensure!(
        message.unwrap_or_default() == text(newest, "message"),
        "the API's newest row {newest} reads otherwise by SQL"
    );

    println!("\nnewest rows by GET {}", demo.newest_url(SHOWN));
    for row in newer.iter().take(SHOWN) {
        println!("  {}", line(row));
    }
    println!();

    step(&format!("letting the load run for {LOAD:?}"));
    for _ in 0..LOAD.as_secs() {
        demo.mistakes().await?;
        tokio::time::sleep(ODD_PAUSE).await;
    }

    step("ending the load; every record of the source's files must become one row");
    let written = demo.end_source()?;
    eventually(&format!("{written} rows in log.postgres"), TIMEOUT, || async {
        let count = count(&client).await?;
        ensure!(count == written, "there are {count}");
        Ok(Some(()))
    })
    .await?;
    let doubled = "SELECT count(*) FROM (SELECT FROM log.postgres GROUP BY stream, position HAVING count(*) > 1) AS doubled";
    let doubled: i64 = client.query_one(doubled, &[]).await?.get(0);
    ensure!(doubled == 0, "{doubled} records are stored more than once");

    let severities = "SELECT error_severity::text, count(*) FROM log.postgres GROUP BY error_severity ORDER BY error_severity";
    println!("\nrows by SQL: {severities}");
    for row in client.query(severities, &[]).await? {
        println!("  {:<8} {:>8}", row.get::<_, String>(0), row.get::<_, i64>(1));
    }
    println!(
        "\n{written} records in the source's csvlog, {written} rows in log.postgres, none twice: the demo works"
    );
    Ok(())
}

async fn count(client: &Client) -> Result<u64> {
    let count: i64 = client.query_one("SELECT count(*) FROM log.postgres", &[]).await?.get(0);
    Ok(u64::try_from(count)?)
}

/// What makes a row the same row: its stream and position.
fn identity(row: &Value) -> Result<(String, i64)> {
    let position = row.get("position").and_then(Value::as_i64);
    let position = position.with_context(|| format!("a row of the API has no position: {row}"))?;
    Ok((text(row, "stream").to_owned(), position))
}
