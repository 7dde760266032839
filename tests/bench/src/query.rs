//! How long answers take, through the HTTP API: a month of several clusters' records, sealed and counted, asked over one connection.
//!
//! `STORE=url` uses this database, and fills it if it is empty, so that the next run finds its rows. Times are those of a warm store; each figure is
//! the 99th percentile, in milliseconds. One is of a cold store, and only of a private one: it is stopped, and its files are in no memory.

mod ask;
mod rows;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tokio_postgres::{Client, NoTls};
use trunkline_harness::{
    Binary, Durability, IngesterConfig, PostgresServer, Process, Store, eventually,
};

use self::ask::Asker;
use crate::pipeline;
use crate::report::{Report, progress};

/// Rows unless `ROWS` says otherwise.
const ROWS: usize = 1_000_000;
/// How often each question is asked; fewer times where one takes long.
const RUNS: usize = 200;

/// In about one of 80,000 records, in half of all, and in none.
const RARE: &str = "invoice_57";
const FREQUENT: &str = "select";
const ABSENT: &str = "zanzibar-q7";

pub async fn run(report: &Report) -> Result<()> {
    if !report.wants(&["query_"]) {
        return Ok(());
    }
    if let Some(url) = std::env::var("STORE").ok().filter(|url| !url.is_empty()) {
        fill(report, &url).await?;
        return ask_all(report, &url, None).await;
    }
    progress("starting TimescaleDB");
    let mut store = Store::start(Durability::FastAndLoose).await?;
    let database = store.create_database().await?;
    fill(report, database.url()).await?;
    ask_all(report, database.url(), store.server_mut()).await
}

/// Unless there are rows already.
async fn fill(report: &Report, url: &str) -> Result<()> {
    migrate(url)?;
    let client = connect(url).await?;
    if client.query_opt("SELECT FROM log.postgres LIMIT 1", &[]).await?.is_some() {
        return Ok(());
    }
    let rows = report.given_rows.unwrap_or(ROWS);
    progress(&format!("storing {rows} records"));
    rows::store(url, rows).await?;
    progress("counting");
    client.batch_execute("SELECT log.recount()").await?;
    while client.query_one("SELECT log.compact_counts()", &[]).await?.get::<_, i64>(0) > 0 {}
    Ok(())
}

