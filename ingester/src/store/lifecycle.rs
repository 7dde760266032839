//! Looks after the tables of one database in the background: what has to happen whether records arrive or not, and must happen once
//! however many ingesters there are.
//!
//! One of them, the leader, does it. The leader is who holds an advisory lock of its session: leadership ends with the connection,
//! so a leader that dies or is cut off is followed by another within seconds, and there are never two.
//!
//! The work is a list of [`Step`]s, run on the leader's connection, one after the other. To add one: a file in this folder with a type
//! that implements [`Step`], and its line in [`steps`]; what can be set about it goes into [`Config`]. What it does belongs into SQL
//! functions of `sql/migrations` as far as it can, where a DBA can read and call it. A step may be stopped anywhere and is run again, by
//! another leader perhaps, so it has to take up where the database says that it was left.

mod compress;
mod config;
mod counts;
mod feed;
mod hypertable_chunks;
pub mod retention;
mod seal;
mod step;

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

pub use config::Config;
use step::Step;

use super::pool::{Client, Pool, PoolError, describe};
use super::tls::Tls;
use crate::metrics::{LifecycleMetrics, StoreMetrics};

/// The key of the advisory lock: "trunkcyc" in ASCII.
const LOCK: i64 = 0x7472_756e_6b63_7963;
/// Whether one may look after the tables, and if so, whether one is the leader now.
const LEAD: &str = "\
SELECT o.is_owner, CASE WHEN o.is_owner THEN pg_try_advisory_lock($1) END \
FROM (SELECT pg_has_role(relowner, 'USAGE') AS is_owner FROM pg_class WHERE oid = 'log.postgres'::regclass) AS o";
/// How often who isn't the leader asks whether there is one.
const CANDIDATE: Duration = Duration::from_secs(10);
/// When a step that failed is tried again, or sooner if it is due sooner.
const AFTER_FAILURE: Duration = Duration::from_secs(60);
/// How long a stop waits for a running statement to be cancelled.
const CANCEL: Duration = Duration::from_secs(2);

/// Every step there is.
fn steps(
    config: &Config,
    retention: &retention::Config,
    metrics: &LifecycleMetrics,
) -> Vec<Box<dyn Step>> {
    vec![
        Box::new(hypertable_chunks::Interval::new(config)),
        Box::new(hypertable_chunks::Ahead),
        Box::<counts::Counts>::default(),
        Box::new(retention::Retention::new(retention, metrics.clone())),
        Box::new(seal::Seal::new(config.seal_after, metrics.clone())),
        Box::new(feed::Trim),
        Box::new(compress::Compress::new(config.compress_after)),
    ]
}

/// The background work of one ingester.
#[derive(Debug)]
pub struct Lifecycle {
    pool: Pool,
    steps: Vec<Scheduled>,
    metrics: StoreMetrics,
}

#[derive(Debug)]
struct Scheduled {
    step: Box<dyn Step>,
    due: Instant,
}

/// Why somebody is the leader no longer, or never was.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("another ingester is the leader")]
    Follower,
    #[error("told to stop")]
    Stopped,
    #[error("the tables aren't this role's; give the owner's in database.owner_url")]
    NotOwner,
    #[error(transparent)]
    Pool(#[from] PoolError),
    #[error("{}", describe(.0))]
    Database(#[from] tokio_postgres::Error),
}

impl Lifecycle {
    /// Over a pool of its own, see [`Pool::for_owner`].
    pub fn new(
        config: &Config,
        retention: &retention::Config,
        pool: Pool,
        metrics: StoreMetrics,
        of_steps: &LifecycleMetrics,
    ) -> Self {
        let now = Instant::now();
        let steps = steps(config, retention, of_steps);
        let steps = steps.into_iter().map(|step| Scheduled { step, due: now }).collect();
        Self { pool, steps, metrics }
    }

    /// Works until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut has_said = false;
        loop {
            let ended = match stop.run_until_cancelled(self.connect()).await {
                Some(Ok(client)) => {
                    tracing::info!("leader: this ingester looks after the tables");
                    self.metrics.lifecycle_leader.set(1);
                    let ended = self.lead(&client, &stop).await;
                    self.metrics.lifecycle_leader.set(0);
                    // With it goes the lock, whatever state the session is in.
                    drop(Client::take(client));
                    ended
                }
                Some(Err(ended)) => ended,
                None => Ended::Stopped,
            };
            match ended {
                Ended::Stopped => return,
                Ended::Follower => {}
                // Somebody else may be meant to do it; nobody has to hear of it every few seconds.
                Ended::NotOwner if std::mem::replace(&mut has_said, true) => {}
                error => tracing::warn!(%error, "the tables can't be looked after at the moment"),
            }
            let wait = CANDIDATE.mul_f64(rand::random_range(0.5..1.0));
            if stop.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
                return;
            }
        }
    }

    /// A connection that holds the lock.
    async fn connect(&self) -> Result<Client, Ended> {
        let client = self.pool.get().await?;
        match client.query_one(LEAD, &[&LOCK]).await {
            Ok(row) if !row.get::<_, bool>(0) => Err(Ended::NotOwner),
            Ok(row) if row.get(1) => Ok(client),
            Ok(_) => Err(Ended::Follower),
            Err(error) => {
                drop(Client::take(client));
                Err(error.into())
            }
        }
    }

    /// Runs each step when it is due, until the connection fails or `stop`.
    async fn lead(&mut self, client: &Client, stop: &CancellationToken) -> Ended {
        loop {
            let Some(next) = self.steps.iter_mut().min_by_key(|next| next.due) else {
                return Ended::Stopped;
            };
            if stop.run_until_cancelled(tokio::time::sleep_until(next.due.into())).await.is_none() {
                return Ended::Stopped;
            }
            let (name, started) = (next.step.name(), Instant::now());
            let Some(result) = stop.run_until_cancelled(next.step.run(client)).await else {
                cancel(client, self.pool.tls()).await;
                return Ended::Stopped;
            };
            let (took, every) = (started.elapsed(), next.step.every());
            self.metrics.step_ran(name, took, result.is_ok());
            match result {
                Ok(()) => {
                    next.due = Instant::now() + every;
                    tracing::debug!(step = name, ?took, "step done");
                }
                Err(error) => {
                    next.due = Instant::now() + every.min(AFTER_FAILURE);
                    tracing::warn!(step = name, error = describe(&error), "step failed");
                    // The session may be anything now.
                    return Ended::Database(error);
                }
            }
        }
    }
}

/// Ends the statement that runs on the connection; it could be one that takes hours.
async fn cancel(client: &Client, tls: Tls) {
    let token = client.cancel_token();
    if let Ok(Err(error)) = tokio::time::timeout(CANCEL, token.cancel_query(tls)).await {
        tracing::debug!(error = describe(&error), "a step could not be cancelled");
    }
}
