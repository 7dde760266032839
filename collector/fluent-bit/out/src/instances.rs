//! All outputs that run, by the numbers that the host holds in place of pointers.
//!
//! The host ends an output before the threads that flush to it. A number that is no longer known is answered, where a pointer would be followed.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use crate::instance::Instance;

static RUNNING: Mutex<Vec<(usize, Arc<Instance>)>> = Mutex::new(Vec::new());

/// Never 0, which the host takes for nothing.
static NEXT: AtomicUsize = AtomicUsize::new(1);

/// A number for an output that is about to start.
pub fn number() -> usize {
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// An output has started.
pub fn add(number: usize, instance: Instance) {
    running().push((number, Arc::new(instance)));
}

/// The output of this number, while it runs.
pub fn find(number: usize) -> Option<Arc<Instance>> {
    let running = running();
    let found = running.iter().find(|(known, _)| *known == number);
    found.map(|(_, instance)| Arc::clone(instance))
}

/// Takes an output out, to be stopped.
pub fn remove(number: usize) -> Option<Arc<Instance>> {
    let mut running = running();
    let at = running.iter().position(|(known, _)| *known == number)?;
    let (_, instance) = running.swap_remove(at);
    if running.is_empty() {
        // Nothing is left behind in a shared object that is unloaded.
        *running = Vec::new();
    }
    Some(instance)
}

fn running() -> MutexGuard<'static, Vec<(usize, Arc<Instance>)>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}
