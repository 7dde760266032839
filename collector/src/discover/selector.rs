//! Which containers are collected, and which of a pod's labels name its cluster and role.

use std::collections::BTreeMap;

use glob::Pattern;

use super::{
    labels::{LabelSelector, Labels},
    pod_path::PodPath,
};

/// One rule; the first that matches a container says what its pod's labels mean.
#[derive(Clone, Debug, Default)]
pub struct Selector {
    /// Patterns of namespaces; none stands for all.
    pub namespaces: Vec<Pattern>,
    /// Patterns of pods' names; none stands for all.
    pub pods: Vec<Pattern>,
    /// Patterns of containers' names; none stands for all.
    pub containers: Vec<Pattern>,
    /// What the pod's labels must be. While they aren't known, a selector that requires something
    /// matches nothing.
    pub labels: LabelSelector,
    /// Labels that name the cluster; the first that the pod has counts.
    pub cluster: Vec<String>,
    /// Labels that hold the role; the first that the pod has counts.
    pub role: Vec<String>,
    /// What a role's value stands for, where it isn't taken as it is.
    pub roles: BTreeMap<String, String>,
}

impl Selector {
    /// Whether the container is selected; `labels` are its pod's, if they are known.
    pub fn matches(&self, of: &PodPath<'_>, labels: Option<&Labels>) -> bool {
        let among = |patterns: &[Pattern], name: &str| {
            patterns.is_empty() || patterns.iter().any(|pattern| pattern.matches(name))
        };
        among(&self.containers, of.container)
            && among(&self.namespaces, of.namespace)
            && among(&self.pods, of.pod)
            && match labels {
                Some(labels) => self.labels.matches(labels),
                None => self.labels.is_empty(),
            }
    }

    /// The cluster that the labels name.
    pub fn cluster(&self, labels: &Labels) -> Option<String> {
        first(&self.cluster, labels).cloned()
    }

    /// The role that the labels tell.
    pub fn role(&self, labels: &Labels) -> Option<String> {
        let value = first(&self.role, labels)?;
        Some(match self.roles.get(value) {
            Some(role) => role.clone(),
            None => role_name(value).to_owned(),
        })
    }
}

fn first<'a>(keys: &[String], labels: &'a Labels) -> Option<&'a String> {
    keys.iter().find_map(|key| labels.get(key)).filter(|value| !value.is_empty())
}

/// A member's role by its present name: Patroni called the primary `master` until its version 4, and
/// operators' labels still do.
pub fn role_name(role: &str) -> &str {
    if role == "master" { "primary" } else { role }
}
