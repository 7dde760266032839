//! How long one waits for room that may not come: the waiting is bounded once for all who wait, not for each anew.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Longer than a database that works takes to make room, short enough that others hardly notice.
const LIMIT: Duration = Duration::from_secs(2);

/// Since when there has been no room.
#[derive(Debug)]
pub(super) struct Patience {
    limit: Duration,
    since: Mutex<Option<Instant>>,
}

impl Default for Patience {
    fn default() -> Self {
        Self { limit: LIMIT, since: Mutex::default() }
    }
}

impl Patience {
    /// What `room` gives, if it comes before the patience runs out. Once it has run out, nobody waits until somebody got room again.
    pub(super) async fn within<T>(&self, room: impl Future<Output = T>) -> Option<T> {
        let mut room = std::pin::pin!(room);
        tokio::select! {
            biased;
            got = &mut room => {
                *self.since() = None;
                return Some(got);
            }
            () = std::future::ready(()) => {}
        }
        let until = *self.since().get_or_insert_with(Instant::now) + self.limit;
        let got = tokio::time::timeout_at(until, room).await.ok()?;
        *self.since() = None;
        Some(got)
    }

    fn since(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::Semaphore;

    use super::*;

    fn short() -> Patience {
        Patience { limit: Duration::from_millis(20), ..Patience::default() }
    }

    /// What comes without any waiting.
    async fn at_once<T>(waiting: impl Future<Output = Option<T>>) -> Option<Option<T>> {
        tokio::select! {
            biased;
            got = waiting => Some(got),
            () = std::future::ready(()) => None,
        }
    }

    #[tokio::test]
    async fn once_it_has_run_out_nobody_waits_until_there_was_room() {
        let (patience, room) = (short(), Semaphore::new(1));
        let taken = patience.within(room.acquire()).await.unwrap();
        assert!(at_once(patience.within(room.acquire())).await.is_none());
        let (first, second) =
            tokio::join!(patience.within(room.acquire()), patience.within(room.acquire()));
        assert!(first.is_none() && second.is_none());
        assert!(at_once(patience.within(room.acquire())).await.is_some_and(|got| got.is_none()));

        drop(taken);
        let taken = patience.within(room.acquire()).await.unwrap();
        assert!(at_once(patience.within(room.acquire())).await.is_none());
        drop(taken);
    }

    #[tokio::test]
    async fn room_that_comes_in_time_is_taken() {
        let (patience, room) = (Patience::default(), Semaphore::new(0));
        let making = async { room.add_permits(1) };
        let (got, ()) = tokio::join!(biased; patience.within(room.acquire()), making);
        assert!(got.is_some());
    }
}
