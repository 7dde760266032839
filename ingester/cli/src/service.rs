//! The query API as a client sees it: a request, and an answer that is read piece by piece.

use std::fs;
use std::io::{self, Read as _};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use ureq::http::{Response, StatusCode};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body, BodyReader};

use crate::Failure;
use crate::profile::{Profile, unreadable};

/// A connection that isn't made by then will not be.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// An answer that isn't streamed is counts, and no more than this.
const LARGEST: u64 = 256 << 20;

/// Somebody who answers questions.
#[derive(Debug)]
pub struct Service {
    agent: Agent,
    address: String,
    token: Option<String>,
}

/// RFC 9457, what of it is shown.
#[derive(Debug, Deserialize)]
struct Problem {
    detail: String,
    parameter: Option<String>,
    position: Option<u64>,
    hint: Option<String>,
}

impl Service {
    /// As the profile says. Nothing is asked yet.
    pub fn new(profile: &Profile) -> Result<Self, Failure> {
        let tls = TlsConfig::builder().root_certs(authorities(profile)?).build();
        let config = Agent::config_builder()
            .user_agent(concat!("trunkline/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .http_status_as_error(false)
            .tls_config(tls);
        let address = profile.address().to_owned();
        Ok(Self { agent: config.build().new_agent(), address, token: profile.secret()? })
    }

    /// `GET path` with these parameters. `path` begins with a slash.
    pub fn get(
        &self,
        path: &str,
        parameters: &[(String, String)],
    ) -> Result<BodyReader<'static>, Failure> {
        self.get_behind(path, parameters, None)
    }

    /// The same, behind the last event that came.
    pub fn get_behind(
        &self,
        path: &str,
        parameters: &[(String, String)],
        last_event: Option<&str>,
    ) -> Result<BodyReader<'static>, Failure> {
        let pairs = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let mut request = self.agent.get(format!("{}{path}", self.address)).query_pairs(pairs);
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if let Some(id) = last_event {
            request = request.header("last-event-id", id);
        }
        self.answer(request.call())
    }

    /// `POST path` with this content.
    pub fn post(&self, path: &str, content: &Value) -> Result<BodyReader<'static>, Failure> {
        let mut request = self.agent.post(format!("{}{path}", self.address));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        request = request.header("content-type", "application/json");
        self.answer(request.send(content.to_string()))
    }

    fn answer(
        &self,
        answer: Result<Response<Body>, ureq::Error>,
    ) -> Result<BodyReader<'static>, Failure> {
        let answer = answer.map_err(|error| self.unanswered(&error))?;
        if answer.status().is_success() {
            return Ok(answer.into_body().into_reader());
        }
        Err(refusal(answer))
    }

    /// The whole of an answer that isn't long.
    pub fn whole(&self, answer: BodyReader<'static>) -> Result<Vec<u8>, Failure> {
        let mut whole = Vec::new();
        let read = answer.take(LARGEST).read_to_end(&mut whole);
        read.map_err(|error| self.unanswered(&error))?;
        Ok(whole)
    }

    /// That there was no answer, or that it broke off.
    pub fn unanswered(&self, error: &(dyn std::error::Error + 'static)) -> Failure {
        Failure::Unanswered(format!("{}: {error}", self.address))
    }
}

/// Those of the profile's file, else the system's.
fn authorities(profile: &Profile) -> Result<RootCerts, Failure> {
    let Some(file) = &profile.ca_file else { return Ok(RootCerts::PlatformVerifier) };
    let pem = fs::read(file).map_err(|error| unreadable(file, &error))?;
    let certificates: Result<Vec<_>, _> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(Ok(certificate)),
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        })
        .collect();
    let certificates = certificates.map_err(|error| unreadable(file, &io::Error::other(error)))?;
    if certificates.is_empty() {
        return Err(Failure::Usage(format!("{} holds no certificate", file.display())));
    }
    Ok(RootCerts::Specific(Arc::new(certificates)))
}

fn refusal(answer: Response<Body>) -> Failure {
    let status = answer.status();
    // What breaks off is no problem that can be shown, and the status is known.
    let body = answer.into_body().read_to_vec().unwrap_or_default();
    let problem = serde_json::from_slice::<Problem>(&body).ok();
    let (detail, parameter) = match problem {
        Some(Problem { mut detail, parameter, position, hint }) => {
            // Of a statement the service says where, and PostgreSQL what may help.
            if let (Some("sql"), Some(position)) = (parameter.as_deref(), position) {
                detail.push_str(&format!(", at character {position}"));
            }
            detail.extend(hint.map(|hint| format!("; {hint}")));
            (detail, parameter)
        }
        None => (format!("the service answered {status}"), None),
    };
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if parameter.is_none() => {
            let way = "a token is given by --token-file, TRUNKLINE_TOKEN or the profile";
            Failure::Refused { detail: format!("{detail}; {way}"), parameter }
        }
        _ if status.is_client_error() => Failure::Refused { detail, parameter },
        _ => Failure::Unanswered(detail),
    }
}
