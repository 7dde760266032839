//! How it stands with the connection to the ingester, in words, where [`super::Metrics`] has numbers.

use std::{
    fmt::Display,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

/// Shared by the ship task, which knows, and the status page, which shows; clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Connection(Arc<Mutex<ConnectionState>>);

/// How it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectionState {
    /// To where, while connected.
    pub to: Option<String>,
    /// Since when that is so; absent before the first connection.
    pub since: Option<SystemTime>,
    /// The last failure to connect, or reason why a connection was lost; and when.
    pub error: Option<(SystemTime, String)>,
}

impl Connection {
    /// Messages may be sent.
    pub fn up(&self, to: &dyn Display) {
        let mut state = self.lock();
        state.to = Some(to.to_string());
        state.since = Some(SystemTime::now());
    }

    /// It couldn't be made, or was lost.
    pub fn down(&self, reason: &dyn Display) {
        let (mut state, now) = (self.lock(), SystemTime::now());
        if state.to.take().is_some() {
            state.since = Some(now);
        }
        state.error = Some((now, reason.to_string()));
    }

    /// How it stands now.
    pub fn look(&self) -> ConnectionState {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, ConnectionState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
