//! Watches the pods of this node through the Kubernetes API. The only module that knows `kube`.
//!
//! Only metadata is asked for, and only of pods whose `spec.nodeName` is this node: that keeps the API
//! server's work, and this collector's memory, proportional to the node. `kube` resumes a watch that
//! breaks, and lists anew when the server has forgotten where it was (410).

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use futures_util::StreamExt;
use k8s_openapi::api::core::v1;
use kube::{
    Api, Client, Config,
    core::PartialObjectMeta,
    runtime::{
        WatchStreamExt,
        watcher::{self, Event, watcher},
    },
};
use tokio_util::sync::CancellationToken;

use super::{
    annotations,
    pods::{Pod, Pods},
};
use crate::{
    config::{self, KubernetesConfig},
    sources::{PodLogs, Sources},
};

/// A watch is ended by the server after 290 seconds; a connection that is silent for longer is dead.
const READ_TIMEOUT: Duration = Duration::from_secs(310);

/// How often what isn't needed any more is forgotten.
const SWEEP: Duration = Duration::from_secs(60);

/// How the kubelet marks the mirror of a static pod: with what the log directory has in place of a uid.
const STATIC_POD_HASH: &str = "kubernetes.io/config.hash";

/// How it stands with the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// It isn't to be used.
    Off,
    /// No answer yet.
    Connecting,
    /// The pods are known, and their changes are.
    Watching,
    /// Not available, and why; what was known before still counts.
    Failing(String),
}

/// What is known of the API, for the status page.
#[derive(Clone, Debug)]
pub struct State {
    /// How it stands.
    pub access: Access,
    /// Since when.
    pub since: SystemTime,
}

impl State {
    /// Beginning with this.
    pub fn new(access: Access) -> Self {
        Self { access, since: SystemTime::now() }
    }
}

/// The task that watches.
pub struct Watch {
    api: config::Api,
    node: Option<String>,
    sources: Arc<Sources>,
}

impl Watch {
    /// A task that tells `sources` of the pods on their node.
    pub fn new(config: &KubernetesConfig, sources: Arc<Sources>) -> Self {
        // It was checked with the configuration.
        let api = config.api().unwrap_or(config::Api::Off);
        Self { api, node: sources.own().source().node.clone(), sources }
    }

    /// Watches until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let Some(logs) = self.sources.pod_logs() else { return };
        let watch = self.watch(logs);
        let sweep = async {
            loop {
                tokio::time::sleep(SWEEP).await;
                logs.with(|pods| pods.sweep(Instant::now()));
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = async { tokio::join!(watch, sweep); } => {}
        }
    }

    async fn watch(&self, logs: &PodLogs) {
        let client = match self.client() {
            Ok(Some(client)) => client,
            Ok(None) => {
                logs.with(Pods::wait_for_none);
                tracing::info!(
                    "no Kubernetes API: pods are known by their paths alone, without labels, \
                     cluster and role"
                );
                return;
            }
            Err(problem) => {
                logs.with(Pods::wait_for_none);
                return fail(logs, problem);
            }
        };
        let Some(node) = &self.node else {
            logs.with(Pods::wait_for_none);
            // All pods of the whole cluster, in each collector: no API server deserves that.
            return fail(logs, "the node's name isn't set (source.node, NODE_NAME)".into());
        };
        let only_here = watcher::Config::default().fields(&format!("spec.nodeName={node}"));
        let events = watcher(Api::<PartialObjectMeta<v1::Pod>>::all(client), only_here);
        let mut events = std::pin::pin!(events.default_backoff());
        let mut listed = Vec::new();
        while let Some(event) = events.next().await {
            let now = Instant::now();
            match event {
                Ok(Event::Init) => listed.clear(),
                Ok(Event::InitApply(pod)) => listed.extend(understand(pod)),
                Ok(Event::InitDone) => {
                    logs.with(|pods| pods.replace(std::mem::take(&mut listed), now));
                    succeed(logs);
                }
                Ok(Event::Apply(pod)) => {
                    if let Some(pod) = understand(pod) {
                        logs.with(|pods| pods.apply(pod));
                    }
                    succeed(logs);
                }
                Ok(Event::Delete(pod)) => {
                    if let Some(pod) = understand(pod) {
                        logs.with(|pods| pods.remove(&pod.uid, now));
                    }
                    succeed(logs);
                }
                // A watch that ends is resumed without ado; one that can't be is worth a word.
                Err(watcher::Error::WatchFailed(error)) => {
                    tracing::debug!(%error, "watch broke; resuming");
                }
                Err(watcher::Error::WatchError(status)) if status.code == 410 => {
                    tracing::debug!("the API server has forgotten the watch; listing anew");
                }
                Err(error) => fail(logs, in_full(&error)),
            }
            self.sources.announce();
        }
    }

    /// A client; none if there is to be none.
    fn client(&self) -> Result<Option<Client>, String> {
        let mut config = match &self.api {
            config::Api::Off => return Ok(None),
            config::Api::InCluster => Config::incluster().map_err(|error| in_full(&error))?,
            config::Api::At(uri) => Config::new(uri.clone()),
        };
        config.read_timeout = Some(READ_TIMEOUT);
        Client::try_from(config).map(Some).map_err(|error| in_full(&error))
    }
}

/// What of a pod's metadata matters.
fn understand(pod: PartialObjectMeta<v1::Pod>) -> Option<Pod> {
    let mut metadata = pod.metadata;
    let mut annotations = metadata.annotations.take().unwrap_or_default();
    let uid = annotations.remove(STATIC_POD_HASH).or(metadata.uid)?;
    annotations.retain(|key, _| key.starts_with(annotations::PREFIX));
    Some(Pod {
        namespace: metadata.namespace?,
        name: metadata.name?,
        uid,
        labels: metadata.labels.unwrap_or_default(),
        annotations,
    })
}

fn succeed(logs: &PodLogs) {
    if logs.set_api(Access::Watching) {
        let pods = logs.with(|pods| pods.present());
        tracing::info!(pods, "watching the pods of this node");
    }
}

fn fail(logs: &PodLogs, problem: String) {
    if logs.set_api(Access::Failing(problem.clone())) {
        tracing::warn!(
            problem,
            "the Kubernetes API can't be used: new pods are known by their paths alone, without \
             labels, cluster and role"
        );
    }
}

/// An error with its causes, which `kube` keeps to itself.
fn in_full(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}
