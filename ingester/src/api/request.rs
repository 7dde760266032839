//! The parameters of a request, and in which form its answer is wanted.

use std::time::Duration;

use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;
use trunkline_query::{FilterError, Parameters};

use super::problem::Problem;

/// What stands behind the `?`.
#[derive(Debug)]
pub(super) struct Given(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Given {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let given = Query::from_request_parts(parts, state).await;
        given
            .map(|Query(pairs)| Self(pairs))
            .map_err(|error| Problem::bad_request(error.body_text()))
    }
}

impl Given {
    pub(super) fn parameters(&self) -> Result<Parameters<'_>, FilterError> {
        Parameters::new(self.0.iter().map(|(name, value)| (name.as_str(), value.as_str())))
    }
}

/// What a request brings along, as JSON. It has to say that it does: a page of another site can send whatever else unasked.
#[derive(Debug)]
pub(super) struct JsonBody<T>(pub(super) T);

/// The longest that is read.
const MAX_BODY: usize = 1 << 20;

/// How long it may take to come.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/json") {
            let detail = "the content has to be application/json, and to say so";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
        }
        let bytes = axum::body::to_bytes(request.into_body(), MAX_BODY);
        let bytes = tokio::time::timeout(BODY_TIMEOUT, bytes).await.map_err(|_| {
            let detail = format!("the content didn't come within {BODY_TIMEOUT:?}");
            Problem::new(StatusCode::REQUEST_TIMEOUT, detail)
        })?;
        let bytes = bytes.map_err(|_| {
            let detail = format!("the content breaks off, or is longer than {MAX_BODY} bytes");
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
        })?;
        let value = serde_json::from_slice(&bytes);
        value.map(Self).map_err(|error| Problem::bad_request(format!("the content: {error}")))
    }
}

/// A form of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Ndjson,
    Csv,
}

impl Format {
    /// By its name.
    pub(super) fn named(name: &str) -> Result<Self, String> {
        match name {
            "json" => Ok(Self::Json),
            "ndjson" => Ok(Self::Ndjson),
            "csv" => Ok(Self::Csv),
            _ => Err("is no format; there are json, ndjson, csv".to_owned()),
        }
    }

    /// By `format`, or by the first type in `Accept` that there is.
    pub(super) fn read(
        parameters: &mut Parameters<'_>,
        headers: &HeaderMap,
    ) -> Result<Self, FilterError> {
        let given = parameters.read("format", Self::named)?;
        Ok(given.or_else(|| Self::accepted(headers)).unwrap_or(Self::Json))
    }

    /// The first type in `Accept` that there is.
    pub(super) fn accepted(headers: &HeaderMap) -> Option<Self> {
        let accept = headers.get(header::ACCEPT)?.to_str().ok()?;
        let mut types = accept.split(',').map(|one| one.split(';').next().unwrap_or(one).trim());
        types.find_map(|one| match one {
            "application/json" | "application/*" | "*/*" => Some(Self::Json),
            "application/x-ndjson" | "application/jsonl" => Some(Self::Ndjson),
            "text/csv" | "text/*" => Some(Self::Csv),
            _ => None,
        })
    }
}
