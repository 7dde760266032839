//! Who watches is woken when something was committed: one task looks for all of them, while there is somebody.
//!
//! It asks a few times a second. A notification would be there sooner, but `NOTIFY` makes all transactions that commit wait for one another,
//! and so would cost those who write.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::TryStreamExt;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use trunkline_query::{Param, Sql};

use super::super::running::{QueryError, Running};
use super::super::within;
use super::snapshot::Snapshot;
use crate::store::Pool;

/// How often is asked.
const EVERY: Duration = Duration::from_millis(250);
/// How often those who watch are told where the database is though there is nothing for them, so that their tokens don't age.
const ANYWAY: i64 = 30;
/// How long one question may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Where the database is.
#[derive(Debug, Clone)]
pub(super) struct News {
    /// What has been committed.
    pub snapshot: Snapshot,
    /// When, in seconds since 1970, by the database's clock.
    pub at: i64,
    /// Whether a standby says so, which another one may not have reached yet.
    pub is_standby: bool,
    /// Grows when the database went back: a failover lost transactions, and their numbers are given again.
    pub history: u64,
}

/// The task, while there is one.
#[derive(Debug, Clone)]
pub(super) struct Watcher {
    pool: Pool,
    stop: CancellationToken,
    sender: Arc<Mutex<Option<watch::Sender<News>>>>,
}

impl Watcher {
    pub(super) fn new(pool: Pool, stop: CancellationToken) -> Self {
        Self { pool, stop, sender: Arc::default() }
    }

    /// Ends when nobody is to be answered any more.
    pub(super) fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Where the database is now, and from then on.
    pub(super) async fn subscribe(&self) -> Result<watch::Receiver<News>, QueryError> {
        let now = now(&self.pool, None).await?.0;
        let mut sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = sender.as_ref() {
            let history = sender.borrow().history;
            // What is known may be some moments old, and whoever begins must begin now.
            sender.send_if_modified(|news| {
                let is_newer = news.snapshot.next() <= now.snapshot.next();
                if is_newer {
                    *news = News { history, snapshot: news.snapshot.with(&now.snapshot), ..now };
                }
                is_newer
            });
            return Ok(sender.subscribe());
        }
        let (new, receiver) = watch::channel(now);
        *sender = Some(new);
        tokio::spawn(self.clone().run());
        Ok(receiver)
    }

    /// The task.
    async fn run(self) {
        loop {
            if self.stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_none() {
                return;
            }
            let Some(last) = self.last() else { return };
            match now(&self.pool, Some(&last.snapshot)).await {
                Ok((now, is_news)) => self.tell(&last, now, is_news),
                Err(error) => tracing::debug!(%error, "the feed can't be watched at the moment"),
            }
        }
    }

    /// What was told last; `None`, and the end of the task, when there is nobody to tell.
    fn last(&self) -> Option<News> {
        let mut sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        let news = sender.as_ref().filter(|sender| sender.receiver_count() > 0);
        let news = news.map(|sender| sender.borrow().clone());
        if news.is_none() {
            *sender = None;
        }
        news
    }

    fn tell(&self, last: &News, mut now: News, is_news: bool) {
        now.history = last.history;
        if now.snapshot.next() < last.snapshot.next() && now.is_standby == last.is_standby {
            now.history += 1;
        } else if !is_news && now.at - last.at < ANYWAY {
            return;
        }
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = sender.as_ref() {
            sender.send_replace(now);
        }
    }
}

/// Where the database is, and whether something is in the feed that the last snapshot didn't see.
async fn now(pool: &Pool, last: Option<&Snapshot>) -> Result<(News, bool), QueryError> {
    let mut sql = Sql {
        text: "SELECT pg_current_snapshot()::text AS snapshot, pg_is_in_recovery() AS is_standby, \
               extract(epoch FROM now())::bigint AS at, EXISTS (SELECT FROM log.feed WHERE "
            .to_owned(),
        params: Vec::new(),
    };
    match last {
        Some(last) => push_unseen(&mut sql, last),
        // Where there is no feed it shows at once.
        None => sql.text.push_str("FALSE"),
    }
    sql.text.push_str(") AS is_news");
    within(TIMEOUT, async {
        let running = Running::begin(pool).await?;
        let rows: Vec<_> = running.rows(&sql).await?.try_collect().await?;
        running.finish();
        let row = rows.first().ok_or_else(nothing)?;
        let snapshot: Snapshot =
            row.try_get::<_, &str>("snapshot")?.parse().map_err(|_| nothing())?;
        let is_standby: bool = row.try_get("is_standby")?;
        let snapshot = if is_standby { Snapshot::below(snapshot.oldest()) } else { snapshot };
        let news = News { snapshot, at: row.try_get("at")?, is_standby, history: 0 };
        Ok((news, row.try_get("is_news")?))
    })
    .await
}

/// The condition that a row of the feed isn't seen by a snapshot, in the form that its index serves, however long a transaction runs.
pub(super) fn push_unseen(sql: &mut Sql, snapshot: &Snapshot) {
    sql.params.push(Param::Text(snapshot.next().to_string()));
    let next = sql.params.len();
    sql.params.push(Param::Text(snapshot.running()));
    let running = sql.params.len();
    sql.text.push_str(&format!("(xid >= ${next}::xid8 OR xid = ANY(${running}::xid8[]))"));
}

fn nothing() -> QueryError {
    QueryError::Missing("the database doesn't say which transactions it has seen".to_owned())
}
