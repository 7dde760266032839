//! The schema: made by whoever comes first, refused when it isn't ours.

use tokio::task::JoinSet;
use trunkline_harness::Store;
use trunkline_ingester::store::{self, DatabaseUrl, MIGRATIONS, MigrateError, Pool, migrate};

use crate::service::number;

fn pool(url: &str) -> Pool {
    let url: DatabaseUrl = url.parse().unwrap();
    Pool::for_writers(&store::Config::default(), &url)
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_apply_each_migration_once() {
    let database = Store::database().await.unwrap();
    let mut all = JoinSet::new();
    for _ in 0..6 {
        let pool = pool(database.url());
        all.spawn(async move { migrate(&pool).await.unwrap().len() });
    }
    assert_eq!(all.join_all().await.into_iter().sum::<usize>(), MIGRATIONS.len());
    let client = database.connect().await.unwrap();
    assert_eq!(
        number(&client, "SELECT count(*) FROM log.migration").await,
        MIGRATIONS.len() as i64
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_may_only_read_the_versions_can_run_over_a_schema_that_is_up_to_date() {
    let database = Store::database().await.unwrap();
    migrate(&pool(database.url())).await.unwrap();
    let client = database.connect().await.unwrap();
    let role = format!("writer_{}", database.name());
    client
        .batch_execute(&format!(
            "CREATE ROLE {role} LOGIN PASSWORD 'x'; GRANT USAGE ON SCHEMA log TO {role};
             GRANT SELECT ON log.migration TO {role}"
        ))
        .await
        .unwrap();
    let rest = database.url().split_once('@').unwrap().1;
    let result = migrate(&pool(&format!("postgres://{role}:x@{rest}"))).await;
    client.batch_execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await.unwrap();
    assert!(result.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_may_not_make_the_schema_is_told_so() {
    let database = Store::database().await.unwrap();
    let client = database.connect().await.unwrap();
    let role = format!("nobody_{}", database.name());
    client.batch_execute(&format!("CREATE ROLE {role} LOGIN PASSWORD 'x'")).await.unwrap();
    let rest = database.url().split_once('@').unwrap().1;
    let result = migrate(&pool(&format!("postgres://{role}:x@{rest}"))).await;
    client.batch_execute(&format!("DROP ROLE {role}")).await.unwrap();
    let error = result.unwrap_err();
    assert!(matches!(error, MigrateError::Extension(_)), "{error}");
    assert!(error.is_permanent() && error.to_string().contains("permission denied"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_and_columns_say_what_they_are() {
    let database = Store::database().await.unwrap();
    migrate(&pool(database.url())).await.unwrap();
    let client = database.connect().await.unwrap();
    let silent = "SELECT string_agg(relname, ', ') FROM pg_class \
                  WHERE relnamespace = 'log'::regnamespace AND relkind IN ('r', 'p', 'v') AND obj_description(oid) IS NULL";
    assert_eq!(client.query_one(silent, &[]).await.unwrap().get::<_, Option<String>>(0), None);
}
