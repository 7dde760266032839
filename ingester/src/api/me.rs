//! `GET /api/v1/me`: who asks, and how one who isn't known can become somebody. Answers everybody.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::Api;
use super::problem::Problem;
use super::request::Given;

pub(super) async fn me(
    State(api): State<Api>,
    headers: HeaderMap,
    given: Given,
) -> Result<Response, Problem> {
    given.parameters()?.finish()?;
    let provider = api.access.provider();
    let oidc =
        provider.map(|(issuer, client_id)| json!({ "issuer": issuer, "client_id": client_id }));
    let login = json!({ "token": !api.access.is_open(), "oidc": oidc });
    let body = match api.access.caller(&headers).await {
        Ok(caller) => json!({
            "authenticated": true, "name": &*caller.name, "tenant": caller.tenant.as_deref(), "access": caller.by, "login": login,
        }),
        Err(problem) if problem.is(StatusCode::UNAUTHORIZED) => json!({
            "authenticated": false, "name": null, "tenant": null, "access": null, "login": login,
        }),
        Err(problem) => return Err(problem),
    };
    Ok(Json(body).into_response())
}
