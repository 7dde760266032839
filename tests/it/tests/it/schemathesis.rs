//! The API against its own description, asked by Schemathesis: whatever can be asked, and much that can't, is answered as `/openapi.json`
//! says, and never by a failure of the service.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use trunkline_harness::{Corpus, Database, Store};
use trunkline_it::{PATIENCE, Pipeline};

use crate::foreign::clients::python;

/// What an answer must be, and what becomes of what can't be asked. Not among them is that all that fits a schema is taken: a moment, a
/// regular expression or SQL is a text to the schema.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
                      response_schema_conformance,negative_data_rejection,unsupported_method,allow_header_conformance,\
                      use_after_free,ensure_resource_availability";
/// Of each operation, besides those that Schemathesis makes of each parameter's bounds; and enough for a run below a minute.
const EXAMPLES: &str = "100";

/// Whoever doesn't say who it is, or says it wrongly, is refused wherever the description says so.
const CHECKS_OF_ACCESS: &str = "ignored_auth";

/// A service with rows in each of the tables, which real servers wrote, but for what is rejected.
async fn filled(change: impl FnOnce(Pipeline) -> Pipeline) -> (Pipeline, Database) {
    let database = Store::database().await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let corpus = Corpus::all().unwrap();
    let broken = directory.path().join("broken.csv");
    fs::write(&broken, "no csvlog\n").unwrap();
    let mut bytes = 10;
    let mut pipeline = Pipeline::new(database.url(), |mut config| {
        for (format, name) in [("csvlog", "csvlog"), ("patroni-text", "patroni"), ("cri", "cri")] {
            for fixture in corpus.files(format).iter().take(3) {
                let path = fixture.unpack_into(directory.path()).unwrap();
                bytes += fixture.expected.bytes;
                config = config.files(&path.display().to_string(), name);
            }
        }
        config.files(&broken.display().to_string(), "csvlog")
    })
    .unwrap();
    pipeline = change(pipeline);
    pipeline.start().unwrap();
    let client = pipeline.stored(bytes).await.unwrap();
    for table in ["postgres", "patroni", "component", "rejected"] {
        let count = format!("SELECT count(*) FROM log.{table}");
        assert!(client.query_one(&count, &[]).await.unwrap().get::<_, i64>(0) > 0, "{table}");
    }
    (pipeline, database)
}

/// Schemathesis' own settings: `/context` is about a row that exists, which can't be guessed.
async fn configure(pipeline: &Pipeline, directory: &Path, token: Option<&str>) {
    let page = reqwest::Client::new().get(pipeline.url("/api/v1/logs?limit=1"));
    let page = page.bearer_auth(token.unwrap_or_default()).send().await.unwrap();
    let row = page.json::<Value>().await.unwrap()["rows"][0].take();
    let config = format!(
        "[[operations]]\ninclude-path = \"/api/v1/context\"\n\
         parameters = {{ log_time = {}, stream = {}, position = {} }}\n",
        row["log_time"], row["stream"], row["position"]
    );
    fs::write(directory.join("schemathesis.toml"), config).unwrap();
}

/// Has Schemathesis ask, so many examples of each operation and whatever else these phases try, by this token.
async fn ask(
    pipeline: &Pipeline,
    token: Option<&str>,
    checks: &str,
    (phases, examples): (&str, &str),
) {
    let directory = tempfile::tempdir().unwrap();
    configure(pipeline, directory.path(), token).await;
    let header =
        token.map(|token| ["--header".to_owned(), format!("Authorization: Bearer {token}")]);
    let installed = tokio::task::spawn_blocking(|| python("schemathesis.txt")).await.unwrap();
    let run = tokio::process::Command::new(installed.join("bin/schemathesis"))
        .arg("run")
        .arg(pipeline.url("/openapi.json"))
        // It has no end.
        .args(["--exclude-path", "/api/v1/tail"])
        .args(["--checks", checks, "--phases", phases, "--max-examples", examples])
        .args(["--seed", "1"])
        .args(header.iter().flatten())
        // What it is about isn't how long an answer takes.
        .args(["--request-timeout", "60"])
        .args(["--generation-database", "none", "--suppress-health-check", "all"])
        .args(["--continue-on-failure", "--no-color", "--warnings", "off"])
        .current_dir(directory.path())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let run = tokio::time::timeout(4 * PATIENCE, run).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{said}\n{}", String::from_utf8_lossy(&run.stderr));
    println!("{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_schemathesis_asks_is_answered_as_described() {
    let (pipeline, _database) = filled(|pipeline| pipeline).await;
    ask(&pipeline, None, CHECKS, ("examples,coverage,fuzzing,stateful", EXAMPLES)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_is_what_it_asks_as_a_tenant() {
    let (pipeline, database) = filled(|pipeline| {
        let pipeline = pipeline.ingester_setting("http.access", "token");
        // What it is about isn't how often something may be asked.
        pipeline
            .ingester_setting("http.limits.requests", 100_000)
            .ingester_setting("http.limits.statements", 1_000)
    })
    .await;
    let client = database.connect().await.unwrap();
    let tenant = format!("{}_tenant", database.name());
    let make = "SELECT log.create_tenant($1::text::name, ARRAY['orders'], 'test')";
    client.execute(make, &[&tenant]).await.unwrap();
    let make = "SELECT log.create_token('test', $1::text::name)";
    let token: String = client.query_one(make, &[&tenant]).await.unwrap().get(0);
    let described = reqwest::get(pipeline.url("/openapi.json")).await.unwrap();
    let described = described.json::<Value>().await.unwrap();
    let scheme = &described["components"]["securitySchemes"]["bearer"];
    assert_eq!((&scheme["type"], &scheme["scheme"]), (&"http".into(), &"bearer".into()));
    for (path, item) in described["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let answers = &operation["responses"];
            assert!(answers["401"].is_object() && answers["403"].is_object(), "{method} {path}");
        }
    }
    let checks = format!("{CHECKS},{CHECKS_OF_ACCESS}");
    // What is asked without a token is asked again.
    ask(&pipeline, Some(&token), &checks, ("examples,fuzzing", "25")).await;
    drop(pipeline);
    client.execute("SELECT log.drop_tenant($1::text::name)", &[&tenant]).await.unwrap();
}
