//! One database that records are stored in, and all that works on it: the only one, or one of several.

use std::sync::Arc;

use tokio::sync::mpsc::{self, Receiver};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;
use trunkline_forward::Limits;

use super::Error;
use crate::batch;
use crate::chunk::Chunk;
use crate::config::Config;
use crate::health::Health;
use crate::metrics::{LifecycleMetrics, Metrics, StoreMetrics};
use crate::queue::Queue;
use crate::receive::Target;
use crate::receive::forbidden::Note;
use crate::shards::Shards;
use crate::store::{self, Handover, Lifecycle, Pool, Window, Writer, lifecycle};

/// Forward chunks that wait for a writer, and as many again that wait for one that stores others of their stream. Enough to fill the next
/// batches while some are being stored, even from tiny forward chunks; what bounds memory is [`crate::receive::Memory`].
const WAITING: usize = 2_048;

/// A database, before anything works on it.
pub(super) struct Shard {
    /// None where there is but one.
    name: Option<Arc<str>>,
    pool: Pool,
    /// By the owner of the tables.
    owner: Pool,
    /// The others.
    others: Vec<(Arc<str>, Pool)>,
    metrics: StoreMetrics,
    lifecycle: LifecycleMetrics,
    health: Health,
    settings: Settings,
}

/// What all shards have in common.
#[derive(Clone)]
struct Settings {
    writers: usize,
    batch: batch::Config,
    window: Window,
    counts: bool,
    limits: Limits,
    memory: bytesize::ByteSize,
    remember_chunks: std::time::Duration,
    lifecycle: lifecycle::Config,
    retention: lifecycle::retention::Config,
}

impl Shard {
    /// All of them, in the order of the configuration.
    pub(super) fn all(
        config: &Config,
        shards: &Shards,
        metrics: &Metrics,
        health: &Health,
    ) -> Result<Vec<Self>, Error> {
        let settings = Settings {
            writers: config.database.connections,
            batch: config.batch,
            window: config.database.window(),
            counts: config.database.counts,
            limits: config.forward.limits(),
            memory: config.forward.memory,
            remember_chunks: config.forward.remember_chunks,
            lifecycle: config.lifecycle.clone(),
            retention: config.retention.clone(),
        };
        let urls = config.databases()?;
        let pools: Vec<_> =
            urls.iter().map(|(_, url, _)| Pool::for_writers(&config.database, url)).collect();
        let owners = urls.iter().map(|(_, _, owner)| Pool::for_owner(owner));
        let names: Vec<_> = shards.names().map(Option::<&Arc<str>>::cloned).collect();
        let all = names.iter().zip(&pools).zip(owners).map(|((name, pool), owner)| {
            let others = names.iter().zip(&pools).filter(|(other, _)| *other != name);
            let others = others.filter_map(|(name, pool)| Some((name.clone()?, pool.clone())));
            let health = health.of(name.as_ref());
            health.set(store::HEALTH, "the database has not been reached yet");
            Self {
                name: name.clone(),
                pool: pool.clone(),
                owner,
                others: others.collect(),
                metrics: metrics.store(name.as_ref()),
                lifecycle: metrics.lifecycle(name.as_ref()),
                health,
                settings: settings.clone(),
            }
        });
        Ok(all.collect())
    }

    pub(super) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The way to its writers, and the other end of it.
    pub(super) fn queue(&self) -> (Target, Receiver<Chunk>) {
        let Settings { memory, limits, .. } = self.settings;
        let (sender, receiver) = mpsc::channel(WAITING);
        let count = self.others.len() + 1;
        (Target::new(sender, self.metrics.clone(), count, memory, limits), receiver)
    }

    /// Brings the schema up to date, says that it did, and stores what comes, until nothing more can come.
    pub(super) async fn run(
        self,
        queue: Receiver<Chunk>,
        notes: Receiver<Note>,
        opened: watch::Sender<bool>,
        stop: CancellationToken,
        tasks: TaskTracker,
    ) -> Result<(), Error> {
        let is_alone = self.others.is_empty();
        let is_open = store::open(&self.owner, is_alone, &self.health, &stop).await;
        if !is_open.map_err(|source| self.failure(source))? {
            return Ok(());
        }
        opened.send_replace(true);
        let mut writers = JoinSet::new();
        let Settings { batch, window, counts, limits, .. } = self.settings;
        let context = store::Context {
            queue: Queue::new(self.hand_over(queue, &tasks), WAITING, batch),
            pool: self.pool.clone(),
            window,
            counts,
            limits,
            metrics: self.metrics.clone(),
            health: self.health.clone(),
        };
        for index in 0..self.settings.writers {
            let writer = Writer::new(index, context.clone());
            writers.spawn(writer.run().instrument(tracing::info_span!("writer", index)));
        }
        let lifecycle = Lifecycle::new(
            &self.settings.lifecycle,
            &self.settings.retention,
            self.owner.clone(),
            self.metrics.clone(),
            &self.lifecycle,
        );
        tasks.spawn(lifecycle.run(stop.clone()).instrument(tracing::info_span!("lifecycle")));
        tasks.spawn(store::write_notes(self.pool.clone(), notes, stop.clone()));
        tasks.spawn(store::forget_delivered(
            self.pool.clone(),
            self.settings.remember_chunks,
            stop.clone(),
        ));
        while let Some(ended) = writers.join_next().await {
            if ended.is_err() || !stop.is_cancelled() {
                return Err(Error::Ended("a writer"));
            }
        }
        Ok(())
    }

    /// Where there are several databases, streams may come from another one.
    fn hand_over(&self, queue: Receiver<Chunk>, tasks: &TaskTracker) -> Receiver<Chunk> {
        if self.others.is_empty() {
            return queue;
        }
        let (writer, handed_over) = mpsc::channel(WAITING);
        let handover = Handover::new(self.pool.clone(), self.others.clone(), self.health.clone());
        tasks.spawn(handover.run(queue, writer).in_current_span());
        handed_over
    }

    fn failure(&self, source: store::OpenError) -> Error {
        match &self.name {
            None => source.into(),
            Some(shard) => Error::OpenShard { shard: Arc::clone(shard), source },
        }
    }
}
