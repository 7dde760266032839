//! What the forward chunks of each database may take of one connection, where there are several: of its places among the unanswered,
//! and of its peer's part of the memory. So those of a database that is away don't keep the others' from being read.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::patience::Patience;
use super::{MemoryPermit, PeerMemory};

/// One share for each database. One database needs none: it may take all that there is.
#[derive(Debug)]
pub(super) struct Turns(Vec<Share>);

#[derive(Debug)]
struct Share {
    places: Arc<Semaphore>,
    memory: Arc<Semaphore>,
    /// All of `memory`.
    units: u32,
    patience: Patience,
}

/// What came of asking for a place.
#[derive(Debug)]
pub(super) enum Turn {
    /// Given back when they are dropped.
    Taken(Vec<OwnedSemaphorePermit>),
    /// There is none for long. The forward chunk is left to its sender, see [`super::Route`].
    Left,
}

impl Turns {
    /// Of a connection that has so many places, and of its peer's part of the memory.
    pub(super) fn new(places: usize, memory: &PeerMemory) -> Self {
        let (databases, units) = memory.databases();
        let share = |memory: &Arc<Semaphore>| Share {
            places: Arc::new(Semaphore::new((places / databases.len()).max(1))),
            memory: Arc::clone(memory),
            units,
            patience: Patience::default(),
        };
        Self(databases.iter().map(share).collect())
    }

    /// A place for a forward chunk of this database; a sender that asks for no ack waits as long as it takes.
    pub(super) async fn take(&self, database: usize, held: &MemoryPermit, asks: bool) -> Turn {
        let Some(share) = self.0.get(database) else { return Turn::Taken(Vec::new()) };
        self.take_of(share, held.units(), asks).await
    }

    async fn take_of(&self, share: &Share, units: u32, asks: bool) -> Turn {
        let turn = async {
            let place = Arc::clone(&share.places).acquire_owned().await;
            let memory = Arc::clone(&share.memory).acquire_many_owned(units.min(share.units)).await;
            // Never closed.
            place.into_iter().chain(memory).collect()
        };
        let turn = if asks { share.patience.within(turn).await } else { Some(turn.await) };
        turn.map_or(Turn::Left, Turn::Taken)
    }
}

#[cfg(test)]
mod tests {
    use bytesize::ByteSize;

    use super::*;
    use crate::metrics::Metrics;
    use crate::receive::Memory;

    async fn takes(
        turns: &Turns,
        database: usize,
        units: u32,
    ) -> Option<Vec<OwnedSemaphorePermit>> {
        match turns.take_of(&turns.0[database], units, true).await {
            Turn::Taken(turn) => Some(turn),
            Turn::Left => None,
        }
    }

    /// A peer's part of 100 units.
    fn memory(databases: usize) -> PeerMemory {
        let all = ByteSize::kib(800);
        Memory::new(all, 1 << 10, databases, Metrics::default()).of(None)
    }

    #[tokio::test]
    async fn a_database_that_answers_nothing_takes_no_more_than_its_part() {
        let turns = Turns::new(4, &memory(2));
        let held = (takes(&turns, 0, 1).await.unwrap(), takes(&turns, 0, 1).await.unwrap());
        assert!(takes(&turns, 0, 1).await.is_none());
        drop(held);
        let held = takes(&turns, 0, 1_000).await.unwrap();
        assert!(takes(&turns, 0, 1).await.is_none());
        assert!(takes(&turns, 1, 50).await.is_some());
        drop(held);
        assert!(takes(&turns, 0, 50).await.is_some());
    }

    #[test]
    fn one_database_has_them_all() {
        assert!(Turns::new(4, &memory(1)).0.is_empty());
    }
}
