//! Tenants who ask over a hub: each shard's row-level security decides what they see, by the user that the hub's role is mapped to.

use super::*;

/// What a hub needs besides, for an API that takes tokens.
const ACCESS: &str = include_str!("../../../../../sql/migrations/0011_access.sql");

struct Asker<'a> {
    pipeline: &'a Pipeline,
    token: String,
}

impl Asker<'_> {
    async fn get(&self, path: &str) -> (u16, String) {
        let request = reqwest::Client::new().get(self.pipeline.url(path)).bearer_auth(&self.token);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    async fn json(&self, path: &str) -> Value {
        let (status, text) = self.get(path).await;
        assert_eq!(status, 200, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    async fn sql(&self, sql: &str) -> (u16, Value) {
        let request = reqwest::Client::new().post(self.pipeline.url("/api/v1/sql"));
        let request = request.bearer_auth(&self.token).json(&json!({ "sql": sql }));
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_sees_its_clusters_over_a_hub_and_no_others() {
    let (rest, special) = (shard(), shard());
    rest.psql("postgres", "CREATE DATABASE hub").unwrap();
    let shards = json!([
        { "name": "rest", "url": rest.url("logs") },
        { "name": "special", "url": special.url("logs"), "clusters": ["ord*"] },
    ]);
    let mut pipeline = Pipeline::new(&rest.url("hub"), |config| config)
        .unwrap()
        .ingester_setting("shards", shards)
        .ingester_setting("http.access", "token");
    pipeline.start_ingester().unwrap();
    let (directory, forward) = (pipeline.directory().to_owned(), pipeline.forward_address());
    let mut orders = Source::start(&directory, &forward, "orders");
    let mut stock = Source::start(&directory, &forward, "stock");
    let mut bills = Source::start(&directory, &forward, "bills");
    orders.write(300);
    orders.is_alone_in(&special, &pipeline).await;
    stock.write(200);
    stock.is_alone_in(&rest, &pipeline).await;
    bills.write(100);

    make_hub(&rest, [("rest", &rest), ("special", &special)]).await;
    let hub = database::connect(&rest.url("hub")).await.unwrap();
    hub.batch_execute(ACCESS).await.unwrap();
    // A tenant of a cluster on each shard.
    for shard in [&rest, &special] {
        let make = "SELECT log.create_tenant('team', ARRAY['orders', 'bills'], 'shop')";
        shard.psql("logs", make).unwrap();
    }
    hub.batch_execute(
        "SELECT hub.add_reader('team', 'team'), hub.add_reader('trunkline_reader', 'postgres')",
    )
    .await
    .unwrap();
    let token = async |tenant: Option<&str>| -> String {
        let sql = "SELECT log.create_token('test', $1::text::name)";
        hub.query_one(sql, &[&tenant]).await.unwrap().get(0)
    };
    let tenant = Asker { pipeline: &pipeline, token: token(Some("team")).await };
    let everybody = Asker { pipeline: &pipeline, token: token(None).await };
    let count = "SELECT count(*) FROM log.postgres";
    eventually_true("all records to be on the hub", PATIENCE, || async {
        let (_, counted) = everybody.sql(count).await;
        anyhow::ensure!(counted["rows"] == json!([["600"]]), "{counted}");
        Ok(true)
    })
    .await
    .unwrap_or_else(|error| panic!("{error:#}\n{}", pipeline.logs()));

    let since = "from=2026-11-22T00:00:00Z";
    for (asker, rows) in [(&tenant, 400), (&everybody, 600)] {
        let page = asker.json(&format!("/api/v1/logs?{since}&limit=1000")).await;
        assert_eq!(page["rows"].as_array().unwrap().len(), rows);
        let counted = asker.json(&format!("/api/v1/histogram?{since}")).await;
        assert_eq!(counted["total"], rows);
        let of_text = format!("/api/v1/histogram?{since}&text=record");
        assert_eq!(asker.json(&of_text).await["total"], rows);
        // A shard isn't sent what names a collation.
        let explained = asker.json(&format!("{of_text}&explain=1")).await.to_string();
        assert!(explained.contains("(message ILIKE"), "{explained}");
        assert!(!explained.contains("COLLATE"), "{explained}");
        assert_eq!(asker.sql(count).await.1["rows"], json!([[rows.to_string()]]));
    }
    // Nothing of the third is shown or named, wherever it is asked for.
    let theirs = everybody.json(&format!("/api/v1/logs?{since}&cluster=stock&limit=1")).await;
    let theirs = &theirs["rows"][0];
    let place = format!(
        "/api/v1/context?log_time={}&stream={}&position={}",
        theirs["log_time"].as_str().unwrap(),
        theirs["stream"].as_str().unwrap(),
        theirs["position"]
    );
    assert_eq!(everybody.get(&place).await.0, 200);
    for (path, expected) in [
        (format!("/api/v1/logs?{since}&table=all&format=ndjson&limit=all"), 200),
        (format!("/api/v1/logs?{since}&text=record&where=cluster%20%3C%3E%20%27orders%27"), 200),
        (format!("/api/v1/facets?{since}&field=cluster&field=message&limit=1000"), 200),
        (format!("/api/v1/patterns?{since}"), 200),
        ("/api/v1/clusters".to_owned(), 200),
        ("/api/v1/failovers".to_owned(), 200),
        (place, 404),
        ("/api/v1/tail".to_owned(), 404),
    ] {
        let (status, text) = tenant.get(&path).await;
        assert_eq!(status, expected, "{path}: {text}");
        assert!(!text.contains("stock"), "{path}: {text}");
    }
    let (_, watched) = tenant.get("/api/v1/tail").await;
    assert!(watched.contains("hub") && watched.contains("shard"), "{watched}");
    for statement in [
        "SELECT message FROM shard_rest.postgres",
        "SELECT set_config('role', 'trunkline_reader', false), message FROM log.postgres",
        "SELECT umoptions::text FROM pg_user_mappings WHERE umoptions::text LIKE '%password%'",
        "SELECT hub.add_reader('team', 'postgres')",
        "CREATE USER MAPPING FOR team SERVER shard_rest OPTIONS (user 'postgres')",
        "ALTER USER MAPPING FOR team SERVER shard_rest OPTIONS (SET user 'postgres')",
        "SELECT * FROM log.token",
        "SELECT * FROM log.login",
        "SELECT * FROM log.search",
        "SELECT message::int FROM log.postgres WHERE cluster = 'st' || 'ock' OR message > ''",
    ] {
        let (status, answer) = tenant.sql(statement).await;
        let is_nothing = status == 200 && answer["rows"] == json!([]);
        assert!(is_nothing || (400..500).contains(&status), "{statement}: {answer}");
        assert!(!answer.to_string().contains("stock"), "{statement}: {answer}");
    }
}
