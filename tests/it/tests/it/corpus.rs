//! Logs of real servers through the whole pipeline: counts as independent readers found them, every text byte for byte.

use std::collections::BTreeMap;

use tokio_postgres::Client;
use trunkline_harness::{Corpus, Fixture, Store, csv_truth};
use trunkline_it::Pipeline;

/// The columns that hold text, in csvlog's order; the others are compared by their text form below.
pub const TEXTS: [&str; 16] = [
    "user_name",
    "database_name",
    "connection_from",
    "session_id",
    "command_tag",
    "virtual_transaction_id",
    "sql_state_code",
    "message",
    "detail",
    "hint",
    "internal_query",
    "context",
    "query",
    "location",
    "application_name",
    "backend_type",
];
pub const NUMBERS: [&str; 7] = [
    "process_id",
    "session_line_num",
    "transaction_id",
    "internal_query_pos",
    "query_pos",
    "leader_pid",
    "query_id",
];

#[tokio::test(flavor = "multi_thread")]
async fn jsonlog_arrives_with_its_counts_and_says_what_csvlog_says() {
    let corpus = Corpus::all().unwrap();
    let json = corpus.files("jsonlog");
    assert!(!json.is_empty(), "no jsonlog files");
    let directory = tempfile::tempdir().unwrap();
    let mut sections: BTreeMap<(String, &str), String> = BTreeMap::new();
    let mut paths = Vec::new();
    let mut bytes = 0;
    let folder = |fixture: &Fixture| fixture.path.rsplit_once('/').unwrap().0.to_owned();
    let folders: Vec<String> = json.iter().map(folder).collect();
    let csv = corpus.files("csvlog").into_iter().filter(|csv| folders.contains(&folder(csv)));
    for fixture in json.iter().cloned().chain(csv) {
        let path = fixture.unpack_into(directory.path()).unwrap();
        let extension = if fixture.expected.format == "jsonlog" { "json" } else { "csv" };
        let glob = path.with_file_name(format!("*.{extension}")).display().to_string();
        let format = if extension == "json" { "jsonlog" } else { "csvlog" };
        sections.insert((glob, format), fixture.expected.log_timezone.clone().unwrap());
        bytes += fixture.expected.bytes;
        paths.push(path.display().to_string());
    }
    let database = Store::database().await.unwrap();
    let mut pipeline = Pipeline::new(database.url(), |config| {
        sections
            .iter()
            .fold(config, |config, ((glob, format), zone)| config.files_in_zone(glob, format, zone))
    })
    .unwrap();
    pipeline.start().unwrap();
    let client = pipeline.stored(bytes).await.unwrap();

    let rejected: i64 =
        client.query_one("SELECT count(*) FROM log.rejected", &[]).await.unwrap().get(0);
    assert_eq!(rejected, 0);
    for (fixture, path) in json.iter().zip(&paths) {
        let mut fixture = fixture.clone();
        // jsonlog leaves success out.
        if let Some(success) = fixture.expected.by_sqlstate.remove("(absent)") {
            fixture.expected.by_sqlstate.insert("00000".to_owned(), success);
        }
        counts(&client, &fixture, path).await;
    }
    // Record by record beside the csvlog of the same server. jsonlog leaves empty texts out.
    let texts = TEXTS.map(|column| format!("coalesce(c.{column}, '') = coalesce(j.{column}, '')"));
    let others = NUMBERS.iter().chain(&["log_time", "session_start_time", "error_severity"]);
    let others: Vec<_> =
        others.map(|column| format!("c.{column} IS NOT DISTINCT FROM j.{column}")).collect();
    let compare = format!(
        "WITH record AS (SELECT regexp_replace(path, '[^/]*$', '') AS folder, path, p.* \
         FROM log.postgres p JOIN log.stream USING (stream)) \
         SELECT count(*), count(*) FILTER (WHERE {} AND {}) \
         FROM record c JOIN record j USING (folder, session_id, session_line_num) \
         WHERE c.path LIKE '%.csv' AND j.path LIKE '%.json'",
        texts.join(" AND "),
        others.join(" AND ")
    );
    client
        .batch_execute("ANALYZE log.postgres, log.stream; SET enable_nestloop = off")
        .await
        .unwrap();
    let row = client.query_one(&compare, &[]).await.unwrap();
    let (both, equal): (i64, i64) = (row.get(0), row.get(1));
    assert!(both > 1000, "only {both} records are in both");
    assert_eq!(equal, both);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_csvlog_of_the_corpus_arrives_with_its_counts_and_every_byte() {
    let fixtures = Corpus::all().unwrap().files("csvlog");
    assert!(fixtures.len() > 20, "only {} csvlog files", fixtures.len());
    let directory = tempfile::tempdir().unwrap();
    let mut zones: BTreeMap<String, String> = BTreeMap::new();
    let mut paths = Vec::new();
    for fixture in &fixtures {
        let path = fixture.unpack_into(directory.path()).unwrap();
        let glob = path.with_file_name("*.csv").display().to_string();
        zones.insert(glob, fixture.expected.log_timezone.clone().unwrap());
        paths.push(path.display().to_string());
    }
    let database = Store::database().await.unwrap();
    let mut pipeline = Pipeline::new(database.url(), |config| {
        zones.iter().fold(config, |config, (glob, zone)| config.files_in_zone(glob, "csvlog", zone))
    })
    .unwrap();
    pipeline.start().unwrap();
    let bytes = fixtures.iter().map(|fixture| fixture.expected.bytes).sum();
    let client = pipeline.stored(bytes).await.unwrap();

    let rejected: i64 =
        client.query_one("SELECT count(*) FROM log.rejected", &[]).await.unwrap().get(0);
    assert_eq!(rejected, 0);
    let twice = "SELECT count(*) - count(DISTINCT (stream, position)) FROM log.postgres";
    assert_eq!(client.query_one(twice, &[]).await.unwrap().get::<_, i64>(0), 0);
    let records: u64 = fixtures.iter().map(|fixture| fixture.expected.records.unwrap()).sum();
    let rows: i64 =
        client.query_one("SELECT count(*) FROM log.postgres", &[]).await.unwrap().get(0);
    assert_eq!(rows, i64::try_from(records).unwrap());
    for (fixture, path) in fixtures.iter().zip(&paths) {
        counts(&client, fixture, path).await;
        every_byte(&client, fixture, path).await;
    }
}

/// Compares a file's counts with what `expected.json` says.
pub async fn counts(client: &Client, fixture: &Fixture, path: &str) {
    let expected = &fixture.expected;
    let groups = |column: &str| {
        format!(
            "SELECT {column}::text, count(*) FROM log.postgres JOIN log.stream USING (stream) WHERE path = $1 GROUP BY 1"
        )
    };
    for (column, expected) in
        [("error_severity", &expected.by_severity), ("sql_state_code", &expected.by_sqlstate)]
    {
        let rows = client.query(&groups(column), &[&path]).await.unwrap();
        let counted: BTreeMap<String, u64> =
            rows.iter().map(|row| (row.get(0), row.get::<_, i64>(1).cast_unsigned())).collect();
        assert_eq!(&counted, expected, "{column} of {path}");
    }
    let multiline = format!(
        "SELECT count(*), min(log_time)::text, max(log_time)::text FROM log.postgres p JOIN log.stream USING (stream) \
         WHERE path = $1 AND concat({}) LIKE E'%\\n%'",
        TEXTS.map(|column| format!("p.{column}")).join(", ")
    );
    let row = client.query_one(&multiline, &[&path]).await.unwrap();
    assert_eq!(
        Some(row.get::<_, i64>(0).cast_unsigned()),
        expected.multiline_records,
        "multi-line of {path}"
    );
    let times = "SELECT to_char(min(log_time) AT TIME ZONE 'UTC', $2), to_char(max(log_time) AT TIME ZONE 'UTC', $2) \
                 FROM log.postgres JOIN log.stream USING (stream) WHERE path = $1";
    let row = client.query_one(times, &[&path, &r#"YYYY-MM-DD"T"HH24:MI:SS.MS"Z""#]).await.unwrap();
    let (least, greatest): (Option<String>, Option<String>) = (row.get(0), row.get(1));
    assert_eq!(
        (least, greatest),
        (expected.min_utc.clone(), expected.max_utc.clone()),
        "times of {path}"
    );
}

/// Compares each field of each record with what another reader finds at the same place of the file.
pub async fn every_byte(client: &Client, fixture: &Fixture, path: &str) {
    let truth = csv_truth::read(&fixture.bytes().unwrap()).unwrap();
    let numbers = NUMBERS.map(|column| format!("{column}::text")).join(", ");
    let sql = format!(
        "SELECT p.position, escaped, {}, {numbers} FROM log.postgres p JOIN log.stream USING (stream) \
         WHERE path = $1 ORDER BY p.position",
        TEXTS.map(|column| format!("p.{column}")).join(", ")
    );
    let rows = client.query(&sql, &[&path]).await.unwrap();
    assert_eq!(rows.len(), truth.len(), "records of {path}");
    for (row, record) in rows.iter().zip(&truth) {
        let at = row.get::<_, i64>(0).cast_unsigned();
        assert_eq!(at, record.position, "{path}");
        assert_eq!(row.get::<_, Option<Vec<String>>>(1), None, "{path} at {at}: escaped");
        for (place, column) in TEXTS.iter().chain(&NUMBERS).enumerate() {
            let stored: Option<&str> = row.get(place + 2);
            let written = record.field(column);
            assert!(
                csv_truth::same_text(stored, written),
                "{path} at {at}: {column} is {stored:?}, the server wrote {:?}",
                written.map(String::from_utf8_lossy)
            );
        }
    }
}
