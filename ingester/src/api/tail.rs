//! `GET /api/v1/tail`: rows as they are committed, each once, as server-sent events (HTML standard, "Server-sent events").
//!
//! `rows` has an array of rows as `/logs` shows them; `skipped` says `{"rows": n}` when the client was too slow, or null where the number
//! isn't known; `problem` is the end, and says why. An event's id is a token to go on behind it, as `Last-Event-ID` or `after`. A comment
//! comes when nothing else has for a while.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::sync::mpsc::{self, Receiver};
use tokio::time::{Instant, timeout_at};
use trunkline_query::Filter;

use super::access::{Asked, Tally};
use super::problem::Problem;
use super::request::Given;
use crate::store::query::QueryError;
use crate::store::query::tail::{Event, InvalidToken, Token};

/// After so long without an event a comment is sent, so that both sides notice when the other is gone.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// Events that wait for the connection: one is being made while one is being sent.
const WAITING: usize = 1;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Proxies that buffer answers are asked not to.
const NO_BUFFER: (HeaderName, &str) = (HeaderName::from_static("x-accel-buffering"), "no");

const NO_FEED: &str = "the database doesn't know what is committed, since it is a hub, or its schema is older: rows are watched at an ingester whose \
     database.url is that of the shard";

pub(super) async fn tail(
    api: Asked,
    headers: HeaderMap,
    given: Given,
) -> Result<Response, Problem> {
    let mut parameters = given.parameters()?;
    let filter = Filter::read(&mut parameters, chrono::Utc::now())?;
    let after = parameters.read("after", token)?;
    parameters.finish()?;
    let token = match (after, headers.get(LAST_EVENT_ID)) {
        (None, Some(given)) => {
            let read = given.to_str().map_err(|_| InvalidToken.to_string()).and_then(token);
            Some(read.map_err(|reason| Problem::bad_request(format!("Last-Event-ID {reason}")))?)
        }
        (after, _) => after,
    };
    let regex = filter.regex_parameter();
    let permit = api.watchers.clone().try_acquire_owned().map_err(|_| {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "as many clients watch as may at the same time",
        )
    })?;
    let watch = api.tail.watch(&api.pool, api.query_timeout, filter, token).await;
    let watch = watch.map_err(|error| match error {
        QueryError::Missing(_) => Problem::new(StatusCode::NOT_FOUND, NO_FEED),
        error => Problem::of_query(error, regex),
    })?;
    let (sender, events) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        watch.run(sender).await;
        drop(permit);
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        NO_BUFFER,
    ];
    Ok((headers, body(events, regex, api.tally)).into_response())
}

fn token(text: &str) -> Result<Token, String> {
    text.parse().map_err(|error: InvalidToken| format!("is {error}"))
}

/// The events as they go over the connection, as fast as it takes them.
fn body(events: Receiver<Event>, regex: Option<&'static str>, tally: Tally) -> Body {
    tally.add(0);
    let begin = (events, None::<Token>, None::<Instant>);
    Body::from_stream(stream::unfold(begin, move |(mut events, mut reached, mut sent)| {
        let tally = tally.clone();
        async move {
            loop {
                let due = sent.unwrap_or_else(Instant::now) + HEARTBEAT;
                let text = match timeout_at(due, events.recv()).await {
                    Ok(None) => return None,
                    // The first of them, and then one as often as a comment.
                    Ok(Some(Event::Reached(token))) => {
                        reached = Some(token);
                        if sent.is_some() && Instant::now() < due {
                            continue;
                        }
                        heartbeat(reached.take().as_ref())
                    }
                    Ok(Some(event)) => {
                        if let Event::Rows(rows, _) = &event {
                            tally.add(rows.len());
                        }
                        reached = None;
                        show(event, regex)
                    }
                    Err(_) => heartbeat(reached.take().as_ref()),
                };
                sent = Some(Instant::now());
                return Some((
                    Ok::<_, std::convert::Infallible>(Bytes::from(text)),
                    (events, reached, sent),
                ));
            }
        }
    }))
}

/// A comment, and an id without data: clients remember it and see no event.
fn heartbeat(reached: Option<&Token>) -> Vec<u8> {
    match reached {
        Some(token) => format!(": here\nid: {token}\n\n").into_bytes(),
        None => b": here\n\n".to_vec(),
    }
}

fn show(event: Event, regex: Option<&str>) -> Vec<u8> {
    match event {
        Event::Rows(rows, token) => {
            // JSON has no line feeds but those that we write.
            let mut text = format!("event: rows\nid: {token}\ndata: [").into_bytes();
            text.extend_from_slice(&rows.join(&b","[..]));
            text.extend_from_slice(b"]\n\n");
            text
        }
        Event::Skipped(rows, token) => {
            let rows = rows.map_or("null".to_owned(), |rows| rows.to_string());
            format!("event: skipped\nid: {token}\ndata: {{\"rows\":{rows}}}\n\n").into_bytes()
        }
        Event::Reached(token) => heartbeat(Some(&token)),
        Event::Failed(error) => last_event(&Problem::of_query(error, regex)),
    }
}

/// Says why nothing follows.
pub(super) fn last_event(problem: &Problem) -> Vec<u8> {
    // Strings and numbers can always be written.
    let problem = serde_json::to_string(problem).unwrap_or_default();
    format!("event: problem\ndata: {problem}\n\n").into_bytes()
}
