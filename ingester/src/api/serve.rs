//! The routes, and the server that serves them.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderName, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower_http::cors::CorsLayer;

use super::config::Origin;
use super::connections::{self, Connections};
use super::listener::Listener;
use super::problem::Problem;
use super::{
    Access, access, clusters, console, context, facets, failovers, fleet, health, histogram, logs,
    me, metrics, openapi, patterns, searches, sql, store, tail,
};
use crate::audit::Audit;
use crate::health::Health;
use crate::metrics::Metrics;
use crate::store::Pool;
use crate::store::query::tail::Tail;
use crate::tls::Tls;

/// What endpoints work with.
#[derive(Debug, Clone)]
pub struct Api {
    /// Connections for queries of who sees all clusters. Endpoints take [`Asked`](super::access::Asked), which has the caller's.
    pub all: Pool,
    /// Who may ask.
    pub access: Access,
    /// Connections for searches that are saved.
    pub searches: Pool,
    /// Whose pages may ask from a browser, beside our own.
    pub cors_origins: Vec<Origin>,
    /// How long the database may work on an answer.
    pub query_timeout: Duration,
    /// How long a stream of rows may take.
    pub export_timeout: Duration,
    /// Rows of a caller's own statement, at most.
    pub sql_rows: u32,
    /// Bytes of them that are read from the database, at most.
    pub sql_bytes: u64,
    /// Who asked what, where that is kept.
    pub audit: Option<Audit>,
    /// Rows as they are committed.
    pub tail: Tail,
    /// Who may watch them at the same time.
    pub watchers: Arc<Semaphore>,
    /// What is counted.
    pub metrics: Metrics,
    /// What keeps the service from being ready.
    pub health: Health,
}

/// Serves on `listener` until `stop`, then finishes what was asked.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Tls>,
    api: Api,
    bounds: Connections,
    stop: CancellationToken,
) {
    let listener = Listener::new(listener, tls, &stop);
    connections::serve(listener, router(api), bounds, stop).await;
}

fn router(api: Api) -> Router {
    let metrics_of_all = api.metrics.clone();
    let mut router = Router::new();
    let guarded = middleware::from_fn_with_state(api.clone(), access::guard);
    for (path, endpoint) in [
        ("/api/v1/clusters", get(clusters::clusters)),
        ("/api/v1/context", get(context::context)),
        ("/api/v1/facets", get(facets::facets)),
        ("/api/v1/failovers", get(failovers::failovers)),
        ("/api/v1/fleet", get(fleet::fleet)),
        ("/api/v1/histogram", get(histogram::histogram)),
        ("/api/v1/logs", get(logs::logs)),
        ("/api/v1/patterns", get(patterns::patterns)),
        ("/api/v1/searches", get(searches::list).post(searches::create)),
        (
            "/api/v1/searches/{id}",
            get(searches::get).put(searches::update).delete(searches::delete),
        ),
        ("/api/v1/sql", post(sql::sql)),
        ("/api/v1/store", get(store::store)),
        ("/api/v1/tail", get(tail::tail)),
    ] {
        let endpoint = only(endpoint).layer(guarded.clone());
        router = router.route(path, counted(path, endpoint, &api.metrics));
    }
    for (path, endpoint) in [
        ("/api/v1/me", get(me::me)),
        ("/health/live", get(health::live)),
        ("/health/ready", get(health::ready)),
        ("/metrics", get(metrics::metrics)),
        ("/openapi.json", get(openapi::openapi)),
    ] {
        router = router.route(path, counted(path, only(endpoint), &api.metrics));
    }
    // Without an origin nothing is said of any: a browser then keeps answers from other sites' pages.
    let origins: Vec<_> = api.cors_origins.iter().map(|origin| origin.0.clone()).collect();
    let cors = CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::ACCEPT,
            HeaderName::from_static("last-event-id"),
        ])
        .expose_headers([header::RETRY_AFTER])
        .max_age(std::time::Duration::from_secs(600));
    let has_origins = !api.cors_origins.is_empty();
    let access = api.access.clone();
    let router = router
        .fallback(move |request: Request| async move {
            let places = access.provider_places().await;
            let policy = console::policy(places.iter().map(AsRef::as_ref));
            let response = console::console(request, &policy).await;
            metrics_of_all.http_request("other", response.status().as_u16());
            response
        })
        .with_state(api);
    if has_origins { router.layer(cors) } else { router }
}

/// Says of other methods, as a problem, that they aren't understood.
fn only(endpoint: MethodRouter<Api>) -> MethodRouter<Api> {
    endpoint.fallback(|| async {
        Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this method isn't understood here")
    })
}

fn counted(
    path: &'static str,
    endpoint: MethodRouter<Api>,
    metrics: &Metrics,
) -> MethodRouter<Api> {
    let metrics = metrics.clone();
    endpoint.layer(middleware::from_fn(move |request: Request, next: Next| {
        let metrics = metrics.clone();
        async move {
            let response: Response = next.run(request).await.into_response();
            metrics.http_request(path, response.status().as_u16());
            response
        }
    }))
}
