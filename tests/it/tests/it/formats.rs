//! One real server that writes the same records in two formats at once.

use trunkline_harness::load::{self, OddStatements};
use trunkline_harness::{PostgresServer, StopMode, Store};
use trunkline_it::Pipeline;

const STATEMENTS: usize = 150;
const LARGE_STATEMENT: usize = 1 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn csvlog_and_jsonlog_of_one_server_yield_the_same_records() {
    let mut source = PostgresServer::source(&[
        ("log_destination", "csvlog,jsonlog"),
        ("log_statement", "all"),
        ("log_min_messages", "debug1"),
        ("log_error_verbosity", "verbose"),
        ("log_rotation_size", "0"),
        ("log_timezone", "Asia/Kathmandu"),
    ])
    .unwrap();
    let mut statements = OddStatements::new(7);
    let large = statements.large(LARGE_STATEMENT);
    let url = source.url("postgres");
    load::send(&url, statements.take(STATEMENTS).chain([large])).await.unwrap();
    source.stop(StopMode::Fast).unwrap();

    let database = Store::database().await.unwrap();
    let directory = source.log_dir();
    let glob = |extension: &str| directory.join(format!("*.{extension}")).display().to_string();
    let mut pipeline = Pipeline::new(database.url(), |config| {
        // No zone is configured: this one calls itself +0545.
        config.files(&glob("csv"), "csvlog").files(&glob("json"), "jsonlog")
    })
    .unwrap();
    pipeline.start().unwrap();
    let bytes = std::fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().extension().is_some_and(|extension| extension != "log"))
        .map(|entry| entry.metadata().unwrap().len())
        .sum();
    let client = pipeline.stored(bytes).await.unwrap();
    let rejected = client.query("SELECT reason FROM log.rejected", &[]).await.unwrap();
    assert!(rejected.is_empty(), "{rejected:?}");

    // Everything but the file and the place in it; jsonlog leaves empty texts out.
    let strip = "(to_jsonb(p) - ARRAY['stream', 'position']) - \
                 ARRAY(SELECT key FROM jsonb_each_text(to_jsonb(p)) WHERE coalesce(value, '') = '')";
    let sql = format!(
        "WITH record AS (SELECT path LIKE '%.json' AS json, {strip} AS content \
         FROM log.postgres p JOIN log.stream USING (stream)) \
         SELECT (SELECT count(*) FROM record WHERE json), (SELECT count(*) FROM record WHERE NOT json), \
         (SELECT string_agg(content::text, E'\\n') FROM (SELECT content FROM record WHERE json \
          EXCEPT ALL SELECT content FROM record WHERE NOT json LIMIT 3) only_json)"
    );
    let row = client.query_one(&sql, &[]).await.unwrap();
    let (json, csv, only_json): (i64, i64, Option<String>) = (row.get(0), row.get(1), row.get(2));
    assert!(json > STATEMENTS as i64, "only {json} records");
    assert_eq!((json, only_json), (csv, None));
    let longest = "SELECT max(length(message)) FROM log.postgres";
    let longest: i32 = client.query_one(longest, &[]).await.unwrap().get(0);
    assert!(longest as usize > LARGE_STATEMENT / 2, "{longest}");
}
