//! A stand-in for the Kubernetes API server, as far as a watch of pods needs one: a list and a watch of
//! pods' metadata on one node, resource versions, watches that break, versions that are forgotten (410),
//! and no permission (403). There is no real one to be had where these tests run; what it answers is as
//! the API's concepts ("Efficient detection of changes") describe it. The test says what happens.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{Query, State as Shared},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::{Value, json};
use tokio::sync::mpsc;

pub const NODE: &str = "node-7";

type Sender = mpsc::Sender<Result<Bytes, io::Error>>;

/// More events than any test makes.
const EVENTS: usize = 1000;

#[derive(Clone)]
pub struct ApiServer {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    version: u64,
    /// Watches from before this version get 410.
    oldest: u64,
    pods: BTreeMap<String, Value>,
    history: Vec<(u64, Bytes)>,
    watches: Vec<Sender>,
    forbidden: bool,
    lists: usize,
}

impl ApiServer {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State { version: 100, ..State::default() }));
        let router = Router::new().route("/api/v1/pods", get(pods)).with_state(Arc::clone(&state));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, state }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A pod comes, or changes.
    pub fn apply(&self, pod: &Pod<'_>) {
        let mut state = self.state.lock().unwrap();
        let known = state.pods.contains_key(pod.uid);
        state.event(if known { "MODIFIED" } else { "ADDED" }, pod.metadata());
        let (uid, object) = (pod.uid.to_owned(), pod.metadata());
        let version = state.version;
        state.pods.insert(uid, versioned(object, version));
    }

    /// A pod goes.
    pub fn delete(&self, pod: &Pod<'_>) {
        let mut state = self.state.lock().unwrap();
        state.pods.remove(pod.uid);
        state.event("DELETED", pod.metadata());
    }

    /// All watches break, in the middle of an answer.
    pub fn break_watches(&self) {
        for watch in std::mem::take(&mut self.state.lock().unwrap().watches) {
            let broken = io::Error::from(io::ErrorKind::ConnectionReset);
            watch.try_send(Err(broken)).unwrap();
        }
    }

    /// What happened up to now can't be watched any more, only listed.
    pub fn forget(&self) {
        let mut state = self.state.lock().unwrap();
        state.version += 1;
        state.oldest = state.version;
        state.history.clear();
    }

    pub fn forbid(&self, forbidden: bool) {
        self.state.lock().unwrap().forbidden = forbidden;
    }

    pub fn lists(&self) -> usize {
        self.state.lock().unwrap().lists
    }

    pub fn watches(&self) -> usize {
        let mut state = self.state.lock().unwrap();
        state.watches.retain(|watch| !watch.is_closed());
        state.watches.len()
    }
}

impl State {
    fn event(&mut self, kind: &str, object: Value) {
        self.version += 1;
        let event = json!({"type": kind, "object": versioned(object, self.version)});
        let line = Bytes::from(event.to_string() + "\n");
        self.history.push((self.version, line.clone()));
        self.watches.retain(|watch| watch.try_send(Ok(line.clone())).is_ok());
    }
}

/// A pod as the test makes it.
#[derive(Clone, Default)]
pub struct Pod<'a> {
    pub name: &'a str,
    pub uid: &'a str,
    pub labels: &'a [(&'a str, &'a str)],
    pub annotations: &'a [(&'a str, &'a str)],
}

impl Pod<'_> {
    fn metadata(&self) -> Value {
        let map = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect::<Value>()
        };
        json!({
            "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
            "metadata": {
                "name": self.name, "namespace": "shop", "uid": self.uid,
                "labels": map(self.labels), "annotations": map(self.annotations),
            },
        })
    }
}

fn versioned(mut object: Value, version: u64) -> Value {
    object["metadata"]["resourceVersion"] = json!(version.to_string());
    object
}

async fn pods(
    Shared(state): Shared<Arc<Mutex<State>>>,
    Query(asked): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let mut state = state.lock().unwrap();
    if state.forbidden {
        let status = failure(403, "Forbidden", "pods is forbidden: no permission to list pods");
        return (StatusCode::FORBIDDEN, Json(status)).into_response();
    }
    // What else would be asked for is too much for a collector.
    assert_eq!(asked["fieldSelector"], format!("spec.nodeName={NODE}"));
    let accepted = headers[header::ACCEPT].to_str().unwrap();
    assert!(accepted.contains("as=PartialObjectMetadata"), "{accepted}");

    if !asked.contains_key("watch") {
        state.lists += 1;
        return Json(json!({
            "kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1",
            "metadata": {"resourceVersion": state.version.to_string()},
            "items": state.pods.values().collect::<Vec<_>>(),
        }))
        .into_response();
    }
    let from: u64 = asked["resourceVersion"].parse().unwrap();
    let (sender, receiver) = mpsc::channel(EVENTS);
    if from < state.oldest {
        let gone = failure(410, "Expired", "too old resource version");
        let event = json!({"type": "ERROR", "object": gone}).to_string() + "\n";
        sender.try_send(Ok(Bytes::from(event))).unwrap();
    } else {
        for (_, line) in state.history.iter().filter(|(version, _)| *version > from) {
            sender.try_send(Ok(line.clone())).unwrap();
        }
        state.watches.push(sender);
    }
    let events = futures_util::stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|event| (event, receiver))
    });
    Body::from_stream(events).into_response()
}

fn failure(code: u16, reason: &str, message: &str) -> Value {
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code,
    })
}
