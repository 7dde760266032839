//! Who gets in, and what each sees then: tokens of tenants and of all clusters, over HTTP.

use reqwest::StatusCode;
use serde_json::Value;
use tokio_postgres::Client;
use trunkline_harness::Database;
use trunkline_ingester::api::Mode;
use trunkline_ingester::config::Config;

use crate::service::{PATIENCE, Service, eventually, number, start};
use crate::tail::client::Client as Watcher;

/// A service that asks for tokens, over a store with a row of each of two clusters, and a tenant of one of them.
pub struct Guarded {
    pub service: Service,
    pub client: Client,
    pub _database: Database,
    pub tenant: String,
}

impl Guarded {
    pub async fn start(change: impl FnOnce(&mut Config)) -> Self {
        let (service, client, database) = start(|config| {
            config.http.access = Some(Mode::Token);
            change(config);
        })
        .await;
        let tenant = format!("{}_tenant", database.name());
        client
            .batch_execute(&format!(
                "SELECT log.create_tenant('{tenant}', ARRAY['mine'], 'shop'); \
                 INSERT INTO log.postgres (log_time, namespace, cluster, error_severity, message, stream, position) \
                 SELECT now() - interval '1 minute', 'shop', c, 'LOG', 'of ' || c, md5(c)::uuid, 0 FROM unnest(ARRAY['mine', 'theirs']) AS c; \
                 INSERT INTO log.stream (stream, position, namespace, cluster) \
                 SELECT md5(c)::uuid, 1, 'shop', c FROM unnest(ARRAY['mine', 'theirs']) AS c"
            ))
            .await
            .unwrap();
        Self { service, client, _database: database, tenant }
    }

    /// A new token, for the tenant or for all clusters.
    pub async fn token(&self, tenant: Option<&str>) -> String {
        let sql = "SELECT log.create_token('test', $1::text::name, '1 hour')";
        self.client.query_one(sql, &[&tenant]).await.unwrap().get(0)
    }

    pub async fn tenants_token(&self) -> String {
        self.token(Some(&self.tenant)).await
    }

    pub async fn get(&self, path: &str, token: &str) -> (StatusCode, Value) {
        let request = reqwest::Client::new().get(self.service.url(path)).bearer_auth(token);
        let answer = request.send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }

    pub async fn stopped(self) {
        self.service.stopped().await;
        self.client
            .execute("SELECT log.drop_tenant($1::text::name)", &[&self.tenant])
            .await
            .unwrap();
    }
}

