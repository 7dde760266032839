//! What keeps the service from being ready, for `/health/ready`.
//!
//! With several databases the service is ready as long as one of them takes records: who isn't ready gets no connections, and one
//! database that is away would stop the others' senders.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Parts of the service that can't do their work at the moment, each with the reason. Clones share the same state.
#[derive(Debug, Clone, Default)]
pub struct Health {
    state: Arc<Mutex<BTreeMap<Shard, Reasons>>>,
    shard: Shard,
}

/// The name of one of several databases.
type Shard = Option<Arc<str>>;

/// By part.
type Reasons = BTreeMap<String, String>;

impl Health {
    /// What belongs to one of several databases; without a name, to the only one.
    pub fn of(&self, shard: Option<&Arc<str>>) -> Self {
        let view = Self { state: Arc::clone(&self.state), shard: shard.cloned() };
        view.state().entry(view.shard.clone()).or_default();
        view
    }

    /// `part` can't do its work.
    pub fn set(&self, part: impl Into<String>, reason: impl Into<String>) {
        self.state().entry(self.shard.clone()).or_default().insert(part.into(), reason.into());
    }

    /// `part` does its work.
    pub fn clear(&self, part: &str) {
        if let Some(reasons) = self.state().get_mut(&self.shard) {
            reasons.remove(part);
        }
    }

    /// Whether records can be stored, if only in one of several databases.
    pub fn is_ready(&self) -> bool {
        let state = self.state();
        state.is_empty() || state.values().any(Reasons::is_empty)
    }

    /// Every part that can't do its work, and why.
    pub fn reasons(&self) -> Vec<(String, String)> {
        let state = self.state();
        let all = state.iter().flat_map(|(shard, reasons)| {
            reasons.iter().map(move |(part, reason)| match shard {
                None => (part.clone(), reason.clone()),
                Some(shard) => (format!("shard {shard}, {part}"), reason.clone()),
            })
        });
        all.collect()
    }

    fn state(&self) -> MutexGuard<'_, BTreeMap<Shard, Reasons>> {
        // Nothing that could panic is done while it is locked, and the map would be whole even then.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_is_ready_when_every_part_is() {
        let health = Health::default().of(None);
        assert!(health.is_ready());
        health.set("schema", "connection refused");
        health.set("writer 0", "connection refused");
        health.clone().clear("schema");
        assert!(!health.is_ready());
        assert_eq!(health.reasons(), [("writer 0".to_owned(), "connection refused".to_owned())]);
        health.clear("writer 0");
        assert!(health.is_ready());
        assert_eq!(health.reasons(), []);
    }

    #[test]
    fn one_shard_that_is_well_is_enough() {
        let all = Health::default();
        let [a, b] = ["a", "b"].map(|name| all.of(Some(&name.into())));
        a.set("writer 0", "connection refused");
        assert!(all.is_ready());
        let reason = ("shard a, writer 0".to_owned(), "connection refused".to_owned());
        assert_eq!(all.reasons(), [reason]);
        b.set("schema", "connection refused");
        assert!(!all.is_ready());
        a.clear("writer 0");
        assert!(all.is_ready());
    }
}
