//! What an operator gets wrong: one clear line and exit 2, or patience that says what it waits for.

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use trunkline_harness::{
    Binary, CollectorConfig, Durability, IngesterConfig, PostgresServer, Store, free_port,
    wait::eventually_true,
};
use trunkline_it::{PATIENCE, Pipeline, csvlog_record};

/// Runs a command that ends by itself.
fn output(binary: Binary, arguments: &[&str]) -> Output {
    binary.command().unwrap().args(arguments).output().unwrap()
}

/// Runs `run` with this configuration and expects exit 2 and one line that has all of `words`.
#[track_caller]
fn check(binary: Binary, config: &Path, words: &[&str]) {
    let output = output(binary, &["run", "--config", config.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    let last = said.lines().last().unwrap_or_default();
    assert!(words.iter().all(|word| last.contains(word)), "{words:?} in {said}");
    assert_eq!(said.lines().filter(|line| !line.contains(" INFO ")).count(), 1, "{said}");
}

fn collector(directory: &Path) -> CollectorConfig {
    CollectorConfig::new("127.0.0.1:1", &directory.join("state")).unwrap()
}

#[test]
fn a_collector_says_in_one_line_what_is_wrong_with_its_configuration() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let write = |config: CollectorConfig| config.write(at).unwrap();
    check(Binary::Collector, &at.join("absent.toml"), &["absent.toml"]);
    check(Binary::Collector, &write(collector(at)), &["files"]);
    check(Binary::Collector, &write(collector(at).files("/log/[", "csvlog")), &["/log/["]);
    check(Binary::Collector, &write(collector(at).files("/log/*", "cvslog")), &["cvslog"]);
    let zone = collector(at).files_in_zone("/log/*", "csvlog", "Mars/Base");
    check(Binary::Collector, &write(zone), &["Mars/Base"]);
    let unknown = collector(at).files("/log/*", "csvlog").set("tail.spede", 1);
    check(Binary::Collector, &write(unknown), &["spede"]);
    let file = at.join("a-file");
    std::fs::write(&file, "").unwrap();
    let unwritable =
        collector(at).files("/log/*", "csvlog").set("state_dir", file.to_str().unwrap());
    check(Binary::Collector, &write(unwritable), &["a-file", "state_dir"]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let occupied = collector(at).files("/log/*", "csvlog").set("http.listen", taken.as_str());
    check(Binary::Collector, &write(occupied), &[&taken, "http.listen"]);
}

#[test]
fn an_ingester_says_in_one_line_what_is_wrong_with_its_configuration() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let write = |config: IngesterConfig| config.write(at).unwrap();
    let plain = || IngesterConfig::new("postgres://127.0.0.1:1/x").unwrap();
    check(Binary::Ingester, &at.join("absent.toml"), &["absent.toml"]);
    check(
        Binary::Ingester,
        &write(plain().set("database.url", "no url at all")),
        &["database.url"],
    );
    check(Binary::Ingester, &write(plain().set("batch.rwos", 5)), &["rwos"]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for setting in ["http.listen", "forward.listen"] {
        check(Binary::Ingester, &write(plain().set(setting, taken.as_str())), &[&taken, setting]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_will_never_do_is_exit_2() {
    let directory = tempfile::tempdir().unwrap();
    let database = Store::database().await.unwrap();
    let url = database.url().to_owned();
    let check_url = |url: &str, words: &[&str]| {
        let config = IngesterConfig::new(url).unwrap().write(directory.path()).unwrap();
        check(Binary::Ingester, &config, words);
    };
    let absent = url.replace(database.name(), "no_such_database");
    check_url(&absent, &["no_such_database"]);
    let client = database.connect().await.unwrap();
    let migrate = |url: &str| {
        let config = IngesterConfig::new(url).unwrap().write(directory.path()).unwrap();
        output(Binary::Ingester, &["migrate", "--config", config.to_str().unwrap()])
    };
    assert_eq!(migrate(&url).status.code(), Some(0));
    assert_eq!(migrate(&url).status.code(), Some(0), "a second time");
    client
        .batch_execute("INSERT INTO log.migration SELECT 9999, 'from_the_future', checksum FROM log.migration LIMIT 1")
        .await
        .unwrap();
    assert_eq!(migrate(&url).status.code(), Some(2));
    check_url(&url, &["9999"]);
    client.batch_execute("DELETE FROM log.migration WHERE version = 9999").await.unwrap();
    let column = "UPDATE log.migration SET checksum = sha256('other'::bytea) WHERE version = 1";
    let text = "UPDATE log.migration SET checksum = 'other' WHERE version = 1";
    if client.batch_execute(column).await.is_err() {
        client.batch_execute(text).await.unwrap();
    }
    check_url(&url, &["checksum"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_is_waited_for_and_readiness_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let logs = directory.path().join("a.csv");
    std::fs::write(&logs, csvlog_record(1, "LOG", "waited for")).unwrap();
    let port = free_port().unwrap();
    let glob = directory.path().join("*.csv").display().to_string();
    let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
    let mut pipeline = Pipeline::new(&url, |config| config.files(&glob, "csvlog")).unwrap();
    pipeline.start().unwrap();
    eventually_true("readiness to say that the database is away", PATIENCE, || async {
        let answer = reqwest::get(pipeline.url("/health/ready")).await?;
        Ok(answer.status() == 503 && answer.text().await?.contains("database"))
    })
    .await
    .unwrap();
    let alive = reqwest::get(pipeline.url("/health/live")).await.unwrap();
    assert!(alive.status().is_success());
    assert!(pipeline.ingester.as_mut().unwrap().try_wait().unwrap().is_none());
    // It comes where it was waited for.
    let store = PostgresServer::store(Durability::FastAndLoose).unwrap();
    let appearance = tokio::spawn(appear(port, store.port()));
    pipeline.stored(1).await.unwrap();
    appearance.abort();
}

/// Lets a server appear on another port than its own.
async fn appear(from: u16, to: u16) {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", from)).await.unwrap();
    loop {
        let (mut near, _) = listener.accept().await.unwrap();
        tokio::spawn(async move {
            let mut far = tokio::net::TcpStream::connect(("127.0.0.1", to)).await.unwrap();
            let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_glob_that_matches_nothing_yet_is_waited_for_and_readiness_says_so() {
    let database = Store::database().await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let later = directory.path().join("not-yet");
    let glob = later.join("*.csv").display().to_string();
    let mut pipeline =
        Pipeline::new(database.url(), |config| config.files(&glob, "csvlog")).unwrap();
    pipeline.start().unwrap();
    eventually_true("readiness to say that nothing matches", PATIENCE, || async {
        let answer = reqwest::get(pipeline.collector_url("/health/ready")).await?;
        Ok(answer.status() == 503 && answer.text().await?.contains("not-yet"))
    })
    .await
    .unwrap();
    std::fs::create_dir(&later).unwrap();
    let record = csvlog_record(1, "LOG", "late");
    std::fs::write(later.join("a.csv"), &record).unwrap();
    pipeline.stored(record.len() as u64).await.unwrap();
    eventually_true("readiness", PATIENCE, || async {
        Ok(reqwest::get(pipeline.collector_url("/health/ready")).await?.status().is_success())
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_torn_last_record_waits_and_arrives_whole() {
    let database = Store::database().await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.csv");
    let glob = path.display().to_string();
    let (one, two) = (csvlog_record(1, "LOG", "one"), csvlog_record(2, "ERROR", "two\nlines"));
    let (head, tail) = two.split_at(150);
    std::fs::write(&path, format!("{one}{head}")).unwrap();
    let mut pipeline =
        Pipeline::new(database.url(), |config| config.files(&glob, "csvlog")).unwrap();
    pipeline.start().unwrap();
    let client = pipeline.stored(one.len() as u64).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let rows = "SELECT message FROM log.postgres UNION ALL SELECT reason FROM log.rejected";
    assert_eq!(client.query(rows, &[]).await.unwrap().len(), 1);
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    std::io::Write::write_all(&mut file, tail.as_bytes()).unwrap();
    let client = pipeline.stored((one.len() + two.len()) as u64).await.unwrap();
    let rows =
        client.query("SELECT message FROM log.postgres ORDER BY log_time", &[]).await.unwrap();
    assert_eq!(rows[1].get::<_, String>(0), "two\nlines");
}
