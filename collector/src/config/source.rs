//! `[source]`: who wrote the logs. What is not set comes from the downward API's environment.

use serde::{Deserialize, Serialize};
use trunkline_record::Source;

/// `[source]`; each key that is absent is looked for in the environment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SourceConfig {
    /// Kubernetes namespace; else `NAMESPACE`, else `POD_NAMESPACE`.
    pub namespace: Option<String>,
    /// Name of the Postgres cluster.
    pub cluster: Option<String>,
    /// Pod name; else `POD_NAME`, else the host's name.
    pub pod: Option<String>,
    /// Name of the container that writes the logs.
    pub container: Option<String>,
    /// Node name; else `NODE_NAME`.
    pub node: Option<String>,
    /// Role of the server when it can't change: `primary`, `replica`.
    pub role: Option<String>,
}

impl SourceConfig {
    /// Fills the gaps from `environment` and, for the pod, from `host_name`.
    pub fn resolve(
        &self,
        environment: impl Fn(&str) -> Option<String>,
        host_name: Option<String>,
    ) -> Source {
        let from = |set: &Option<String>, names: &[&str]| {
            set.clone()
                .or_else(|| names.iter().find_map(|name| environment(name)))
                .filter(|value| !value.is_empty())
        };
        Source {
            namespace: from(&self.namespace, &["NAMESPACE", "POD_NAMESPACE"]),
            cluster: from(&self.cluster, &[]),
            pod: from(&self.pod, &["POD_NAME"]).or(host_name),
            container: from(&self.container, &[]),
            node: from(&self.node, &["NODE_NAME"]),
            role: from(&self.role, &[]),
        }
    }
}

/// The host's name as the kernel knows it.
pub fn host_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}
