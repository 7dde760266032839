//! Where a log comes from.

/// The source of a stream. What isn't known is absent, never empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Source {
    /// Kubernetes namespace.
    pub namespace: Option<String>,
    /// The PostgreSQL cluster: all members of one replication group.
    pub cluster: Option<String>,
    /// The pod, or the host where there are no pods.
    pub pod: Option<String>,
    /// The container within the pod.
    pub container: Option<String>,
    /// The machine that runs the pod.
    pub node: Option<String>,
    /// The member's role as it was at that moment: `primary`, `replica`, ….
    pub role: Option<String>,
}

impl Source {
    /// Its fields by name, in the order of the columns of `log.postgres`.
    pub fn fields(&self) -> [(&'static str, &Option<String>); 6] {
        [
            ("namespace", &self.namespace),
            ("cluster", &self.cluster),
            ("pod", &self.pod),
            ("container", &self.container),
            ("node", &self.node),
            ("role", &self.role),
        ]
    }

    /// The field of this name, to be set.
    pub(crate) fn field_mut(&mut self, name: &[u8]) -> Option<&mut Option<String>> {
        Some(match name {
            b"namespace" => &mut self.namespace,
            b"cluster" => &mut self.cluster,
            b"pod" => &mut self.pod,
            b"container" => &mut self.container,
            b"node" => &mut self.node,
            b"role" => &mut self.role,
            _ => return None,
        })
    }
}
