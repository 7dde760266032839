//! `[kubernetes]`: collecting from all pods of a node, and what their labels mean.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use glob::Pattern;
use serde::{Deserialize, Serialize};
use trunkline_record::{Format, LogSettings};

use super::Files;
use crate::discover::{
    labels::is_key,
    presets::{PRESETS, preset},
    selector::Selector,
};

/// `[kubernetes]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KubernetesConfig {
    /// Whether the logs of the node's pods are collected.
    pub enabled: bool,
    /// Where the API is: `in-cluster` by the pod's service account, a URL that needs no
    /// authentication (such as `kubectl proxy`'s), or `off`.
    pub api: String,
    /// Where the node keeps its pods' logs.
    pub pod_logs: PathBuf,
    /// Operators whose pods are collected.
    pub preset: Vec<String>,
    /// How long the log of a pod that isn't known waits for what the API says of it.
    #[serde(with = "humantime_serde")]
    pub metadata_wait: Duration,
    /// How long the labels of a pod that is gone are remembered.
    #[serde(with = "humantime_serde")]
    pub remember: Duration,
    /// Other pods that are collected; the first that matches counts, before all presets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub select: Vec<SelectConfig>,
}

/// `[[kubernetes.select]]`; what is absent matches everything.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SelectConfig {
    /// Patterns of namespaces (`*`, `?`, `[…]`).
    pub namespaces: Vec<String>,
    /// Patterns of pods' names.
    pub pods: Vec<String>,
    /// Patterns of containers' names.
    pub containers: Vec<String>,
    /// A label selector, as `kubectl -l` takes it. With it the pod must be known from the API.
    pub labels: String,
    /// The label that names the cluster.
    pub cluster_label: Option<String>,
    /// The label that holds the role.
    pub role_label: Option<String>,
    /// What the role label's values stand for; others are taken as they are, but `master` is `primary`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: BTreeMap<String, String>,
}

impl Default for KubernetesConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            api: "in-cluster".into(),
            pod_logs: "/var/log/pods".into(),
            preset: PRESETS.map(str::to_owned).into(),
            metadata_wait: Duration::from_secs(30),
            remember: Duration::from_secs(60 * 60),
            select: Vec::new(),
        }
    }
}

/// Where the pods' labels come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Api {
    /// Nowhere.
    Off,
    /// The pod's service account says where, and lets us in.
    InCluster,
    /// This URL, without authentication.
    At(hyper::Uri),
}

impl KubernetesConfig {
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        self.api()?;
        if !self.pod_logs.is_absolute() {
            let problem = format!("{:?} is not an absolute path", self.pod_logs);
            return Err(("kubernetes.pod_logs", problem));
        }
        if self.enabled && self.selectors()?.is_empty() {
            let problem = "neither a preset nor a [[kubernetes.select]]: nothing to collect";
            return Err(("kubernetes.preset", problem.to_owned()));
        }
        self.selectors().map(drop)
    }

    /// `api`, understood.
    pub fn api(&self) -> Result<Api, (&'static str, String)> {
        match self.api.as_str() {
            "off" => Ok(Api::Off),
            "in-cluster" => Ok(Api::InCluster),
            url => match url.parse::<hyper::Uri>() {
                Ok(uri) if uri.scheme().is_some() && uri.host().is_some() => Ok(Api::At(uri)),
                _ => {
                    Err(("kubernetes.api", format!("{url:?} is neither in-cluster, off nor a URL")))
                }
            },
        }
    }

    /// The section that stands for all pods' logs. On the node they are in the runtime interface's
    /// format, whatever the containers write.
    pub(super) fn files(&self) -> Files {
        let dir = Pattern::escape(&self.pod_logs.to_string_lossy());
        Files {
            glob: format!("{dir}/*/*/*.log*"),
            format: Format::Cri.into(),
            settings: LogSettings::default(),
        }
    }

    /// All selectors in the order in which they are tried.
    pub fn selectors(&self) -> Result<Vec<Selector>, (&'static str, String)> {
        let mut selectors = Vec::new();
        for select in &self.select {
            selectors.push(select.build()?);
        }
        for name in &self.preset {
            selectors.extend(preset(name).ok_or_else(|| {
                ("kubernetes.preset", format!("{name:?} is none of {}", PRESETS.join(", ")))
            })?);
        }
        Ok(selectors)
    }
}

impl SelectConfig {
    fn build(&self) -> Result<Selector, (&'static str, String)> {
        let patterns = |key: &'static str, texts: &[String]| {
            let pattern = |text: &String| {
                Pattern::new(text).map_err(|error| (key, format!("{text:?}: {error}")))
            };
            texts.iter().map(pattern).collect::<Result<Vec<_>, _>>()
        };
        let label = |key: &'static str, label: &Option<String>| match label {
            Some(label) if !is_key(label) => Err((key, format!("{label:?} is no label's key"))),
            label => Ok(label.iter().cloned().collect()),
        };
        Ok(Selector {
            namespaces: patterns("kubernetes.select.namespaces", &self.namespaces)?,
            pods: patterns("kubernetes.select.pods", &self.pods)?,
            containers: patterns("kubernetes.select.containers", &self.containers)?,
            labels: self
                .labels
                .parse()
                .map_err(|error| ("kubernetes.select.labels", format!("{error}")))?,
            cluster: label("kubernetes.select.cluster_label", &self.cluster_label)?,
            role: label("kubernetes.select.role_label", &self.role_label)?,
            roles: self.roles.clone(),
        })
    }
}