fn migrate(url: &str) -> Result<()> {
    let work = tempfile::tempdir()?;
    let config = IngesterConfig::new(url)?.write(work.path())?;
    let output = Binary::Ingester.command()?.args(["migrate", "--config"]).arg(config).output()?;
    ensure!(output.status.success(), "migrate: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

async fn connect(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// The newest hypertable chunk that has hours of rows.
const NEWEST: &str = "\
SELECT chunk::text, to_char(range_start AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') FROM log.chunk_status \
WHERE hypertable = 'log.postgres'::regclass AND range_start <= (SELECT max(log_time) - INTERVAL '6 hours' FROM log.postgres) \
ORDER BY range_end DESC LIMIT 1";

async fn ask_all(report: &Report, url: &str, server: Option<&mut PostgresServer>) -> Result<()> {
    let client = connect(url).await?;
    let newest = client.query_one(NEWEST, &[]).await?;
    let (chunk, since): (String, String) = (newest.get(0), newest.get(1));
    progress("sealing all but the newest hypertable chunk");
    // An earlier run has sealed it.
    client.batch_execute(&format!("DROP INDEX IF EXISTS {chunk}_search")).await?;
    seal(&client, url, &format!("chunk::text <> '{chunk}'")).await?;
    client.batch_execute("VACUUM ANALYZE").await?;

    let work = tempfile::tempdir().context("make a directory for the ingester")?;
    let config = IngesterConfig::new(url)?.set("lifecycle.seal_after", "1000days");
    let asker = Asker::new(&config.http_url(""), report, &client).await?;
    let path = config.write(work.path())?;
    let mut ingester = Process::run(Binary::Ingester, &path, &work.path().join("ingester.log"))?;
    eventually("the ingester to be ready", Duration::from_secs(60), || async {
        Ok(asker.is_ready().await.then_some(()))
    })
    .await?;

    asker
        .time("query_rare_word_hot", RUNS, &[&format!("logs?text={RARE}&from={since}&limit=100")])
        .await?;
    progress("sealing the newest");
    seal(&client, url, "true").await?;
    let day = format!("from={since}");
    let last_hour = client
        .query_one("SELECT to_char((max(log_time) - INTERVAL '1 hour') AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') FROM log.postgres", &[])
        .await?
        .get::<_, String>(0);
    asker.time("query_newest", RUNS, &["logs?limit=100"]).await?;
    asker
        .time(
            "query_errors_1h",
            RUNS,
            &[&format!("logs?cluster=orders&min_severity=ERROR&from={last_hour}&limit=100")],
        )
        .await?;
    asker.time("query_rare_word", RUNS, &[&format!("logs?text={RARE}&limit=100")]).await?;
    asker.time("query_absent_word", RUNS, &[&format!("logs?text={ABSENT}&limit=100")]).await?;
    asker.time("query_frequent_word", RUNS, &[&format!("logs?text={FREQUENT}&limit=100")]).await?;
    asker.time("query_histogram", RUNS, &["histogram"]).await?;
    asker.time("query_facet_day", RUNS, &[&format!("facets?field=user&{day}")]).await?;
    let fields =
        ["user", "database", "application", "backend_type", "sqlstate", "cluster", "severity"];
    for field in fields {
        let path = format!("facets?field={field}");
        asker.time(&format!("query_facet_all_{field}"), RUNS, &[&path]).await?;
    }
    asker.time("query_session_context", RUNS, &[&context(&client).await?]).await?;
    let page = asker.page(1_000).await?;
    asker.time("query_page_1", RUNS, &["logs?limit=100"]).await?;
    asker.time("query_page_1000", RUNS, &[&page]).await?;
    asker.stream("query_count_frequent", &format!("histogram?text={FREQUENT}")).await?;
    if let Some(server) = server {
        let path = format!("logs?text={RARE}&limit=100");
        asker.cold("query_rare_word_cold", report.repeat, &path, server).await?;
    }
    ingester.terminate_and_wait(Duration::from_secs(30))?;
    Ok(())
}

/// Builds the indexes that are missing, two at a time.
async fn seal(client: &Client, url: &str, which: &str) -> Result<()> {
    let sql =
        format!("SELECT statement, chunk::text FROM log.unsealed('2099-01-01', '0') WHERE {which}");
    // The first look notes that they have passed.
    client.query(&sql, &[]).await?;
    let rows = client.query(&sql, &[]).await?;
    // Not to wait for one another, as those built concurrently would.
    let statements: Vec<String> = rows
        .iter()
        .map(|row| {
            format!(
                "{}; ANALYZE {}",
                row.get::<_, &str>(0).replace(" CONCURRENTLY", ""),
                row.get::<_, &str>(1)
            )
        })
        .collect();
    let work = async |odd: usize| -> Result<()> {
        let client = connect(url).await?;
        client.batch_execute("SET maintenance_work_mem = '256MB'").await?;
        for (at, statement) in statements.iter().enumerate().skip(odd).step_by(2) {
            client.batch_execute(statement).await?;
            progress(&format!("sealed {} of {}", at + 1, statements.len()));
        }
        Ok(())
    };
    tokio::try_join!(work(0), work(1))?;
    Ok(())
}

/// A question for the neighbours of some row in its session.
async fn context(client: &Client) -> Result<String> {
    let row = client
        .query_one(
            "SELECT to_char(log_time AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), stream::text, position FROM log.postgres \
             WHERE log_time < (SELECT max(log_time) - INTERVAL '9 days' FROM log.postgres) ORDER BY log_time DESC LIMIT 1",
            &[],
        )
        .await?;
    let (time, stream, position): (String, String, i64) = (row.get(0), row.get(1), row.get(2));
    Ok(format!("context?log_time={time}&stream={stream}&position={position}&within=session"))
}

/// What counting costs where rows are stored: rows a second with counts and without, in turn.
pub async fn counts_cost(report: &Report) -> Result<()> {
    if !report.wants(&["counts_cost_share"]) {
        return Ok(());
    }
    progress("starting TimescaleDB");
    let store = Store::start(Durability::Durable).await?;
    let server =
        store.server().context("benchmarks need a private server: unset TRUNKLINE_DATABASE_URL")?;
    let directory = tempfile::tempdir()?;
    let logs = pipeline::write_logs(directory.path(), report.rows, 8)?;
    let (mut shares, mut rates, mut cpu_shares) = (vec![], vec![], vec![]);
    for round in 1..=report.repeat {
        progress(&format!("with and without counts, round {round} of {}", report.repeat));
        let (mut seconds, mut cpu) = ([0.0; 2], [0.0; 2]);
        for (place, counts) in [(0, true), (1, false)] {
            let database = store.create_database().await?;
            let wish = pipeline::Wish { connections: 1, pod: "bench-0", counts };
            let run =
                pipeline::run_counting(server, &database, directory.path(), &logs, wish).await?;
            seconds[place] = run.seconds;
            cpu[place] = run.database_cpu + run.ingester_cpu + run.collector_cpu;
        }
        shares.push(1.0 - seconds[1] / seconds[0]);
        cpu_shares.push(1.0 - cpu[1] / cpu[0]);
        rates.push(logs.rows as f64 / seconds[0]);
    }
    let more = json!({"rows": logs.rows});
    report.figure("counts_cost_share", "ratio", &shares, more.clone())?;
    // Of all processes, which a machine that is busy otherwise doesn't change.
    report.figure("counts_cost_share_cpu", "ratio", &cpu_shares, more.clone())?;
    report.figure("counts_cost_share_rows_s", "rows/s", &rates, more)
}
