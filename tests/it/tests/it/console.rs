//! The web console, used as a person would: Debian's Chromium, a real service, rows in a real store.
//!
//! What is done in the browser stands in `dashboards/console/tests`, a program for Node.js each; what has to be done to the servers meanwhile
//! is done here, when the program asks for it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio_postgres::Client;
use trunkline_harness::installation::set_up;
use trunkline_harness::{Database, Store, free_port};
use trunkline_it::{Pipeline, Sender, csvlog_record};
use trunkline_record::StreamId;

const CONSOLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../dashboards/console");
const SETUP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/dev/console.sh");
/// Longer than any of the programs takes, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(420);

/// A program of `dashboards/console/tests`, running. It says `do …` when it wants something done.
struct Script {
    name: &'static str,
    child: tokio::process::Child,
    said: tokio::io::Lines<BufReader<tokio::process::ChildStdout>>,
    output: String,
}

impl Script {
    async fn start(name: &'static str, pipeline: &Pipeline) -> Self {
        tokio::task::spawn_blocking(prepare).await.unwrap();
        let page = reqwest::get(pipeline.url("/")).await.unwrap();
        assert_eq!(
            page.status(),
            200,
            "the service has its console: `make console`, and build it again"
        );
        let mut child = tokio::process::Command::new("node")
            .arg(Path::new(CONSOLE).join("tests").join(name))
            .env("TRUNKLINE_URL", pipeline.url(""))
            .env("TRUNKLINE_OUTPUT", pictures())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { name, child, said, output: String::new() }
    }

    /// What it wants to have done next; `None` when it has ended, and well.
    async fn wants(&mut self) -> Option<String> {
        loop {
            let line = tokio::time::timeout(PATIENCE, self.said.next_line()).await;
            let line = line
                .unwrap_or_else(|_| panic!("{} says nothing more\n{}", self.name, self.output))
                .unwrap();
            let Some(line) = line else { break };
            if let Some(wanted) = line.strip_prefix("do ") {
                return Some(wanted.to_owned());
            }
            println!("{line}");
            self.output += &line;
            self.output.push('\n');
        }
        let status = self.child.wait().await.unwrap();
        assert!(status.success(), "{}: {status}\n{}", self.name, self.output);
        None
    }

    async fn done(&mut self, answer: &str) {
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin.write_all(format!("{answer}\n").as_bytes()).await.unwrap();
    }

    /// Lets it run to its end, where nothing has to be done for it.
    async fn finish(mut self) {
        assert_eq!(self.wants().await, None);
    }
}

/// Chromium, letters for it to draw, and the packages that the programs use.
fn prepare() {
    set_up(&["chromium", "fonts-dejavu-core", "fonts-noto-color-emoji"]).unwrap();
    let output = Command::new(SETUP).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Where pictures of the pages are left.
fn pictures() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("console")
}

async fn service() -> (Database, Pipeline, Client) {
    service_with(|pipeline| pipeline).await
}

async fn service_with(
    configure: impl FnOnce(Pipeline) -> Pipeline,
) -> (Database, Pipeline, Client) {
    let database = Store::database().await.unwrap();
    let mut pipeline = configure(Pipeline::new(database.url(), |config| config).unwrap());
    pipeline.start_ingester().unwrap();
    pipeline.ready().await.unwrap();
    let sql = pipeline.connect().await.unwrap();
    (database, pipeline, sql)
}

