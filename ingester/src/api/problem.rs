//! Errors as RFC 9457 has them, `application/problem+json`: what the client may know. What only we should know goes to the log.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use trunkline_query::FilterError;

use crate::store::query::QueryError;
use crate::store::query::statement::Refusal;

/// An error to answer with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Problem {
    status: u16,
    title: &'static str,
    detail: String,
    /// The parameter that was not understood.
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<String>,
    /// Where in its value, in characters from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<u32>,
    /// What may have been meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    suggestion: Option<String>,
    /// What PostgreSQL said beside its message.
    #[serde(flatten)]
    server: Option<Box<Said>>,
    /// Seconds until another try makes sense.
    #[serde(skip)]
    retry_after: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Said {
    sqlstate: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            status: status.as_u16(),
            title: status.canonical_reason().unwrap_or("Error"),
            detail: detail.into(),
            parameter: None,
            position: None,
            suggestion: None,
            server: None,
            retry_after: None,
        }
    }

    /// With the name of what was not understood.
    pub(super) fn about(self, parameter: &str) -> Self {
        Self { parameter: Some(parameter.to_owned()), ..self }
    }

    /// With what the server said of a statement.
    pub(super) fn of_statement(self, refusal: &Refusal) -> Self {
        Self {
            position: refusal.position,
            server: Some(Box::new(Said {
                sqlstate: refusal.state.clone(),
                hint: refusal.hint.clone(),
            })),
            ..self.about("sql")
        }
    }

    /// Who asks isn't known.
    pub(super) fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, detail)
    }

    /// Somebody asks more than it may.
    pub(super) fn too_many(detail: impl Into<String>, wait: Duration) -> Self {
        let seconds = u32::try_from(wait.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX).max(1);
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, detail);
        Self { retry_after: Some(seconds), ..problem }
    }

    pub(super) fn is(&self, status: StatusCode) -> bool {
        self.status == status.as_u16()
    }

    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// What the database said of a query. What it can't work with is mostly a regular expression, so `regex` names the parameter
    /// that has one.
    pub(super) fn of_query(error: QueryError, regex: Option<&str>) -> Self {
        let regex = regex.filter(|_| matches!(error, QueryError::Invalid(_)));
        Self { parameter: regex.map(str::to_owned), ..error.into() }
    }
}

impl From<FilterError> for Problem {
    fn from(error: FilterError) -> Self {
        Self {
            parameter: Some(error.parameter.clone()),
            position: error.position.and_then(|at| u32::try_from(at).ok()),
            suggestion: error.suggestion.clone(),
            ..Self::bad_request(error.to_string())
        }
    }
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        match &error {
            // It is the query that asks for too much. A gateway's timeout would be tried again by whoever takes it for one.
            QueryError::Timeout => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "the query took too long; a narrower range of time, or fewer texts, would help",
            ),
            QueryError::Invalid(words) => Self::bad_request(words.clone()),
            QueryError::Forbidden(words) => Self::new(StatusCode::FORBIDDEN, words.clone()),
            QueryError::Missing(words) => Self::new(
                StatusCode::NOT_FOUND,
                format!(
                    "{words}: the database is a hub, whose shards have it, or its schema is older"
                ),
            ),
            QueryError::Pool(_) | QueryError::Behind => {
                tracing::warn!(%error, "a query could not be answered");
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "the database can't be reached at the moment",
                )
            }
            QueryError::Database(_) => {
                tracing::error!(%error, "a query failed");
                Self::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "the database could not answer the query",
                )
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        // Strings and numbers can always be written.
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response =
            (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
        if status == StatusCode::UNAUTHORIZED {
            // RFC 9110 asks for it, RFC 6750 says how.
            let challenge = HeaderValue::from_static("Bearer realm=\"trunkline\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}
