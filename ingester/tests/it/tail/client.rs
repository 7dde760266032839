//! Somebody who watches, as a browser does: server-sent events, and the last id.

use serde_json::Value;
use trunkline_record::Table;

use crate::sender::{Sender, chunk_of, record_of};
use crate::service::{PATIENCE, Service};

/// One connection.
pub struct Client {
    answer: reqwest::Response,
    buffer: Vec<u8>,
    /// The id of the last event.
    pub token: String,
}

/// What was said.
#[derive(Debug, PartialEq, Eq)]
pub enum Said {
    Rows(Vec<Value>),
    Skipped(Option<i64>),
}

impl Client {
    /// Connects, and waits until it is told from where on it watches.
    pub async fn connect(service: &Service, query: &str, token: Option<&str>) -> Self {
        Self::connect_to(&service.url("/api/v1/tail"), query, token).await
    }

    pub async fn connect_to(url: &str, query: &str, token: Option<&str>) -> Self {
        Self::ask(reqwest::Client::new().get(format!("{url}?{query}")), query, token).await
    }

    /// Connects as who has this bearer token.
    pub async fn connect_as(service: &Service, query: &str, bearer: &str) -> Self {
        let request = reqwest::Client::new().get(service.url(&format!("/api/v1/tail?{query}")));
        Self::ask(request.bearer_auth(bearer), query, None).await
    }

    async fn ask(mut request: reqwest::RequestBuilder, query: &str, token: Option<&str>) -> Self {
        if let Some(token) = token {
            request = request.header("last-event-id", token);
        }
        let answer = request.send().await.unwrap();
        let (status, kind) = (answer.status(), answer.headers()["content-type"].clone());
        assert!(status == 200 && kind == "text/event-stream", "{status} {kind:?}");
        let mut client = Self { answer, buffer: Vec::new(), token: String::new() };
        if token.is_none() {
            assert_eq!(client.event().await, Some((String::new(), String::new())));
            if let Some((_, after)) = query.split_once("after=") {
                assert_eq!(client.token, after);
            }
        } else {
            client.token = token.unwrap_or_default().to_owned();
        }
        client
    }

    /// The name and the data of the next event; both empty where there was an id alone, `None` at the end.
    async fn event(&mut self) -> Option<(String, String)> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\n\n") {
                let text: Vec<u8> = self.buffer.drain(..end + 2).collect();
                let text = String::from_utf8(text).unwrap();
                let (mut name, mut data) = (String::new(), String::new());
                for line in text.lines().filter(|line| !line.is_empty()) {
                    match line.split_once(':').unwrap() {
                        ("event", value) => name = value.trim_start().to_owned(),
                        ("data", value) => data = value.trim_start().to_owned(),
                        ("id", value) => self.token = value.trim_start().to_owned(),
                        ("", _comment) => {}
                        other => panic!("{other:?}"),
                    }
                }
                return Some((name, data));
            }
            let more = tokio::time::timeout(PATIENCE, self.answer.chunk()).await.expect("events");
            self.buffer.extend_from_slice(&more.ok().flatten()?);
        }
    }

    /// The status and the words of the problem that is the end.
    pub async fn end(&mut self) -> Value {
        loop {
            let (name, data) = self.event().await.expect("why it ends");
            if name == "problem" {
                assert_eq!(self.event().await, None);
                return serde_json::from_str(&data).unwrap();
            }
        }
    }

    /// The next event that says something.
    pub async fn next(&mut self) -> Said {
        loop {
            let (name, data) = self.event().await.expect("an open connection");
            match name.as_str() {
                "" => {}
                "rows" => return Said::Rows(serde_json::from_str(&data).unwrap()),
                "skipped" => {
                    let data: Value = serde_json::from_str(&data).unwrap();
                    return Said::Skipped(data["rows"].as_i64());
                }
                other => panic!("{other} {data}"),
            }
        }
    }

    /// So many rows. There must not be more at once.
    pub async fn rows(&mut self, count: usize) -> Vec<Value> {
        let mut rows = Vec::new();
        while rows.len() < count {
            match self.next().await {
                Said::Rows(more) => rows.extend(more),
                Said::Skipped(_) => panic!("skipped"),
            }
        }
        assert_eq!(rows.len(), count, "{rows:?}");
        rows
    }

    /// What is shown up to a record that is stored now, `last`.
    pub async fn nothing_more(&mut self, service: &Service, _before: &mut Sender) -> Vec<String> {
        let stream = rand::random();
        let mut sender = service.sender(stream).await;
        sender
            .send(&chunk_of(1 << 40, &[record_of(Table::Postgres, 90_000, b"last")]), 1 << 40)
            .await;
        assert!(sender.ack().await.is_some());
        let mut shown = Vec::new();
        while shown.last().is_none_or(|last| last != "last") {
            match self.next().await {
                Said::Rows(rows) => {
                    shown
                        .extend(rows.iter().map(|row| row["message"].as_str().unwrap().to_owned()));
                }
                Said::Skipped(_) => panic!("skipped"),
            }
        }
        shown
    }

    /// Whether the service ended the answer.
    pub async fn has_ended(&mut self) -> bool {
        while self.event().await.is_some() {}
        true
    }
}
