//! What the host holds at the moment, of whichever instance: it may still be copying that when another thread of its ends all instances.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::handover::{Batch, Handover};

/// All that was given and not yet taken.
pub static GIVEN: Given = Given(Mutex::new(Vec::new()));

/// See [`GIVEN`].
#[derive(Debug)]
pub struct Given(Mutex<Vec<(Arc<Handover>, Batch)>>);

impl Given {
    /// Lends a batch, and answers where its events are.
    pub fn lend(&self, handover: &Arc<Handover>, batch: Batch) -> (*const u8, usize) {
        let events = (batch.events.as_ptr(), batch.events.len());
        self.lock().push((Arc::clone(handover), batch));
        events
    }

    /// Whether something of this handover is lent.
    pub fn has(&self, handover: &Arc<Handover>) -> bool {
        self.lock().iter().any(|(of, _)| Arc::ptr_eq(of, handover))
    }

    /// Takes back what stands at this address.
    pub fn take_back(&self, address: usize) -> Option<(Arc<Handover>, Batch)> {
        let mut given = self.lock();
        let at = given.iter().position(|(_, batch)| batch.events.as_ptr().addr() == address)?;
        let taken = given.swap_remove(at);
        if given.is_empty() {
            // Nothing is left behind in a shared object that is unloaded.
            *given = Vec::new();
        }
        Some(taken)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Arc<Handover>, Batch)>> {
        // Nothing that can panic happens while it is locked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
