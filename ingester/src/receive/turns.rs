//! Places among the unanswered forward chunks of one connection. With several databases each has its part of them: so the forward
//! chunks of one that is away don't keep those of the others from being read.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::patience::Patience;

/// The places, one part for each database. One database needs none: the queue of answers is as long.
#[derive(Debug)]
pub(super) struct Turns(Vec<(Arc<Semaphore>, Patience)>);

/// What came of asking for a place.
pub(super) enum Turn {
    /// It is given back when it is dropped.
    Taken(Option<OwnedSemaphorePermit>),
    /// There is none for long. The forward chunk is left to its sender, see [`super::Route`].
    Left,
}

impl Turns {
    /// So many places for so many databases.
    pub(super) fn new(databases: usize, places: usize) -> Self {
        let part = || (Arc::new(Semaphore::new((places / databases).max(1))), Patience::default());
        Self(if databases > 1 { (0..databases).map(|_| part()).collect() } else { Vec::new() })
    }

    /// A place for a forward chunk of this database; a sender that asks for no ack waits as long as it takes.
    pub(super) async fn take(&self, database: usize, wants_ack: bool) -> Turn {
        let Some((places, patience)) = self.0.get(database) else { return Turn::Taken(None) };
        let place = Arc::clone(places).acquire_owned();
        let place = if wants_ack { patience.within(place).await } else { Some(place.await) };
        // Never closed.
        place.map_or(Turn::Left, |place| Turn::Taken(place.ok()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn takes(turns: &Turns, database: usize) -> Option<OwnedSemaphorePermit> {
        match turns.take(database, true).await {
            Turn::Taken(place) => place,
            Turn::Left => None,
        }
    }

    #[tokio::test]
    async fn a_database_that_answers_nothing_takes_no_more_than_its_part() {
        let turns = Turns::new(2, 4);
        let held = (takes(&turns, 0).await.unwrap(), takes(&turns, 0).await.unwrap());
        assert!(takes(&turns, 0).await.is_none());
        assert!(takes(&turns, 1).await.is_some());
        drop(held);
        assert!(takes(&turns, 0).await.is_some());
    }

    #[tokio::test]
    async fn one_database_has_them_all() {
        assert!(matches!(Turns::new(1, 4).take(0, true).await, Turn::Taken(None)));
    }
}
