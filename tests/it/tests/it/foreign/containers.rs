//! What log drivers and agents of container platforms send: pieces of lines, operators' records, pods' labels; and routes that say the table.

use serde_json::{Value, json};
use trunkline_it::csvlog_record;

use super::{ingester, rows, stored, wire};

/// What a row has in these columns.
fn pick(row: &Value, columns: &[&str]) -> Value {
    columns.iter().map(|column| row[column].clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_says_the_table_of_records_that_are_no_lines() {
    let routes = json!([
        {"tag": "patroni.<cluster>", "table": "patroni"},
        {"tag": "app.**", "table": "component"},
        {"tag": "pg.**", "table": "postgres", "pod": "orders-0"},
    ]);
    let (_database, pipeline, sql) = ingester(&[("forward.routes", routes)]).await;
    let address = pipeline.forward_address();
    // By its looks it would be any program's.
    let member = json!({"message": "no action. I am (orders-0), the leader with the lock", "level": "INFO", "loop": 7});
    let message = wire::gzipped("patroni.orders", &wire::entries(&[member]), Some("1"));
    wire::send(&address, &message, "1").await;
    // By its looks it would be a server's.
    let columns = json!({"error_severity": "ERROR", "sql_state_code": "42601", "message": "m", "user_name": "app"});
    let message =
        wire::gzipped("app.orders.web", &wire::entries(std::slice::from_ref(&columns)), Some("2"));
    wire::send(&address, &message, "2").await;
    // One that says too little for a server's is kept where it can be looked at.
    let entries = wire::entries(&[columns, json!({"message": "no severity"})]);
    wire::send(&address, &wire::gzipped("pg.x", &entries, Some("3")), "3").await;
    stored(&pipeline, &sql, 4).await;

    let time = json!("2026-11-22T22:46:17.001+00:00");
    assert_eq!(
        rows(&sql, "patroni").await,
        [json!({
            "log_time": time, "cluster": "orders", "error_severity": "INFO", "extra": {"loop": 7},
            "message": "no action. I am (orders-0), the leader with the lock",
        })]
    );
    assert_eq!(
        rows(&sql, "component").await,
        [json!({
            "log_time": time, "component": "app.orders.web", "error_severity": "ERROR", "message": "m",
            "extra": {"sql_state_code": "42601", "user_name": "app"},
        })]
    );
    assert_eq!(
        rows(&sql, "postgres").await,
        [json!({
            "log_time": time, "pod": "orders-0", "error_severity": "ERROR", "sql_state_code": "42601",
            "message": "m", "user_name": "app",
        })]
    );
    let rejected = rows(&sql, "rejected").await;
    assert_eq!(rejected.len(), 1);
    assert_eq!(rejected[0]["pod"], "orders-0");
    assert!(rejected[0]["reason"].as_str().unwrap().contains("error_severity"), "{rejected:?}");
}

/// What Docker's `fluentd` driver makes of a line that is longer than it takes: pieces, of which all but the last lack the line's end.
fn docker(container: &str, source: &str, line: &str, most: usize) -> Vec<Value> {
    let pieces: Vec<&[u8]> = line.as_bytes().chunks(most).collect();
    let piece = |(at, text): (usize, &&[u8])| {
        let mut record = json!({
            "container_id": format!("{container}{container}"), "container_name": format!("/{container}"),
            "source": source, "log": std::str::from_utf8(text).unwrap(),
        });
        if pieces.len() > 1 {
            record["partial_message"] = json!("true");
            record["partial_id"] = json!(format!("{container}-{source}-1"));
            record["partial_ordinal"] = json!((at + 1).to_string());
            record["partial_last"] = json!((at + 1 == pieces.len()).to_string());
        }
        record
    };
    pieces.iter().enumerate().map(piece).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn pieces_of_dockers_log_driver_are_put_together() {
    let (_database, pipeline, sql) = ingester(&[]).await;
    let long = "a \"long\" one ".repeat(500);
    let csv = csvlog_record(1, "ERROR", &long);
    // Two containers and both outputs of one, piece by piece in turn, as an agent hands them on that gathers them.
    let sources = [
        docker("orders", "stderr", csv.trim_end(), 1_024),
        docker("orders", "stdout", &"out ".repeat(700), 1_024),
        docker("stock", "stderr", &"other ".repeat(500), 1_024),
        docker("stock", "stdout", "short", 1_024),
    ];
    let most = sources.iter().map(Vec::len).max().unwrap();
    let in_turn = (0..most).flat_map(|at| sources.iter().filter_map(move |of| of.get(at).cloned()));
    let entries = wire::entries(&in_turn.collect::<Vec<_>>());
    wire::send(&pipeline.forward_address(), &wire::gzipped("docker", &entries, Some("1")), "1")
        .await;
    stored(&pipeline, &sql, 4).await;
    let found = rows(&sql, "postgres").await;
    assert_eq!(
        pick(&found[0], &["container", "error_severity", "message"]),
        json!(["orders", "ERROR", long])
    );
    assert_eq!(found[0]["extra"]["container_id"], "ordersorders");
    let mut found: Vec<_> = rows(&sql, "component")
        .await
        .iter()
        .map(|row| pick(row, &["container", "message"]).to_string())
        .collect();
    found.sort_unstable();
    let expected = [
        json!(["orders", "out ".repeat(700)]),
        json!(["stock", "other ".repeat(500)]),
        json!(["stock", "short"]),
    ];
    assert_eq!(found, expected.map(|row| row.to_string()));
}

#[tokio::test(flavor = "multi_thread")]
async fn cloudnative_pgs_records_are_a_servers_as_lines_and_as_members() {
    let (_database, pipeline, sql) = ingester(&[]).await;
    let record = json!({
        "level": "info", "ts": "2026-11-22T22:06:32.8Z", "logger": "postgres", "msg": "record", "logging_pod": "orders-1",
        "record": {
            "log_time": "2026-11-22 22:06:32.715 UTC", "user_name": "app", "database_name": "shop", "process_id": "4711",
            "session_line_num": "3", "error_severity": "ERROR", "sql_state_code": "42601", "message": "broken\n\"x\"",
            "query": "SELEC 1", "query_pos": "1", "backend_type": "client backend",
        },
    });
    let manager = json!({"level": "info", "ts": "2026-11-22T22:06:33Z", "logger": "instance-manager", "msg": "Reloading", "logging_pod": "orders-1"});
    let kubernetes = json!({
        "namespace_name": "shop", "pod_name": "orders-1", "container_name": "postgres", "host": "n1",
        "labels": {"cnpg.io/cluster": "orders", "cnpg.io/instanceRole": "replica"},
    });
    let as_line = |record: &Value| json!({"log": record.to_string(), "stream": "stdout", "logtag": "F", "kubernetes": kubernetes});
    // As the filter's merging of JSON leaves it.
    let as_members = |record: &Value| {
        let mut merged = record.clone();
        merged["kubernetes"] = kubernetes.clone();
        merged
    };
    let all = [as_line(&record), as_line(&manager), as_members(&record), as_members(&manager)];
    wire::send(
        &pipeline.forward_address(),
        &wire::gzipped("kube.orders", &wire::entries(&all), Some("1")),
        "1",
    )
    .await;
    stored(&pipeline, &sql, 4).await;
    for row in rows(&sql, "postgres").await {
        let mut row = row;
        let extra = row.as_object_mut().unwrap().remove("extra").unwrap();
        assert_eq!(extra["kubernetes"], json!({"labels": kubernetes["labels"]}));
        assert_eq!(
            row,
            json!({
                "log_time": "2026-11-22T22:06:32.715+00:00", "namespace": "shop", "cluster": "orders", "pod": "orders-1",
                "container": "postgres", "node": "n1", "role": "replica", "user_name": "app", "database_name": "shop",
                "process_id": 4711, "session_line_num": 3, "error_severity": "ERROR", "sql_state_code": "42601",
                "message": "broken\n\"x\"", "query": "SELEC 1", "query_pos": 1, "backend_type": "client backend",
            })
        );
    }
    assert_eq!(rows(&sql, "postgres").await.len(), 2);
    for row in rows(&sql, "component").await {
        assert_eq!(
            pick(&row, &["pod", "component", "error_severity", "message"]),
            json!(["orders-1", "instance-manager", "INFO", "Reloading"])
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_kubernetes_filter_knows_becomes_the_source_and_the_rest_is_kept() {
    let (_database, pipeline, sql) = ingester(&[]).await;
    let record = |text: &str, labels: Value| {
        json!({
            "log": text, "stream": "stdout", "_p": "F", "time": "2026-11-22T22:00:00Z",
            "kubernetes": {
                "namespace_name": "shop", "pod_name": "orders-0", "container_name": "postgres", "host": "n1",
                "container_image": "postgres:17", "labels": labels, "annotations": {"team": "data"},
            },
        })
    };
    let labels = [
        json!({"stackgres.io/cluster-name": "orders", "role": "master"}),
        json!({"cluster-name": "orders", "spilo-role": "replica"}),
        json!({"postgres-operator.crunchydata.com/cluster": "stock", "postgres-operator.crunchydata.com/role": "primary"}),
        json!({"app": "nobody's"}),
    ];
    let records: Vec<_> = labels.iter().map(|labels| record("a line", labels.clone())).collect();
    wire::send(
        &pipeline.forward_address(),
        &wire::gzipped("kube.x", &wire::entries(&records), Some("1")),
        "1",
    )
    .await;
    stored(&pipeline, &sql, 4).await;
    let found = rows(&sql, "component").await;
    let source = ["namespace", "cluster", "pod", "container", "node", "role"];
    let expected = [("orders", "primary"), ("orders", "replica"), ("stock", "primary")];
    for (row, (cluster, role)) in found.iter().zip(expected) {
        assert_eq!(
            pick(row, &source),
            json!(["shop", cluster, "orders-0", "postgres", "n1", role])
        );
    }
    assert_eq!(pick(&found[3], &source), json!(["shop", null, "orders-0", "postgres", "n1", null]));
    for (row, labels) in found.iter().zip(&labels) {
        assert_eq!(row["message"], "a line");
        let kept = json!({"container_image": "postgres:17", "labels": labels, "annotations": {"team": "data"}});
        assert_eq!(row["extra"], json!({"kubernetes": kept, "time": "2026-11-22T22:00:00Z"}));
    }
}
