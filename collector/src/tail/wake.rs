//! How the tail thread sleeps, and what ends its sleep early.

use std::{
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::Instant,
};

/// What has happened since the tail thread last looked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wakes {
    /// A file that is known may have grown.
    pub grew: bool,
    /// A name appeared, vanished or moved.
    pub names: bool,
    /// There is room for a forward chunk again, or the collector stops.
    pub other: bool,
}

impl Wakes {
    fn any(self) -> bool {
        self.grew || self.names || self.other
    }

    fn with(self, more: Self) -> Self {
        Self {
            grew: self.grew || more.grew,
            names: self.names || more.names,
            other: self.other || more.other,
        }
    }
}

/// One sleeper, any number of wakers. Wakes are flags: a thousand of them cost one look.
#[derive(Clone, Debug, Default)]
pub struct Wake(Arc<(Mutex<Wakes>, Condvar)>);

impl Wake {
    /// Files may have grown.
    pub fn grew(&self) {
        self.set(Wakes { grew: true, ..Wakes::default() });
    }

    /// Names have changed.
    pub fn names(&self) {
        self.set(Wakes { names: true, ..Wakes::default() });
    }

    /// Room in the window, or the end.
    pub fn other(&self) {
        self.set(Wakes { other: true, ..Wakes::default() });
    }

    fn set(&self, more: Wakes) {
        let (flags, sleeper) = &*self.0;
        // Three flags are whole after any panic.
        let mut flags = flags.lock().unwrap_or_else(PoisonError::into_inner);
        let with = flags.with(more);
        if *flags != with {
            *flags = with;
            sleeper.notify_one();
        }
    }

    /// What has happened; doesn't sleep.
    pub fn take(&self) -> Wakes {
        std::mem::take(&mut *self.0.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sleeps until something happens or `until` has come.
    pub fn wait(&self, until: Instant) {
        self.sleep(until, |flags| flags.any());
    }

    /// The same, but news of files doesn't end the sleep: a busy writer would end it at each write.
    pub fn wait_ignoring_files(&self, until: Instant) {
        self.sleep(until, |flags| flags.other);
    }

    fn sleep(&self, until: Instant, awake: impl Fn(Wakes) -> bool) {
        let (flags, sleeper) = &*self.0;
        let flags = flags.lock().unwrap_or_else(PoisonError::into_inner);
        let limit = until.saturating_duration_since(Instant::now());
        drop(sleeper.wait_timeout_while(flags, limit, |flags| !awake(*flags)));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_wake_before_the_sleep_is_not_lost() {
        let wake = Wake::default();
        wake.names();
        let started = Instant::now();
        wake.wait(started + Duration::from_secs(60));
        assert!(started.elapsed() < Duration::from_secs(30));
        assert_eq!(wake.take(), Wakes { names: true, ..Wakes::default() });
        assert_eq!(wake.take(), Wakes::default());
    }

    #[test]
    fn another_thread_ends_the_sleep() {
        let wake = Wake::default();
        let other = wake.clone();
        let thread = std::thread::spawn(move || other.other());
        wake.wait(Instant::now() + Duration::from_secs(60));
        thread.join().unwrap();
        assert!(wake.take().other);
    }
}
