//! A batch that is being stored, as one sees it that goes on with its streams: the leader and its follower.
//!
//! A follower may do everything but commit before its leader has: where its streams will be is known once the leader has decided what
//! it stores. If the leader fails, or takes its time, the follower has to wait until the leader is gone, and begin as any other batch.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use trunkline_record::StreamId;

/// Where streams will be when a batch is stored.
pub type Positions = HashMap<StreamId, u64>;

/// How far a batch is.
#[derive(Debug, Clone, Default)]
pub(super) enum Progress {
    #[default]
    Begun,
    Decided(Arc<Positions>),
    Stored,
    /// Not at the first attempt, so nothing is known of it but its end.
    Failed,
}

/// A batch's own end.
#[derive(Debug, Default)]
pub(super) struct Lead(watch::Sender<Progress>);

impl Lead {
    pub(super) fn leader(&self) -> Leader {
        Leader(self.0.subscribe())
    }

    /// What failed once stays so.
    pub(super) fn report(&self, progress: Progress) {
        self.0.send_if_modified(|now| {
            let changes = !matches!(now, Progress::Failed);
            if changes {
                *now = progress;
            }
            changes
        });
    }
}

/// A follower's end.
#[derive(Debug, Clone)]
pub(super) struct Leader(watch::Receiver<Progress>);

impl Leader {
    pub(super) fn has_failed(&self) -> bool {
        matches!(*self.0.borrow(), Progress::Failed)
    }

    pub(super) fn is_of(&self, other: &Self) -> bool {
        self.0.same_channel(&other.0)
    }
}

/// The batches that one has to follow, and with which of its streams; most have none.
#[derive(Debug, Default)]
pub struct Leaders(Vec<(Leader, Vec<StreamId>)>);

/// How long a follower that has done all else waits for its leaders. It holds locks that they may be waiting for, since both may want to
/// make the same hypertable chunk, and the server can't see who waits for whom.
const PATIENCE: Duration = Duration::from_secs(2);

impl Leaders {
    pub(super) fn add(&mut self, leader: &Leader, stream: StreamId) {
        match self.0.iter_mut().find(|(other, _)| other.is_of(leader)) {
            Some((_, streams)) => streams.push(stream),
            None => self.0.push((leader.clone(), vec![stream])),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Where they leave their streams; `None` when that can't be known.
    pub async fn decided(&mut self) -> Option<Positions> {
        let mut positions = Positions::new();
        for (Leader(leader), streams) in &mut self.0 {
            let progress = leader.wait_for(|now| !matches!(now, Progress::Begun)).await.ok()?;
            let Progress::Decided(decided) = &*progress else { return None };
            for stream in streams {
                positions.insert(*stream, *decided.get(stream)?);
            }
        }
        Some(positions)
    }

    /// Waits until they are stored; `false` when they aren't, or not soon.
    pub async fn are_stored(&mut self) -> bool {
        let stored = async {
            for (Leader(leader), _) in &mut self.0 {
                let is_over = |now: &Progress| matches!(now, Progress::Stored | Progress::Failed);
                match leader.wait_for(is_over).await.as_deref() {
                    Ok(Progress::Stored) => {}
                    _ => return false,
                }
            }
            true
        };
        tokio::time::timeout(PATIENCE, stored).await.unwrap_or_default()
    }

    /// Waits until they are gone, and their streams free.
    pub async fn are_gone(&mut self) {
        for (Leader(leader), _) in &mut self.0 {
            while leader.changed().await.is_ok() {}
        }
    }
}
