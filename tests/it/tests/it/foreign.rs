//! Other senders than our collector: what they send arrives as they sent it, once, where it belongs.

pub mod clients;
mod containers;
mod wire;

use serde_json::{Value, json};
use tokio_postgres::Client as Sql;
use trunkline_harness::wait::eventually_true;
use trunkline_harness::{Database, Store};
use trunkline_it::{Answer, PATIENCE, Pipeline, Sender, csvlog_record};
use trunkline_record::{
    ChunkBuilder, ChunkLimits, End, Format, LogSettings, Parser, Source, StreamId,
};

use crate::authority::Authority;
use clients::Client;

/// An ingester with these settings.
async fn ingester(settings: &[(&str, Value)]) -> (Database, Pipeline, Sql) {
    let database = Store::database().await.unwrap();
    let mut pipeline = Pipeline::new(database.url(), |config| config).unwrap();
    for (path, value) in settings {
        pipeline = pipeline.ingester_setting(path, value.clone());
    }
    pipeline.start_ingester().unwrap();
    pipeline.ready().await.unwrap();
    let client = pipeline.connect().await.unwrap();
    (database, pipeline, client)
}

/// Waits until so many records are stored or rejected, and looks that there aren't more.
async fn stored(pipeline: &Pipeline, sql: &Sql, records: i64) {
    let count = "SELECT (SELECT count(*) FROM log.postgres) + (SELECT count(*) FROM log.component) \
                 + (SELECT count(*) FROM log.patroni) + (SELECT count(*) FROM log.rejected)";
    eventually_true(&format!("{records} records"), PATIENCE, || async {
        Ok(sql.query_one(count, &[]).await?.get::<_, i64>(0) >= records)
    })
    .await
    .unwrap_or_else(|error| panic!("{error:#}\n{}", pipeline.logs()));
    assert_eq!(sql.query_one(count, &[]).await.unwrap().get::<_, i64>(0), records);
}

/// The rows of a table in the order of their streams, without the columns that are NULL and without those that differ each time.
async fn rows(sql: &Sql, table: &str) -> Vec<Value> {
    let select = format!(
        "SELECT jsonb_strip_nulls(to_jsonb(r) - '{{stream,position,received_at,raw}}'::text[]) \
         FROM log.{table} AS r ORDER BY stream, position"
    );
    let rows = sql.query(&select, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// Values of every kind that JSON has.
fn records() -> Vec<Value> {
    let megabyte = "naïve 🐘\t".repeat(1 << 17);
    vec![
        json!({"message": "plain"}),
        json!({"message": "", "a": null, "b": true, "c": false}),
        json!({"message": "numbers", "n": [0, 1, -1, 127, 128, -32768, 4294967296_i64, 9007199254740991_i64, 0.1, -1.5e-300]}),
        json!({"message": "texts", "quotes": "\"'\\", "lines": "a\nb\r\n\tc", "empty": "", "é": "κόσμε", "𝄞": "\u{1}\u{7f}\u{fffd}"}),
        json!({"message": "nested", "deep": {"a": [{"b": [[], {}, {"c": null}]}]}, "list": [[1], ["x"]]}),
        json!({"message": megabyte, "again": megabyte}),
    ]
}

/// What `records` and the clients' record of special values are in the table, by their messages.
fn expected(special: &Value) -> Vec<(Value, Value)> {
    let mut expected: Vec<_> = records()
        .into_iter()
        .map(|mut record| {
            let message = record.as_object_mut().unwrap().remove("message").unwrap();
            (message, record)
        })
        .collect();
    expected.push((json!("special"), special.clone()));
    expected
}

/// Sends all records by a client and compares the rows with them.
async fn check(
    client: Client,
    address: &str,
    pipeline: &Pipeline,
    sql: &Sql,
    options: Value,
    special: &Value,
) {
    sql.batch_execute("TRUNCATE log.component").await.unwrap();
    let (host, port) = address.split_once(':').unwrap();
    let port: u16 = port.parse().unwrap();
    let orders = json!({"host": host, "port": port, "tag": "test", "options": options, "records": records()});
    client.send(&orders).await;
    let expected = expected(special);
    stored(pipeline, sql, expected.len().try_into().unwrap()).await;
    let mut found = rows(sql, "component").await;
    for (message, extra) in expected {
        let at = found.iter().position(|row| row["message"] == message);
        let at = at.unwrap_or_else(|| panic!("{client:?} {orders}: no {message}"));
        let row = found.swap_remove(at);
        // What a row of JSON leaves out for being NULL would be left out of `extra` too.
        let select = "SELECT coalesce(extra, '{}') FROM log.component WHERE message = $1";
        let stored: Value =
            sql.query_one(select, &[&message.as_str().unwrap()]).await.unwrap().get(0);
        assert!(is_same(&stored, &extra), "{client:?}: {stored} for {extra}");
        assert_eq!(row["component"], "test.app", "{client:?}");
    }
}

/// Whether these are the same values; a client in JavaScript may send a large whole number as a float.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len()
                && one.iter().zip(other).all(|(one, other)| is_same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let is_there = |(key, value): (&String, &Value)| {
                other.get(key).is_some_and(|there| is_same(value, there))
            };
            one.len() == other.len() && one.iter().all(is_there)
        }
        (one, other) => one == other,
    }
}

