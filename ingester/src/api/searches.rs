//! `/api/v1/searches`: searches that were saved under a name, each tenant's own. A link to one names its id.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::Api;
use super::access::Caller;
use super::problem::Problem;
use super::request::{Given, JsonBody};
use crate::store::searches;

/// What is saved.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Saved {
    name: String,
    query: String,
}

/// Characters of a name, and of a query string.
const LONGEST_NAME: usize = 200;
const LONGEST_QUERY: usize = 16_384;

impl Saved {
    fn check(&self) -> Result<(), Problem> {
        for (field, text, least, most) in
            [("name", &self.name, 1, LONGEST_NAME), ("query", &self.query, 0, LONGEST_QUERY)]
        {
            let length = text.chars().count();
            if length < least || length > most || text.contains('\0') {
                let reason = format!("{field}: {least} to {most} characters, and no NUL");
                return Err(Problem::bad_request(reason).about(field));
            }
        }
        Ok(())
    }
}

pub(super) async fn list(
    State(api): State<Api>,
    caller: Caller,
    given: Given,
) -> Result<Response, Problem> {
    given.parameters()?.finish()?;
    let searches = searches::list(&api.searches, caller.tenant.as_deref()).await?;
    Ok(Json(json!({ "searches": searches })).into_response())
}

pub(super) async fn create(
    State(api): State<Api>,
    caller: Caller,
    given: Given,
    JsonBody(saved): JsonBody<Saved>,
) -> Result<Response, Problem> {
    given.parameters()?.finish()?;
    saved.check()?;
    let (tenant, by) = (caller.tenant.as_deref(), &caller.name);
    let made = searches::create(&api.searches, tenant, by, &saved.name, &saved.query).await?;
    let made = made.ok_or_else(|| {
        let reason = format!("there are {} searches already", searches::MOST);
        Problem::new(StatusCode::CONFLICT, reason)
    })?;
    let place = format!("/api/v1/searches/{}", made.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], Json(made)).into_response())
}

pub(super) async fn get(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
    given: Given,
) -> Result<Response, Problem> {
    given.parameters()?.finish()?;
    let found = searches::get(&api.searches, caller.tenant.as_deref(), read(&id)?).await?;
    Ok(Json(found.ok_or_else(missing)?).into_response())
}

pub(super) async fn update(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
    given: Given,
    JsonBody(saved): JsonBody<Saved>,
) -> Result<Response, Problem> {
    given.parameters()?.finish()?;
    saved.check()?;
    let (tenant, id) = (caller.tenant.as_deref(), read(&id)?);
    let changed = searches::update(&api.searches, tenant, id, &saved.name, &saved.query).await?;
    Ok(Json(changed.ok_or_else(missing)?).into_response())
}

pub(super) async fn delete(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
    given: Given,
) -> Result<Response, Problem> {
    given.parameters()?.finish()?;
    match searches::delete(&api.searches, caller.tenant.as_deref(), read(&id)?).await? {
        true => Ok(StatusCode::NO_CONTENT.into_response()),
        false => Err(missing()),
    }
}

fn read(id: &str) -> Result<Uuid, Problem> {
    id.parse().map_err(|_| missing())
}

fn missing() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is no search with this id")
}
