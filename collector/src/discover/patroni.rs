//! The role of the moment, from the Patroni beside the collector: `GET /patroni` of its REST API.
//!
//! What Patroni says counts from then on for every forward chunk that is closed. When it stops
//! answering, its last word counts for `patroni.role_expires`, and after that the role is unknown: it
//! may have passed to another member, and no role is better than a wrong one.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use http_body_util::{BodyExt, Empty, Limited};
use hyper::{Request, Uri, body::Bytes, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use serde::Deserialize;
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;

use super::{selector::role_name, writer::Writer};
use crate::{
    config::PatroniConfig,
    ship::{Backoff, Wire, client_config},
};

/// An answer is a few hundred bytes.
const LONGEST_ANSWER: usize = 256 * 1024;

/// What Patroni said.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Answer {
    /// `primary` (`master` before Patroni 4), `replica`, `standby_leader`, ….
    pub role: String,
    /// `running`, `starting`, `stopped`, ….
    #[serde(default)]
    pub state: Option<String>,
    /// Who Patroni is; absent in very old ones.
    #[serde(default)]
    pub patroni: Member,
}

/// Who Patroni is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Member {
    /// The cluster's name.
    pub scope: Option<String>,
    /// The member's name.
    pub name: Option<String>,
    /// Patroni's version.
    pub version: Option<String>,
}

/// What is known of Patroni, for the status page.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// The last answer, and when it came.
    pub answer: Option<(SystemTime, Answer)>,
    /// Why there was none the last time.
    pub error: Option<String>,
}

/// Patroni as the status page shows it.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Where it is asked.
    pub url: String,
    /// What is known of it.
    pub state: Arc<Mutex<State>>,
}

/// The task that asks.
pub struct Patroni {
    uri: Uri,
    config: PatroniConfig,
    writer: Arc<Writer>,
    state: Arc<Mutex<State>>,
    answered: Option<Instant>,
    backoff: Backoff,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum Unanswered {
    #[error("no answer within {0:?}")]
    Late(Duration),
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Http(#[from] hyper::Error),
    #[error("{0}")]
    Request(#[from] hyper::http::Error),
    #[error("answer: {0}")]
    Body(Box<dyn std::error::Error + Send + Sync>),
    #[error("answer can't be understood: {0}")]
    Json(#[from] serde_json::Error),
}

impl Patroni {
    /// A task for `writer`, if there is a Patroni to ask.
    pub fn new(config: &PatroniConfig, writer: Arc<Writer>) -> Option<Self> {
        Some(Self {
            // The configuration was checked.
            uri: config.url.as_deref()?.parse().ok()?,
            config: config.clone(),
            writer,
            state: Arc::default(),
            answered: None,
            backoff: Backoff::new(config.interval),
        })
    }

    /// What is known of it, now and later.
    pub fn shown(&self) -> Shown {
        Shown { url: self.uri.to_string(), state: Arc::clone(&self.state) }
    }

    /// Asks until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            let pause = self.ask().await;
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Asks once, takes over the answer, and says how long to wait for the next.
    pub async fn ask(&mut self) -> Duration {
        let limit = self.config.timeout;
        let answer = match timeout(limit, self.get()).await {
            Ok(answer) => answer,
            Err(_) => Err(Unanswered::Late(limit)),
        };
        let now = Instant::now();
        match answer {
            Ok(answer) => {
                self.take(answer, now);
                self.backoff.reset();
                self.config.interval
            }
            Err(error) => {
                self.miss(&error, now);
                self.backoff.next(rand::random())
            }
        }
    }

    fn take(&mut self, answer: Answer, now: Instant) {
        self.answered = Some(now);
        let mut source = (*self.writer.source()).clone();
        source.role = Some(role_name(&answer.role).to_owned()).filter(|role| !role.is_empty());
        source.cluster = source.cluster.or_else(|| answer.patroni.scope.clone());
        if self.writer.learn(source) {
            tracing::info!(
                role = answer.role,
                state = answer.state,
                scope = answer.patroni.scope,
                "Patroni says its role"
            );
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.error.take().is_some() && state.answer.is_some() {
            tracing::info!(url = %self.uri, "Patroni answers again");
        }
        state.answer = Some((SystemTime::now(), answer));
    }

    fn miss(&mut self, error: &Unanswered, now: Instant) {
        let expires = self.config.role_expires;
        let expired = self.answered.is_some_and(|at| now.saturating_duration_since(at) >= expires);
        if expired {
            self.answered = None;
            let source = (*self.writer.source()).clone();
            if self.writer.learn(trunkline_record::Source { role: None, ..source }) {
                tracing::warn!(url = %self.uri, "Patroni is silent; the role is unknown now");
            }
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.error.replace(error.to_string()).is_none() {
            tracing::warn!(url = %self.uri, %error, "Patroni doesn't say its role; trying again");
        }
    }

    /// One request on a connection of its own. The status doesn't matter: Patroni answers 503 where
    /// PostgreSQL isn't running, and says the role all the same.
    async fn get(&self) -> Result<Answer, Unanswered> {
        let uri = &self.uri;
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let tls = (uri.scheme_str() == Some("https")).then_some(self.config.tls.as_ref()).flatten();
        let port = uri.port_u16().unwrap_or(if tls.is_some() { 443 } else { 80 });
        let stream = TcpStream::connect((host, port)).await?;
        let stream: Box<dyn Wire> = match tls {
            None => Box::new(stream),
            Some(tls) => {
                let name = tls.server_name.as_deref().unwrap_or(host).to_owned();
                let name = ServerName::try_from(name).map_err(io::Error::other)?;
                let connector = TlsConnector::from(Arc::new(client_config(tls)?));
                Box::new(connector.connect(name, stream).await?)
            }
        };
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let path = uri.path_and_query().map_or("/patroni", |path| path.as_str());
        let request = Request::get(path)
            .header(header::HOST, uri.authority().map_or(host, |authority| authority.as_str()))
            .header(header::CONNECTION, "close")
            .body(Empty::<Bytes>::new())?;
        let answer = async {
            let response = sender.send_request(request).await?;
            let body = Limited::new(response.into_body(), LONGEST_ANSWER).collect().await;
            Ok(body.map_err(Unanswered::Body)?.to_bytes())
        };
        // The connection does its work while it is polled; the answer ends first.
        tokio::pin!(connection);
        let mut ended = false;
        tokio::pin!(answer);
        let body: Result<Bytes, Unanswered> = loop {
            tokio::select! {
                body = &mut answer => break body,
                end = &mut connection, if !ended => {
                    end?;
                    ended = true;
                }
            }
        };
        Ok(serde_json::from_slice(&body?)?)
    }
}

#[cfg(test)]
mod tests;
