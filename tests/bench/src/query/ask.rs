//! Asks the API, over one connection, and takes the time.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio_postgres::Client;
use trunkline_harness::{PostgresServer, eventually};

use crate::report::{Report, progress};

/// Time that a question may take over all its runs, but for the first ten.
const PATIENCE: Duration = Duration::from_secs(20);
/// Runs before the times count.
const WARM: usize = 5;

pub(super) struct Asker<'a> {
    base: String,
    http: reqwest::Client,
    report: &'a Report,
    rows: i64,
}

impl<'a> Asker<'a> {
    pub(super) async fn new(base: &str, report: &'a Report, client: &Client) -> Result<Self> {
        let count = "SELECT sum(rows)::bigint FROM log.count_day WHERE table_name = 'postgres' AND column_name = 'error_severity'";
        let rows = client.query_one(count, &[]).await?.get::<_, Option<i64>>(0).unwrap_or(0);
        let http = reqwest::Client::builder().pool_max_idle_per_host(1).build()?;
        Ok(Self { base: base.trim_end_matches('/').to_owned(), http, report, rows })
    }

    pub(super) async fn is_ready(&self) -> bool {
        let answer = self.http.get(format!("{}/health/ready", self.base)).send().await;
        answer.is_ok_and(|answer| answer.status() == 200)
    }

    async fn ask(&self, path: &str) -> Result<Value> {
        let answer = self.http.get(format!("{}/api/v1/{path}", self.base)).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status == 200, "{path}: {text}");
        Ok(serde_json::from_str(&text)?)
    }

    /// Asks so often, one question after the other.
    pub(super) async fn time(&self, name: &str, runs: usize, paths: &[&str]) -> Result<()> {
        let figure = format!("{name}_p99_ms");
        if !self.report.wants(&[&figure]) {
            return Ok(());
        }
        progress(name);
        let mut times = Vec::new();
        let begun = Instant::now();
        for run in 0..WARM + runs {
            let start = Instant::now();
            for path in paths {
                self.ask(path).await?;
            }
            if run >= WARM {
                times.push(start.elapsed().as_secs_f64() * 1_000.0);
            }
            if run >= WARM + 10 && begun.elapsed() > PATIENCE {
                break;
            }
        }
        self.report.percentile(&figure, "ms", &times, json!({"rows": self.rows, "asked": paths}))
    }

    /// Asks once each time that nothing of the server's is in memory.
    pub(super) async fn cold(
        &self,
        name: &str,
        runs: usize,
        path: &str,
        server: &mut PostgresServer,
    ) -> Result<()> {
        let figure = format!("{name}_p99_ms");
        if !self.report.wants(&[&figure]) {
            return Ok(());
        }
        progress(name);
        let mut times = Vec::new();
        for _ in 0..runs {
            server.restart_cold()?;
            // The ingester connects again, which is no part of the question.
            eventually("an answer", Duration::from_secs(60), || async {
                Ok(self.ask("clusters").await.ok())
            })
            .await?;
            let start = Instant::now();
            self.ask(path).await?;
            times.push(start.elapsed().as_secs_f64() * 1_000.0);
        }
        self.report.percentile(&figure, "ms", &times, json!({"rows": self.rows, "asked": [path]}))
    }

    /// The question for a page so many pages behind the first.
    pub(super) async fn page(&self, number: usize) -> Result<String> {
        let mut path = "logs?limit=100".to_owned();
        for _ in 1..number {
            let page = self.ask(&path).await?;
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            path = format!("logs?limit=100&cursor={cursor}");
        }
        Ok(path)
    }

    /// A stream's first line, and its last.
    pub(super) async fn stream(&self, name: &str, path: &str) -> Result<()> {
        let figures = [format!("{name}_first_p99_ms"), format!("{name}_all_p99_ms")];
        if !self.report.wants(&[&figures[0], &figures[1]]) {
            return Ok(());
        }
        progress(name);
        let (mut first, mut all, mut lines) = (Vec::new(), Vec::new(), 0);
        let begun = Instant::now();
        for run in 0..WARM + 20 {
            let start = Instant::now();
            let request = self.http.get(format!("{}/api/v1/{path}", self.base));
            let mut answer = request.header("accept", "application/x-ndjson").send().await?;
            let (mut text, mut began) = (Vec::new(), None);
            while let Some(piece) = answer.chunk().await? {
                text.extend_from_slice(&piece);
                if began.is_none() && text.contains(&b'\n') {
                    began = Some(start.elapsed());
                }
            }
            let last = text.trim_ascii_end().rsplit(|byte| *byte == b'\n').next();
            let last: Value = serde_json::from_slice(last.context("a line")?)?;
            ensure!(last["complete"] == true, "{path} broke off: {last}");
            lines = text.iter().filter(|byte| **byte == b'\n').count();
            if run >= 1 {
                first.push(began.unwrap_or_default().as_secs_f64() * 1_000.0);
                all.push(start.elapsed().as_secs_f64() * 1_000.0);
            }
            if run > 2 && begun.elapsed() > PATIENCE {
                break;
            }
        }
        let more = json!({"rows": self.rows, "asked": path, "lines": lines});
        self.report.percentile(&figures[0], "ms", &first, more.clone())?;
        self.report.percentile(&figures[1], "ms", &all, more)
    }
}
