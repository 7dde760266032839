//! One real server that writes the same records in three formats at once.

use std::path::Path;

use tokio_postgres::Client;
use trunkline_harness::load::{self, OddStatements};
use trunkline_harness::{PostgresServer, StopMode, Store};
use trunkline_it::Pipeline;

const STATEMENTS: usize = 150;
const LARGE_STATEMENT: usize = 1 << 20;

/// The formats, with the extension that each one's file has.
const FORMATS: [(&str, &str); 3] = [("csvlog", "csv"), ("jsonlog", "json"), ("stderr", "log")];

/// What a stderr log says whatever its prefix is.
const ALWAYS: [&str; 9] = [
    "error_severity",
    "message",
    "detail",
    "hint",
    "internal_query",
    "internal_query_pos",
    "context",
    "query",
    "query_pos",
];

/// Everything that a prefix can say, compared but for `%l`: the server counts lines for each destination apart. Processes without a session stop at `%q`.
const FULL_PREFIX: &str = "%m [%p] <%b> %P %l %e %c %s %v %x %Q %q%u@%d/%a %r \"%i\" ";
const FULL_COLUMNS: [&str; 15] = [
    "log_time",
    "process_id",
    "backend_type",
    "leader_pid",
    "sql_state_code",
    "session_id",
    "session_start_time",
    "virtual_transaction_id",
    "transaction_id",
    "query_id",
    "user_name",
    "database_name",
    "application_name",
    "connection_from",
    "command_tag",
];

/// Debian's prefix, which is known without being configured.
const DEBIAN_PREFIX: &str = "%m [%p] %q%u@%d ";
const DEBIAN_COLUMNS: [&str; 4] = ["log_time", "process_id", "user_name", "database_name"];

#[tokio::test(flavor = "multi_thread")]
async fn three_verbose_formats_of_one_server_yield_the_same_records() {
    let shared: Vec<&str> = ALWAYS.into_iter().chain(FULL_COLUMNS).chain(["location"]).collect();
    check(FULL_PREFIX, "verbose", Some(FULL_PREFIX), &shared).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_formats_of_one_server_as_debian_sets_it_up_yield_the_same_records() {
    let shared: Vec<&str> = ALWAYS.into_iter().chain(DEBIAN_COLUMNS).collect();
    check(DEBIAN_PREFIX, "default", None, &shared).await;
}

/// Has a server with this `log_line_prefix` and `log_error_verbosity` log odd statements, and compares the rows of the three formats:
/// all columns of csvlog with jsonlog's, and the `shared` ones with stderr's, which the collector is told `configured` of.
async fn check(prefix: &str, verbosity: &str, configured: Option<&str>, shared: &[&str]) {
    let mut source = PostgresServer::source(&[
        ("log_destination", "csvlog,jsonlog,stderr"),
        ("log_line_prefix", prefix),
        ("log_filename", "server.log"),
        ("log_statement", "all"),
        ("log_min_messages", "debug1"),
        // csvlog has a position only where it has the statement; stderr always says it.
        ("log_min_error_statement", "debug5"),
        ("log_error_verbosity", verbosity),
        ("log_rotation_size", "0"),
        ("log_timezone", "Asia/Kathmandu"),
        ("compute_query_id", "on"),
    ])
    .unwrap();
    let mut statements = OddStatements::new(7);
    let large = statements.large(LARGE_STATEMENT);
    let url = source.url("postgres");
    load::send(&url, statements.take(STATEMENTS).chain([large])).await.unwrap();
    source.stop(StopMode::Fast).unwrap();

    let database = Store::database().await.unwrap();
    let directory = source.log_dir();
    let mut pipeline = Pipeline::new(database.url(), |config| {
        FORMATS.into_iter().fold(config, |config, (format, extension)| {
            let glob = directory.join(format!("*.{extension}")).display().to_string();
            // No zone is configured: this one calls itself +0545.
            match configured {
                Some(prefix) if format == "stderr" => {
                    config.files_with(&glob, format, &[("log_line_prefix", prefix)])
                }
                _ => config.files(&glob, format),
            }
        })
    })
    .unwrap();
    pipeline.start().unwrap();
    let client = pipeline.stored(bytes_in(&directory)).await.unwrap();
    let rejected = client.query("SELECT reason FROM log.rejected", &[]).await.unwrap();
    assert!(rejected.is_empty(), "{rejected:?}");

    // Everything but the file and the place in it.
    let all = "to_jsonb(p) - ARRAY['stream', 'position']";
    assert_eq!(differences(&client, all, "json").await, Vec::<String>::new());
    let pairs: Vec<String> =
        shared.iter().map(|column| format!("'{column}', to_jsonb(p)->'{column}'")).collect();
    let shared = format!("jsonb_build_object({})", pairs.join(", "));
    assert_eq!(differences(&client, &shared, "log").await, Vec::<String>::new());
    for (_, extension) in FORMATS {
        let sql = "SELECT count(*), max(length(message)) FROM log.postgres JOIN log.stream USING (stream) \
                   WHERE path LIKE '%.' || $1";
        let row = client.query_one(sql, &[&extension]).await.unwrap();
        let (records, longest): (i64, i32) = (row.get(0), row.get(1));
        assert!(records > STATEMENTS as i64, "only {records} records in .{extension}");
        assert!(longest as usize > LARGE_STATEMENT / 2, "{longest} in .{extension}");
    }
}

/// Some of the records, reduced to `content`, that are in csvlog more often than in another format's files, or less often.
/// Only csvlog tells an empty text from none.
async fn differences(client: &Client, content: &str, extension: &str) -> Vec<String> {
    let filled = format!(
        "({content}) - ARRAY(SELECT key FROM jsonb_each_text({content}) WHERE coalesce(value, '') = '')"
    );
    let records = |extension: &str| {
        format!(
            "SELECT {filled} FROM log.postgres p JOIN log.stream USING (stream) \
             WHERE path LIKE '%.{extension}'"
        )
    };
    let (csv, other) = (records("csv"), records(extension));
    let sql = format!(
        "(SELECT 'only in csv: ' || left(record::text, 1000) FROM ({csv} EXCEPT ALL {other}) AS only_csv (record) ORDER BY record->'log_time', record LIMIT 3) \
         UNION ALL \
         (SELECT 'only in {extension}: ' || left(record::text, 1000) FROM ({other} EXCEPT ALL {csv}) AS only_other (record) ORDER BY record->'log_time', record LIMIT 3)"
    );
    client.query(&sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

/// The sizes of all log files together.
fn bytes_in(directory: &Path) -> u64 {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    entries.map(|entry| entry.metadata().unwrap().len()).sum()
}