/// A service whose store has a fleet's hour.
async fn fleet() -> (Database, Pipeline) {
    let (database, pipeline, sql) = service().await;
    let script = std::fs::read_to_string(Path::new(CONSOLE).join("tests/fleet.sql")).unwrap();
    sql.batch_execute(&script).await.unwrap();
    (database, pipeline)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_shows_what_there_is_in_both_themes_to_everybody() {
    let (_database, pipeline) = fleet().await;
    Script::start("first.mjs", &pipeline).await.finish().await;
    Script::start("views.mjs", &pipeline).await.finish().await;
    Script::start("pages.mjs", &pipeline).await.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_found_and_a_link_says_how() {
    let (_database, pipeline) = fleet().await;
    Script::start("finding.mjs", &pipeline).await.finish().await;
}

/// The identity provider is the program's own: it says where it is to be before anybody asks it.
#[tokio::test(flavor = "multi_thread")]
async fn who_may_see_what_logs_in_by_a_token_or_by_an_identity_provider() {
    let issuer = format!("http://127.0.0.1:{}", free_port().unwrap());
    let (_database, pipeline, sql) = service_with(|pipeline| {
        pipeline
            .ingester_setting("http.access", "token")
            .ingester_setting("http.oidc.issuer", issuer.as_str())
            .ingester_setting("http.oidc.client_id", "console")
            .ingester_setting("http.oidc.claim", "team")
            .ingester_setting("http.oidc.tenants.sre", "*")
    })
    .await;
    let fill = "INSERT INTO log.postgres (log_time, error_severity, message, stream, position) \
        VALUES (now(), 'LOG', 'the only row', '00000000-0000-0000-0000-000000000001', 1)";
    sql.batch_execute(fill).await.unwrap();
    let mut script = Script::start("login.mjs", &pipeline).await;
    while let Some(wanted) = script.wants().await {
        let answer = match wanted.as_str() {
            "issuer" => issuer.clone(),
            "token" => {
                let row = sql.query_one("SELECT log.create_token('test', NULL)", &[]).await;
                row.unwrap().get(0)
            }
            "revoke" => {
                sql.batch_execute("UPDATE log.token SET expires_at = now()").await.unwrap();
                String::new()
            }
            other => panic!("{other:?} isn't known"),
        };
        script.done(&answer).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_log_says_does_nothing_to_who_reads_it() {
    let (_database, pipeline, _sql) = service().await;
    let mut sender = Sender::connect(&pipeline.forward_address(), StreamId([7; 16])).await.unwrap();
    let five_megabytes = "0123456789abcdef".repeat(5 << 16);
    let log: String = [
        "<script>alert(1)</script><img src=x onerror=alert(2)>",
        "javascript:alert(3) {{constructor}} ${alert(4)} <svg/onload=alert(5)>",
        "escape \u{1b}[31mred\u{1b}[2J and bell \u{7} and \u{8f}",
        "user \u{202e}nimda\u{202c} and \u{2066}isolated\u{2069}",
        "zero\u{200b}width\u{feff}and\u{2060}soft\u{ad}hyphen",
        "family 👨‍👩‍👧 of one",
        &format!("begin {five_megabytes} end"),
    ]
    .into_iter()
    .enumerate()
    .map(|(second, message)| csvlog_record(u32::try_from(second).unwrap(), "ERROR", message))
    .collect();
    sender.send(log.as_bytes(), 0, 0).await.unwrap();
    sender.answer().await.unwrap();
    Script::start("hostile.mjs", &pipeline).await.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_million_rows_are_scrolled_in_the_memory_of_a_few() {
    let (_database, pipeline, sql) = service().await;
    // By one statement in the server, since nothing here is about how they come in.
    let fill = "INSERT INTO log.postgres (log_time, cluster, pod, error_severity, message, stream, position) \
        SELECT '2026-11-22Z'::timestamptz + i * interval '50 ms', 'orders', 'orders-' || i % 3, \
        (ARRAY['LOG', 'LOG', 'WARNING', 'ERROR'])[1 + i % 4]::log.severity, 'row ' || i, '00000000-0000-0000-0000-000000000001', i \
        FROM generate_series(1, 1000000) AS i";
    sql.batch_execute(&format!("{fill}; SELECT log.recount()")).await.unwrap();
    Script::start("scale.mjs", &pipeline).await.finish().await;
}

/// A log file that grows.
struct Growing {
    sender: Sender,
    log: String,
    records: u32,
}

impl Growing {
    async fn begin(pipeline: &Pipeline) -> Self {
        let sender = Sender::connect(&pipeline.forward_address(), StreamId([3; 16])).await.unwrap();
        Self { sender, log: String::new(), records: 0 }
    }

    /// Sends so many more records, `row 1`, `row 2` …, as many of one second as `per_second` says, and waits until they are stored.
    async fn grow(&mut self, records: u32, per_second: u32) {
        let from = self.log.len();
        for _ in 0..records {
            let (second, message) =
                (self.records / per_second, format!("row {}", self.records + 1));
            self.log += &csvlog_record(second, "LOG", &message);
            self.records += 1;
        }
        self.sender.send(self.log.as_bytes(), from, from).await.unwrap();
        self.sender.answer().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tail_follows_waits_and_goes_on_after_the_service_was_away() {
    let (_database, mut pipeline, _sql) = service().await;
    let mut growing = Growing::begin(&pipeline).await;
    growing.grow(100, 1).await;
    let mut script = Script::start("tail.mjs", &pipeline).await;
    while let Some(wanted) = script.wants().await {
        match wanted.split_once(' ').unwrap_or((&wanted, "")) {
            ("rows", count) => growing.grow(count.parse().unwrap(), 1).await,
            ("late", message) => {
                let address = pipeline.forward_address();
                let mut other = Sender::connect(&address, StreamId([4; 16])).await.unwrap();
                other.send(csvlog_record(50, "WARNING", message).as_bytes(), 0, 0).await.unwrap();
                other.answer().await.unwrap();
            }
            ("stop", _) => pipeline.ingester.take().unwrap().kill9().unwrap(),
            ("start", _) => {
                pipeline.start_ingester().unwrap();
                pipeline.ready().await.unwrap();
                let address = pipeline.forward_address();
                growing.sender = Sender::connect(&address, StreamId([3; 16])).await.unwrap();
            }
            other => panic!("{other:?} isn't known"),
        }
        script.done("done").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tail_keeps_up_with_two_thousand_rows_a_second() {
    let (_database, pipeline, _sql) = service().await;
    let mut growing = Growing::begin(&pipeline).await;
    growing.grow(10, 2_000).await;
    let mut script = Script::start("rate.mjs", &pipeline).await;
    while let Some(wanted) = script.wants().await {
        let seconds: u32 = wanted.strip_prefix("rate ").unwrap().parse().unwrap();
        let mut tick = tokio::time::interval(Duration::from_millis(100));
        for _ in 0..10 * seconds {
            tick.tick().await;
            growing.grow(200, 2_000).await;
        }
        script.done(&growing.records.to_string()).await;
    }
}