fn messages(page: &Value) -> Vec<&str> {
    page["rows"].as_array().unwrap().iter().map(|row| row["message"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_shows_its_tenants_clusters_and_no_others() {
    let guarded = Guarded::start(|_| {}).await;
    let tenants = guarded.tenants_token().await;
    let alls = guarded.token(None).await;
    let (status, page) = guarded.get("/api/v1/logs?table=all", &tenants).await;
    assert_eq!((status, messages(&page)), (StatusCode::OK, vec!["of mine"]));
    let (_, page) = guarded.get("/api/v1/logs?cluster=theirs", &tenants).await;
    assert_eq!(messages(&page), Vec::<&str>::new());
    let (_, page) = guarded.get("/api/v1/logs?order=asc", &alls).await;
    assert_eq!(messages(&page).len(), 2);
    let (_, counted) = guarded.get("/api/v1/histogram?from=-1h", &tenants).await;
    assert_eq!(counted["total"], 1);
    let (_, facets) = guarded.get("/api/v1/facets?field=cluster&text=of", &tenants).await;
    assert_eq!(facets["facets"][0]["values"], serde_json::json!([{ "value": "mine", "count": 1 }]));
    let (_, clusters) = guarded.get("/api/v1/clusters", &tenants).await;
    assert_eq!(clusters["clusters"].as_array().unwrap().len(), 1, "{clusters}");
    // The session's own user can become the tenant and nothing else.
    let users = "SELECT DISTINCT a.usename::text, r.rolinherit OR r.rolsuper OR r.rolbypassrls, \
                 (SELECT string_agg(m.roleid::regrole::text, ' ') FROM pg_auth_members AS m WHERE m.member = r.oid) \
                 FROM pg_stat_activity AS a JOIN pg_roles AS r ON r.rolname = a.usename \
                 WHERE datname = current_database() AND a.usename LIKE 'trunkline_api_%'";
    let rows = guarded.client.query(users, &[]).await.unwrap();
    let rows: Vec<(bool, String)> = rows.iter().map(|row| (row.get(1), row.get(2))).collect();
    assert_eq!(rows, [(false, guarded.tenant.clone())]);
    guarded.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_in_without_a_token_that_is_in_force() {
    let guarded = Guarded::start(|_| {}).await;
    let token = guarded.tenants_token().await;
    let other = token.replace(&token[token.len() - 4..], "0000");
    for path in
        ["/api/v1/logs", "/api/v1/facets?field=user", "/api/v1/clusters", "/api/v1/logs?what"]
    {
        for wrong in ["", "trunkline_", "x", "trunkline_x' OR true --", &other, &token[1..]] {
            let (status, problem) = guarded.get(path, wrong).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{path} {wrong}: {problem}");
            assert_eq!(problem["status"], 401);
        }
        let answer = reqwest::get(guarded.service.url(path)).await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(answer.headers()["www-authenticate"], "Bearer realm=\"trunkline\"");
    }
    // What tells nothing of logs is everybody's.
    for path in ["/health/live", "/health/ready", "/metrics", "/openapi.json"] {
        assert_eq!(guarded.service.status(path).await, 200, "{path}");
    }
    let expired = "SELECT log.create_token('old', NULL, '-1 second')";
    let expired: String = guarded.client.query_one(expired, &[]).await.unwrap().get(0);
    assert_eq!(guarded.get("/api/v1/logs", &expired).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(guarded.get("/api/v1/logs", &token).await.0, StatusCode::OK);
    guarded.client.batch_execute("SELECT log.revoke_token(id) FROM log.token").await.unwrap();
    eventually("the revoked token to be refused", async || {
        guarded.get("/api/v1/logs", &token).await.0 == StatusCode::UNAUTHORIZED
    })
    .await;
    let of_nobody = "INSERT INTO log.token (name, tenant, hash, expires_at) \
                     SELECT 'forged', r, sha256(convert_to('trunkline_' || r, 'UTF8')), 'infinity' FROM unnest($1::text[]) AS r";
    let roles = [
        "postgres",
        "trunkline_reader",
        "trunkline_tenant",
        "nobody",
        "a\"; DROP TABLE log.postgres; --",
    ];
    guarded.client.execute(of_nobody, &[&&roles[..]]).await.unwrap();
    for role in roles {
        let (status, problem) = guarded.get("/api/v1/logs", &format!("trunkline_{role}")).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{role}: {problem}");
    }
    guarded.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_of_a_token_doesn_t_open_the_door() {
    let guarded = Guarded::start(|_| {}).await;
    let token = guarded.tenants_token().await;
    let kept: String = guarded
        .client
        .query_one("SELECT concat(t::text, ' ', encode(hash, 'hex')) FROM log.token AS t", &[])
        .await
        .unwrap()
        .get(0);
    let digits = token.strip_prefix("trunkline_").unwrap();
    assert!(digits.len() == 64 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
    assert!(!kept.contains(digits) && !kept.contains(&token), "{kept}");
    // Passwords of the API's logins are the owner's, whatever is granted.
    let (login, password): (String, String) = {
        guarded.get("/api/v1/logs", &token).await;
        let row = guarded.client.query_one("SELECT login::text, password FROM log.login", &[]);
        let row = row.await.unwrap();
        (row.get(0), row.get(1))
    };
    for role in
        ["trunkline_reader", "trunkline_writer", "trunkline_tenant", &guarded.tenant, &login]
    {
        guarded.client.batch_execute(&format!("SET ROLE \"{role}\"")).await.unwrap();
        let seen = guarded.client.query("SELECT password FROM log.login", &[]).await;
        assert!(seen.is_err() || seen.unwrap().is_empty(), "{role}");
        let made = guarded.client.query("SELECT log.create_token('mine', NULL)", &[]).await;
        assert!(made.is_err(), "{role}");
        let made = guarded.client.query("SELECT log.login_of('trunkline_reader')", &[]).await;
        assert!(made.is_err(), "{role}");
    }
    guarded.client.batch_execute("RESET ROLE").await.unwrap();
    assert_eq!(password.len(), 64);
    guarded.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_is_dropped_and_made_again_begins_anew() {
    let guarded = Guarded::start(|_| {}).await;
    let (token, tenant) = (guarded.tenants_token().await, &guarded.tenant);
    assert_eq!(guarded.get("/api/v1/logs", &token).await.0, StatusCode::OK);
    let again = format!(
        "SELECT log.drop_tenant('{tenant}'); SELECT log.create_tenant('{tenant}', ARRAY['theirs'], 'shop')"
    );
    guarded.client.batch_execute(&again).await.unwrap();
    let logins = "SELECT count(*) FROM log.token UNION ALL SELECT count(*) FROM log.login \
                  UNION ALL SELECT count(*) FROM pg_roles WHERE rolname LIKE 'trunkline_api_%' AND pg_has_role(oid, $1::text::name, 'MEMBER')";
    for row in guarded.client.query(logins, &[tenant]).await.unwrap() {
        assert_eq!(row.get::<_, i64>(0), 0);
    }
    let token = guarded.tenants_token().await;
    let (status, page) = guarded.get("/api/v1/logs", &token).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    assert_eq!(messages(&page), ["of theirs"]);
    guarded.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_on_ends_when_its_token_is_revoked() {
    let guarded = Guarded::start(|config| {
        config.http.query_timeout = std::time::Duration::from_secs(600);
    })
    .await;
    let (tenants, alls) = (guarded.tenants_token().await, guarded.token(None).await);
    let mut ending = Watcher::connect_as(&guarded.service, "", &tenants).await;
    let mut going_on = Watcher::connect_as(&guarded.service, "", &alls).await;
    // Rows without end, faster than anybody looks at the token.
    let endless = "SELECT repeat('x', 1000), pg_sleep(0.001) FROM generate_series(1, 100000)";
    let asked = reqwest::Client::new().post(guarded.service.url("/api/v1/sql"));
    let body = serde_json::json!({ "sql": endless, "limit": 100_000, "format": "csv" });
    let mut export = asked.bearer_auth(&tenants).json(&body).send().await.unwrap();
    assert!(export.chunk().await.unwrap().is_some());
    let revoke = "SELECT log.revoke_token(id) FROM log.token WHERE tenant = $1::text::name";
    guarded.client.execute(revoke, &[&guarded.tenant]).await.unwrap();
    assert_eq!(ending.end().await["status"], 401);
    let broken = async {
        while let Ok(piece) = export.chunk().await {
            assert!(piece.is_some(), "it breaks off, and isn't taken for whole");
        }
    };
    tokio::time::timeout(PATIENCE, broken).await.unwrap();
    let running = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%repeat(''x'', 1000), pg_sleep%' \
                   AND datname = current_database() AND state = 'active' AND pid <> pg_backend_pid()";
    eventually("the statement to end", async || number(&guarded.client, running).await == 0).await;
    // Whose token is in force sees nothing of this.
    let mut sender = guarded.service.sender(7).await;
    assert_eq!(going_on.nothing_more(&guarded.service, &mut sender).await, ["last"]);
    guarded.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn me_says_who_asks_and_how_to_become_somebody() {
    let guarded = Guarded::start(|_| {}).await;
    let token = guarded.tenants_token().await;
    let login = serde_json::json!({ "token": true, "oidc": null });
    let (status, me) = guarded.get("/api/v1/me", &token).await;
    assert_eq!(status, StatusCode::OK);
    let expected = serde_json::json!({
        "authenticated": true, "name": "token test", "tenant": guarded.tenant, "access": "token", "login": login,
    });
    assert_eq!(me, expected);
    for token in ["", "trunkline_wrong"] {
        let (status, me) = guarded.get("/api/v1/me", token).await;
        assert_eq!(
            (status, &me["authenticated"], &me["login"]),
            (StatusCode::OK, &false.into(), &login)
        );
    }
    guarded.stopped().await;
    let (open, _client, _database) = start(|_| {}).await;
    let me: Value = reqwest::get(open.url("/api/v1/me")).await.unwrap().json().await.unwrap();
    assert_eq!((&me["authenticated"], &me["access"]), (&true.into(), &"open".into()));
    // Where nobody said who may ask, a browser that was led here by another name is refused.
    for path in ["/api/v1/logs", "/api/v1/me"] {
        let led = reqwest::Client::new().get(open.url(path)).header("host", "evil.example:80");
        assert_eq!(led.send().await.unwrap().status(), StatusCode::FORBIDDEN);
    }
    open.stopped().await;
}
