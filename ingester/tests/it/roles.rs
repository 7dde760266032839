//! The service by roles that may do no more than their work.

use tokio_postgres::Client;
use trunkline_harness::{Database, Store};
use trunkline_ingester::config::Config;
use trunkline_ingester::store::{self, DatabaseUrl, Pool, migrate};

use trunkline_record::StreamId;

use crate::sender::{Sender, chunks, record};
use crate::service::{Service, eventually, number};

/// Roles that log in, one of each kind, gone at the end.
struct Logins {
    client: Client,
    names: [String; 2],
}

impl Logins {
    async fn make(database: &Database) -> Self {
        let url: DatabaseUrl = database.url().parse().unwrap();
        migrate(&Pool::for_writers(&store::Config::default(), &url)).await.unwrap();
        let client = database.connect().await.unwrap();
        let names = ["writer", "reader"].map(|kind| format!("{}_{kind}", database.name()));
        let [writer, reader] = &names;
        client
            .batch_execute(&format!(
                "CREATE ROLE {writer} LOGIN BYPASSRLS PASSWORD 'x' IN ROLE trunkline_writer; \
                 CREATE ROLE {reader} LOGIN PASSWORD 'x' IN ROLE trunkline_reader"
            ))
            .await
            .unwrap();
        Self { client, names }
    }

    async fn drop(self) {
        for name in &self.names {
            self.client
                .batch_execute(&format!("DROP OWNED BY {name}; DROP ROLE {name}"))
                .await
                .unwrap();
        }
    }
}

fn url_of(database: &Database, role: &str) -> DatabaseUrl {
    let rest = database.url().split_once('@').unwrap().1;
    format!("postgres://{role}:x@{rest}").parse().unwrap()
}

async fn stores_and_answers(service: &Service, client: &Client) {
    let log = record(1, "LOG", "by a writer") + "garbage\n" + &record(2, "LOG", "again");
    Sender::deliver(service.forward, StreamId([1; 16]), &chunks(log.as_bytes(), usize::MAX), 1)
        .await;
    assert_eq!(number(client, "SELECT count(*) FROM log.postgres").await, 2);
    assert_eq!(number(client, "SELECT count(*) FROM log.rejected").await, 1);
    let page = reqwest::get(service.url("/api/v1/logs?from=2020-01-01T00:00:00Z")).await.unwrap();
    assert!(page.text().await.unwrap().contains("by a writer"));
}

#[tokio::test(flavor = "multi_thread")]
async fn storing_answering_and_looking_after_the_tables_are_three_roles() {
    let database = Store::database().await.unwrap();
    let logins = Logins::make(&database).await;
    let [writer, reader] = logins.names.clone().map(|role| url_of(&database, &role));
    let change = |config: &mut Config| {
        config.database.owner_url = config.database.url.take();
        config.database.url = Some(writer);
        config.database.reader_url = Some(reader);
    };
    let service = Service::start(&database, change).await;
    stores_and_answers(&service, &logins.client).await;
    eventually("a leader", async || service.metric("lifecycle_leader").await == 1.0).await;
    let users = "SELECT count(DISTINCT usename) FROM pg_stat_activity \
                 WHERE datname = current_database() AND application_name = 'trunkline-ingester'";
    assert_eq!(number(&logins.client, users).await, 3);
    service.stopped().await;
    logins.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_alone_stores_and_leaves_the_tables_to_others() {
    let database = Store::database().await.unwrap();
    let logins = Logins::make(&database).await;
    let [writer, reader] = logins.names.clone().map(|role| url_of(&database, &role));
    let change = |config: &mut Config| {
        config.database.url = Some(writer);
        config.database.reader_url = Some(reader);
    };
    let service = Service::start(&database, change).await;
    stores_and_answers(&service, &logins.client).await;
    assert_eq!(service.metric("lifecycle_leader").await, 0.0);
    assert_eq!(service.status("/health/ready").await, 200);
    service.stopped().await;
    logins.drop().await;
}
