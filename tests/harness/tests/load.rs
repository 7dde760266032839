//! The load that tests put on a source server, as its csvlog shows it.

// The helper below panics like the test that calls it.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::time::Duration;

use trunkline_harness::csv_truth::{self, TrueRecord};
use trunkline_harness::load::{self, Extent, OddStatements};
use trunkline_harness::{PostgresServer, StopMode, eventually};

#[tokio::test]
async fn odd_statements_and_pgbench_leave_every_kind_of_record() {
    let settings =
        [("log_statement", "all"), ("log_min_messages", "debug1"), ("log_rotation_size", "1MB")];
    let mut server = PostgresServer::source(&settings).unwrap();
    load::pgbench_init(&server, "postgres", 1).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("pgbench.log");
    let mut pgbench =
        load::pgbench_spawn(&server, "postgres", 2, Extent::Seconds(3), &log).unwrap();

    let mut odd = OddStatements::new(7);
    let large = odd.large(1 << 20);
    let statements: Vec<_> = odd.take(150).chain([large]).collect();
    load::send(&server.url("postgres"), statements).await.unwrap();
    let status = eventually("pgbench's end", Duration::from_secs(60), || {
        let status = pgbench.try_wait();
        async { status }
    });
    assert!(status.await.unwrap().success(), "{}", pgbench.log_tail());
    server.stop(StopMode::Fast).unwrap();

    let mut records: Vec<TrueRecord> = Vec::new();
    let mut files = 0;
    for path in glob(&server) {
        records.extend(csv_truth::read_file(&path).unwrap());
        files += 1;
    }
    let of = |column: &str| -> BTreeSet<String> {
        records
            .iter()
            .map(|r| String::from_utf8_lossy(r.field(column).unwrap()).into_owned())
            .collect()
    };
    assert!(files >= 2, "no rotation: {files} file");
    assert!(of("sql_state_code").len() >= 10, "{:?}", of("sql_state_code"));
    for severity in ["DEBUG", "LOG", "NOTICE", "WARNING", "ERROR", "FATAL"] {
        let severities = of("error_severity");
        assert!(
            severities.iter().any(|s| s.starts_with(severity)),
            "no {severity} in {severities:?}"
        );
    }
    assert!(
        records.iter().any(|r| r.field("query").unwrap().len() > 1 << 20),
        "no large statement"
    );
    assert!(records.iter().filter(|r| r.is_multiline()).count() > 20);
    assert!(of("detail").len() > 2 && of("hint").len() > 2);
}

fn glob(server: &PostgresServer) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(server.log_dir()).unwrap().flatten().map(|entry| entry.path());
    entries.filter(|path| path.extension().is_some_and(|extension| extension == "csv")).collect()
}
