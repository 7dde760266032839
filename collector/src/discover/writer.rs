//! One container, or host, that writes logs: what identifies it for good, and what is known of it now.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use trunkline_record::Source;

use super::annotations::Hints;

/// Shared by all files that it writes, and by whoever learns more about it.
#[derive(Debug)]
pub struct Writer {
    identity: Source,
    now: Mutex<Now>,
}

#[derive(Debug)]
struct Now {
    source: Arc<Source>,
    hints: Arc<Hints>,
}

impl Writer {
    /// A writer as it is known first. Its namespace, pod and container can't change any more.
    pub fn new(source: Source, hints: Hints) -> Self {
        let identity = Source {
            namespace: source.namespace.clone(),
            pod: source.pod.clone(),
            container: source.container.clone(),
            ..Source::default()
        };
        let now = Now { source: Arc::new(source), hints: Arc::new(hints) };
        Self { identity, now: Mutex::new(now) }
    }

    /// What its streams' ids are made of: namespace, pod and container, whatever else is known.
    pub fn identity(&self) -> &Source {
        &self.identity
    }

    /// The source of what is packed at this moment.
    pub fn source(&self) -> Arc<Source> {
        Arc::clone(&self.lock().source)
    }

    /// How its logs are to be read.
    pub fn hints(&self) -> Arc<Hints> {
        Arc::clone(&self.lock().hints)
    }

    /// Takes over the cluster, node and role of `source`. Returns whether that changed anything.
    pub fn learn(&self, source: Source) -> bool {
        let Source { namespace, pod, container, .. } = self.identity.clone();
        let source = Source { namespace, pod, container, ..source };
        let mut now = self.lock();
        let changed = *now.source != source;
        if changed {
            now.source = Arc::new(source);
        }
        changed
    }

    /// Takes over how its logs are to be read; files that are open go on as they began.
    pub fn set_hints(&self, hints: Hints) {
        self.lock().hints = Arc::new(hints);
    }

    // A panic elsewhere can't leave it half changed: each use is one assignment or clone.
    fn lock(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_learned_later_changes_the_source_and_never_the_identity() {
        let of = |pod: &str, role: Option<&str>| Source {
            pod: Some(pod.into()),
            role: role.map(Into::into),
            ..Source::default()
        };
        let writer = Writer::new(of("a", None), Hints::default());
        let before = writer.source();
        assert!(writer.learn(of("b", Some("primary"))));
        assert!(!writer.learn(of("a", Some("primary"))));
        assert_eq!(*writer.source(), of("a", Some("primary")));
        assert_eq!(*writer.identity(), of("a", None));
        assert_eq!(before.role, None, "what was taken before stays as it was");
    }
}
