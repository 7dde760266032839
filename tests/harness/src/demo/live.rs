//! The live view: where to look, and the rows as the query API gives them.

use std::fmt::Write;

use anyhow::{Context, Result};
use serde_json::Value;

use super::{Demo, ODD_PAUSE};

/// Rows a second that a reader can follow, of all and of those that say that something is wrong.
const ROWS: usize = 4;
const PROBLEMS: &str = "&severity=WARNING&severity=ERROR&severity=FATAL";
const MESSAGE_WIDTH: usize = 100;

/// Prints rows until the future is dropped; an error when a process ends.
pub(super) async fn run(demo: &mut Demo) -> Result<()> {
    println!("\n  Console  {}", demo.ingester_config.http_url("/"));
    println!("  API   {}", demo.newest_url(20));
    println!("  SQL   {}", demo.psql_line());
    println!(
        "        SELECT log_time, error_severity, message FROM log.postgres ORDER BY log_time DESC LIMIT 20;"
    );
    println!("\nCtrl-C ends it. Rows as they come, some of each second:\n");
    let mut last = String::new();
    loop {
        demo.mistakes().await?;
        tokio::time::sleep(ODD_PAUSE).await;
        let mut seen = rows(&demo.newest_url(ROWS)).await?;
        seen.extend(rows(&(demo.newest_url(ROWS) + PROBLEMS)).await?);
        seen.retain(|row| text(row, "log_time") > last.as_str());
        seen.reverse();
        seen.sort_by(|a, b| text(a, "log_time").cmp(text(b, "log_time")));
        seen.dedup();
        for row in &seen {
            println!("{}", line(row));
        }
        if let Some(row) = seen.last() {
            last = text(row, "log_time").to_owned();
        }
        for (name, process) in [
            ("collector", &mut demo.collector),
            ("ingester", &mut demo.ingester),
            ("pgbench", &mut demo.pgbench),
        ] {
            if let Some(status) = process.try_wait()? {
                anyhow::bail!("{name} ended with {status}");
            }
        }
    }
}

/// The rows of a page of the query API, newest first.
pub(super) async fn rows(url: &str) -> Result<Vec<Value>> {
    let answer = reqwest::get(url).await.with_context(|| format!("GET {url}"))?;
    let status = answer.status();
    let mut page: Value =
        answer.json().await.with_context(|| format!("GET {url}: {status}, no JSON"))?;
    match page.get_mut("rows").map(Value::take) {
        Some(Value::Array(rows)) if status.is_success() => Ok(rows),
        _ => anyhow::bail!("GET {url}: {status}: {page}"),
    }
}

/// A column of a row as text; empty when it is absent or no text.
pub(super) fn text<'a>(row: &'a Value, column: &str) -> &'a str {
    row.get(column).and_then(Value::as_str).unwrap_or_default()
}

/// One row on one line, control characters made visible.
pub(super) fn line(row: &Value) -> String {
    let mut line = format!(
        "{:<28} {:<8} {:<10} ",
        text(row, "log_time"),
        text(row, "error_severity"),
        text(row, "pod")
    );
    let message = text(row, "message");
    for character in message.chars().take(MESSAGE_WIDTH) {
        if character.is_control() {
            // Writing to a string can't fail.
            let _ = write!(line, "{}", character.escape_default());
        } else {
            line.push(character);
        }
    }
    if message.chars().count() > MESSAGE_WIDTH {
        line.push('…');
    }
    line
}
