//! What keeps the service from being ready, for `/health/ready`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Parts of the service that can't do their work at the moment, each with the reason. Clones share the same state.
#[derive(Debug, Clone, Default)]
pub struct Health(Arc<Mutex<BTreeMap<String, String>>>);

impl Health {
    /// `part` can't do its work.
    pub fn set(&self, part: impl Into<String>, reason: impl Into<String>) {
        self.reasons().insert(part.into(), reason.into());
    }

    /// `part` does its work.
    pub fn clear(&self, part: &str) {
        self.reasons().remove(part);
    }

    /// Every part that can't do its work, and why; empty when the service is ready.
    pub fn unready(&self) -> Vec<(String, String)> {
        self.reasons().iter().map(|(part, reason)| (part.clone(), reason.clone())).collect()
    }

    fn reasons(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        // Nothing that could panic is done while it is locked, and the map would be whole even then.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_is_ready_when_every_part_is() {
        let health = Health::default();
        health.set("schema", "connection refused");
        health.set("writer 0", "connection refused");
        health.clone().clear("schema");
        assert_eq!(health.unready(), [("writer 0".to_owned(), "connection refused".to_owned())]);
        health.clear("writer 0");
        assert_eq!(health.unready(), []);
    }
}
