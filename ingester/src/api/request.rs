//! The parameters of a request, and in which form its answer is wanted.

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
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

/// A form of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Ndjson,
    Csv,
}

impl Format {
    /// By `format`, or by the first type in `Accept` that there is.
    pub(super) fn read(
        parameters: &mut Parameters<'_>,
        headers: &HeaderMap,
    ) -> Result<Self, FilterError> {
        let given = parameters.read("format", |value| match value {
            "json" => Ok(Self::Json),
            "ndjson" => Ok(Self::Ndjson),
            "csv" => Ok(Self::Csv),
            _ => Err("is no format; there are json, ndjson, csv".to_owned()),
        })?;
        let accepted = || {
            let accept = headers.get(header::ACCEPT)?.to_str().ok()?;
            let mut types =
                accept.split(',').map(|one| one.split(';').next().unwrap_or(one).trim());
            types.find_map(|one| match one {
                "application/json" | "application/*" | "*/*" => Some(Self::Json),
                "application/x-ndjson" | "application/jsonl" => Some(Self::Ndjson),
                "text/csv" | "text/*" => Some(Self::Csv),
                _ => None,
            })
        };
        Ok(given.or_else(accepted).unwrap_or(Self::Json))
    }
}