fn key_and_tls(authority: &str) -> (Value, Value) {
    let security = json!({"clientHostname": "client.test", "sharedKey": "a shared key"});
    (security, json!({"ca": authority, "servername": "ingester.test"}))
}

#[tokio::test(flavor = "multi_thread")]
async fn loggers_of_other_authors_deliver_what_they_were_given() {
    let (_database, pipeline, sql) = ingester(&[]).await;
    let address = pipeline.forward_address();
    // A Buffer has bytes, Node.js' NaN is a float.
    let special = json!({
        "bytes": r"A\xff\x00\\", "nan": "NaN", "infinite": "-Infinity", "nul": r"a\x00b",
        "trunkline_escaped": ["bytes", "nul"],
    });
    for mode in ["Message", "Forward", "PackedForward", "CompressedPackedForward"] {
        for ack in [false, true] {
            let mut options = json!({"eventMode": mode});
            if ack {
                options["ack"] = json!({"ackTimeout": 60_000});
            }
            check(Client::FluentOrg, &address, &pipeline, &sql, options, &special).await;
        }
    }
    for options in [
        json!({}),
        json!({"requireAckResponse": true, "ackResponseTimeout": 60_000}),
        json!({"requireAckResponse": true, "ackResponseTimeout": 60_000, "eventMode": "PackedForward"}),
        json!({"requireAckResponse": true, "ackResponseTimeout": 60_000, "eventMode": "CompressedPackedForward"}),
    ] {
        check(Client::Npm, &address, &pipeline, &sql, options, &special).await;
    }
    for options in [json!({}), json!({"nanosecond_precision": true, "asynchronous": true})] {
        check(Client::Python, &address, &pipeline, &sql, options, &special).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logger_of_other_authors_shakes_hands_over_tls() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let authority = Authority::new();
    authority.write(at);
    authority.issue(at, "server", "ingester.test");
    let path = |name: &str| json!(at.join(name).display().to_string());
    let (_database, pipeline, sql) = ingester(&[
        ("forward.tls.certificate", path("server.pem")),
        ("forward.tls.key", path("server.key")),
        ("forward.credentials", json!([{"name": "loggers", "shared_key": "a shared key"}])),
    ])
    .await;
    let (security, tls) = key_and_tls(&std::fs::read_to_string(at.join("ca.pem")).unwrap());
    let special = json!({
        "bytes": r"A\xff\x00\\", "nan": "NaN", "infinite": "-Infinity", "nul": r"a\x00b",
        "trunkline_escaped": ["bytes", "nul"],
    });
    let options = json!({
        "ack": {"ackTimeout": 60_000}, "security": security, "tls": tls, "eventMode": "CompressedPackedForward",
    });
    let address = pipeline.forward_address();
    check(Client::FluentOrg, &address, &pipeline, &sql, options, &special).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forward_chunk_that_comes_again_is_acknowledged_and_stored_once() {
    let (_database, pipeline, sql) = ingester(&[]).await;
    let address = pipeline.forward_address();
    let records: Vec<_> = (0..50).map(|n| json!({"message": format!("m {n}"), "n": n})).collect();
    let entries = wire::entries(&records);
    let message = wire::gzipped("app.log", &entries, Some("c1"));
    for _ in 0..3 {
        wire::send(&address, &message, "c1").await;
    }
    stored(&pipeline, &sql, 50).await;
    let found = rows(&sql, "component").await;
    let messages: Vec<_> = found.iter().map(|row| row["message"].as_str().unwrap()).collect();
    let sent: Vec<_> = records.iter().map(|record| record["message"].as_str().unwrap()).collect();
    assert_eq!(messages, sent);
    assert_eq!(found[7]["extra"], json!({"n": 7}));
    assert_eq!(found[7]["log_time"], "2026-11-22T22:46:17.001+00:00");
    // Another id, and the same id with another tag, are other forward chunks.
    wire::send(&address, &wire::gzipped("app.log", &entries, Some("c2")), "c2").await;
    wire::send(&address, &wire::gzipped("other", &entries, Some("c1")), "c1").await;
    stored(&pipeline, &sql, 150).await;
    // An empty one is acknowledged too.
    wire::send(&address, &wire::gzipped("app.log", &wire::entries(&[]), Some("c3")), "c3").await;
    let remembered = sql.query_one("SELECT count(*) FROM log.delivered_chunk", &[]).await.unwrap();
    assert_eq!(remembered.get::<_, i64>(0), 3);
    let streams = sql.query_one("SELECT count(*) FROM log.stream", &[]).await.unwrap();
    assert_eq!(streams.get::<_, i64>(0), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_delivered_is_remembered_over_restarts_and_forgotten_when_it_is_old() {
    let (_database, mut pipeline, sql) = ingester(&[]).await;
    let address = pipeline.forward_address();
    // A record that the database refuses: its neighbours are found by halves, each a transaction of its own.
    sql.batch_execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''poison''; END';
         CREATE TRIGGER refuse BEFORE INSERT ON log.component FOR EACH ROW
         WHEN (NEW.message = 'm 7') EXECUTE FUNCTION refuse()",
    )
    .await
    .unwrap();
    let records: Vec<_> = (0..20).map(|n| json!({"message": format!("m {n}")})).collect();
    let message = wire::gzipped("t", &wire::entries(&records), Some("c"));
    wire::send(&address, &message, "c").await;
    stored(&pipeline, &sql, 20).await;
    assert_eq!(rows(&sql, "rejected").await.len(), 1);
    pipeline.ingester.take().unwrap().kill9().unwrap();
    sql.batch_execute(
        "INSERT INTO log.delivered_chunk SELECT gen_random_uuid(), 1, 'old', now() - interval '25 hours' \
         FROM generate_series(1, 25000)",
    )
    .await
    .unwrap();
    pipeline.start_ingester().unwrap();
    pipeline.ready().await.unwrap();
    wire::send(&address, &message, "c").await;
    stored(&pipeline, &sql, 20).await;
    eventually_true("old forward chunks to be forgotten", PATIENCE, || async {
        let rows = sql.query("SELECT tag FROM log.delivered_chunk", &[]).await?;
        Ok(rows.len() == 1 && rows[0].get::<_, String>(0) == "t")
    })
    .await
    .unwrap_or_else(|error| panic!("{error:#}\n{}", pipeline.logs()));
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_and_lines_become_a_servers_records() {
    let routes = json!([
        {"tag": "postgres.<namespace>.<cluster>.<pod>", "container": "patroni", "log_timezone": "Europe/Berlin"},
        {"tag": "raw.**", "format": "none"},
    ]);
    let (_database, pipeline, sql) = ingester(&[("forward.routes", routes)]).await;
    let address = pipeline.forward_address();
    // csvlog's columns as strings, as StackGres has them sent.
    let columns = json!({
        "log_time": "2026-11-22 23:06:32.715 CET", "user_name": "app", "database_name": "shop", "process_id": "4711",
        "session_line_num": "3", "error_severity": "ERROR", "sql_state_code": "42601", "message": "broken\n\"x\"",
        "query": "SELEC 1", "query_pos": "1", "detail": "", "extra_key": 1,
    });
    let message =
        wire::gzipped("postgres.shop.orders.orders-0", &wire::entries(&[columns]), Some("1"));
    wire::send(&address, &message, "1").await;
    stored(&pipeline, &sql, 1).await;
    assert_eq!(
        rows(&sql, "postgres").await,
        [json!({
            "log_time": "2026-11-22T22:06:32.715+00:00", "namespace": "shop", "cluster": "orders", "pod": "orders-0",
            "container": "patroni", "user_name": "app", "database_name": "shop", "process_id": 4711,
            "session_line_num": 3, "error_severity": "ERROR", "sql_state_code": "42601", "message": "broken\n\"x\"",
            "query": "SELEC 1", "query_pos": 1, "extra": {"extra_key": 1},
        })]
    );
    sql.batch_execute("TRUNCATE log.postgres").await.unwrap();

    // A container's lines, of two pods interleaved; a record's lines are spread over entries.
    let csv = csvlog_record(1, "ERROR", "first line\nsecond \"line\"\n\n  third");
    let kubernetes = |pod: &str| {
        json!({"namespace_name": "shop", "pod_name": pod, "container_name": "postgres", "host": "n1",
               "labels": {"cnpg.io/cluster": "orders", "cnpg.io/instanceRole": "primary"}})
    };
    let lines = |pod: &'static str| {
        csv.lines()
            .map(|line| json!({"log": line, "stream": "stderr", "kubernetes": kubernetes(pod)}))
            .chain([json!({"log": "not in any format", "stream": "stdout", "kubernetes": kubernetes(pod)})])
            .collect::<Vec<_>>()
    };
    let mixed: Vec<_> = lines("a").into_iter().zip(lines("b")).flat_map(|(a, b)| [a, b]).collect();
    wire::send(&address, &wire::gzipped("kube.x", &wire::entries(&mixed), Some("2")), "2").await;
    stored(&pipeline, &sql, 4).await;
    let found = rows(&sql, "postgres").await;
    let messages: Vec<_> = found.iter().map(|row| (&row["pod"], &row["message"])).collect();
    let whole = json!("first line\nsecond \"line\"\n\n  third");
    assert_eq!(messages, [(&json!("a"), &whole), (&json!("b"), &whole)]);
    for (key, value) in [
        ("cluster", "orders"),
        ("role", "primary"),
        ("node", "n1"),
        ("container", "postgres"),
        ("error_severity", "ERROR"),
    ] {
        assert_eq!(found[0][key], value, "{key}");
    }
    let found = rows(&sql, "component").await;
    assert_eq!(found[0]["message"], "not in any format");
    assert_eq!(found[0]["log_time"], "2026-11-22T22:46:17.001+00:00");
    assert_eq!(found[1]["pod"], "b");
    sql.batch_execute("TRUNCATE log.postgres, log.component").await.unwrap();

    // By its route nothing is a line.
    let message =
        wire::gzipped("raw.a.b", &wire::entries(&[json!({"log": csv, "k": "v"})]), Some("3"));
    wire::send(&address, &message, "3").await;
    stored(&pipeline, &sql, 1).await;
    let found = rows(&sql, "component").await;
    assert_eq!((&found[0]["message"], &found[0]["extra"]), (&json!(csv), &json!({"k": "v"})));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_claims_a_foreign_namespace_is_rejected_and_its_neighbours_are_stored() {
    let credentials =
        json!([{"name": "shop", "shared_key": "a shared key", "namespaces": ["shop"]}]);
    let (_database, pipeline, sql) = ingester(&[("forward.credentials", credentials)]).await;
    let address = pipeline.forward_address();
    let (host, port) = address.split_once(':').unwrap();
    let record = |namespace: Value| json!({"message": "m", "namespace": namespace});
    let own = record(json!("shop"));
    let orders = json!({
        "host": host, "port": port.parse::<u16>().unwrap(), "tag": "test",
        "options": {"ack": {"ackTimeout": 60_000}, "security": {"clientHostname": "c", "sharedKey": "a shared key"}},
        "records": [own, record(json!("bank")), own],
    });
    Client::FluentOrg.send(&orders).await;
    // The client's own record of special values names no namespace.
    stored(&pipeline, &sql, 4).await;
    let found = rows(&sql, "component").await;
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|row| row["namespace"] == "shop"), "{found:?}");
    let rejected = rows(&sql, "rejected").await;
    let mut reasons: Vec<_> = rejected.iter().map(|row| row["reason"].as_str().unwrap()).collect();
    reasons.sort_unstable();
    assert_eq!(
        reasons,
        [
            r#"credential "shop" may not write namespace """#,
            r#"credential "shop" may not write namespace "bank""#
        ]
    );
    assert!(rejected.iter().all(|row| row.get("namespace").is_none() && row["path"] == "test.app"));
    let raw =
        "SELECT convert_from(raw, 'UTF8')::jsonb FROM log.rejected WHERE reason LIKE '%bank%'";
    assert_eq!(sql.query_one(raw, &[]).await.unwrap().get::<_, Value>(0), record(json!("bank")));
    let metrics = reqwest::get(pipeline.url("/metrics")).await.unwrap().text().await.unwrap();
    assert!(metrics.contains("trunkline_ingester_forbidden_total 2"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_names_no_source_within_its_records() {
    let (_database, pipeline, sql) = ingester(&[]).await;
    let log = csvlog_record(1, "LOG", "m");
    let mut builder = ChunkBuilder::new(ChunkLimits::default());
    builder.set_source(Some(0));
    let mut parser = Parser::new(Format::Csvlog, &LogSettings::default());
    parser.parse(log.as_bytes(), 0, End::Final, &mut builder);
    let chunk = builder.finish(log.len() as u64).unwrap();
    let (stream, mut wire) = (StreamId([1; 16]), Vec::new());
    trunkline_record::message(
        "postgres",
        &stream,
        &Source::default(),
        "p",
        Some(0),
        &chunk,
        &mut wire,
    );
    let mut sender = Sender::connect(&pipeline.forward_address(), stream).await.unwrap();
    sender.send_raw(&wire).await.unwrap();
    assert_eq!(sender.answer().await.unwrap(), Answer::Closed);
    stored(&pipeline, &sql, 0).await;
}
