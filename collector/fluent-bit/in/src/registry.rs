//! The instances of this shared object, by number.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use crate::instance::Instance;

/// All instances that have been started and not ended.
pub static REGISTRY: Registry =
    Registry { last: AtomicUsize::new(0), instances: Mutex::new(BTreeMap::new()) };

/// See [`REGISTRY`].
#[derive(Debug)]
pub struct Registry {
    last: AtomicUsize,
    instances: Mutex<BTreeMap<usize, Arc<Instance>>>,
}

impl Registry {
    /// A number that no instance has had; not 0, which is a null pointer to the host.
    pub fn next_number(&self) -> usize {
        self.last.fetch_add(1, Relaxed) + 1
    }

    /// Adds a started instance.
    pub fn add(&self, number: usize, instance: Arc<Instance>) {
        self.lock().insert(number, instance);
    }

    /// The instance of this number; none once it has ended.
    pub fn find(&self, number: usize) -> Option<Arc<Instance>> {
        self.lock().get(&number).cloned()
    }

    /// The only instance that there is.
    pub fn only(&self) -> Option<Arc<Instance>> {
        self.lock().values().next().cloned()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// All of them.
    pub fn all(&self) -> Vec<Arc<Instance>> {
        self.lock().values().cloned().collect()
    }

    /// Takes all of them out, to be stopped: from here on none is found.
    pub fn take_all(&self) -> Vec<Arc<Instance>> {
        std::mem::take(&mut *self.lock()).into_values().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<usize, Arc<Instance>>> {
        // Nothing that can panic happens while it is locked.
        self.instances.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
