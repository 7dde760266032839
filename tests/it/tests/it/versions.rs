//! The whole life of a record on other versions of PostgreSQL and TimescaleDB than all other tests have, the oldest and the newest, with
//! TRUNKLINE_LONG; without it on the usual one, so that this test itself is kept right.

use trunkline_harness::{Durability, Installation, PostgresServer, Settings, database};
use trunkline_it::{Pipeline, csvlog_record};

#[tokio::test(flavor = "multi_thread")]
async fn records_are_stored_sealed_shown_to_tenants_and_removed() {
    let long = std::env::var_os("TRUNKLINE_LONG").is_some();
    let servers = tokio::task::spawn_blocking(move || {
        let installations = if long {
            Installation::oldest_and_newest().unwrap().into()
        } else {
            vec![Installation::find(true).unwrap()]
        };
        let settings = Settings::store(Durability::FastAndLoose);
        installations
            .into_iter()
            .map(|installation| PostgresServer::start_from(installation, &settings).unwrap())
            .collect::<Vec<_>>()
    })
    .await
    .unwrap();
    for server in servers {
        println!("{}", server.psql("postgres", "SELECT version()").unwrap().trim());
        live(&server).await;
    }
}

async fn live(server: &PostgresServer) {
    server.psql("postgres", "CREATE DATABASE logs TEMPLATE template0 ENCODING 'UTF8'").unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("server.csv");
    let log: String =
        (0..100).map(|second| csvlog_record(second, "LOG", &format!("record {second}"))).collect();
    std::fs::write(&path, &log).unwrap();
    let glob = path.display().to_string();
    let mut pipeline =
        Pipeline::new(&server.url("logs"), |config| config.files(&glob, "csvlog")).unwrap();
    pipeline.start().unwrap();
    let client = pipeline.stored(log.len() as u64).await.unwrap();

    for row in
        client.query("SELECT statement FROM log.unsealed('2099-01-01', '0')", &[]).await.unwrap()
    {
        client.batch_execute(row.get(0)).await.unwrap();
    }
    let number = async |sql: &str| client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0);
    assert_eq!(number("SELECT count(*) FROM log.chunk_status WHERE is_sealed AND hypertable = 'log.postgres'::regclass").await, 1);
    client.batch_execute("SELECT log.create_tenant('mine', ARRAY['orders'], 'test'), log.create_tenant('other', ARRAY['stock'], 'test')").await.unwrap();
    for (tenant, rows) in [("mine", 100), ("other", 0)] {
        let tenant =
            database::connect(&server.url("logs").replace("postgres@", &format!("{tenant}@")))
                .await
                .unwrap();
        let seen = tenant
            .query("SELECT FROM log.postgres WHERE message ILIKE '%record%'", &[])
            .await
            .unwrap();
        assert_eq!(seen.len(), rows);
        let chunk: String = client
            .query_one("SELECT chunk::text FROM log.chunk_status WHERE is_sealed LIMIT 1", &[])
            .await
            .unwrap()
            .get(0);
        assert!(tenant.query(&format!("SELECT FROM {chunk}"), &[]).await.is_err());
    }
    client.batch_execute("UPDATE log.retention SET max_age = '1 day'").await.unwrap();
    let planned = number("SELECT count(*) FROM log.retention_plan('2099-01-01')").await;
    assert!(planned >= 2, "{planned}");
    client.batch_execute("CALL log.apply_retention('2099-01-01')").await.unwrap();
    assert_eq!(number("SELECT count(*) FROM log.removed WHERE error IS NULL").await, planned);
    assert_eq!(number("SELECT count(*) FROM log.postgres").await, 0);
}
