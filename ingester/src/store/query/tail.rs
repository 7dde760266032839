//! Rows as they are committed: each once, for everybody who watches, whatever the order of commits.
//!
//! A transaction that stores rows writes down which, in `log.feed`. Who watches remembers the snapshot up to which it was shown everything,
//! and is shown what a later snapshot sees beside it (see [`snapshot`]): so late rows, other ingesters' rows, and those of a transaction that
//! began long ago and commits now are neither missed nor shown twice. The snapshot is also what a client resumes by, see [`Token`].
//!
//! Nothing is held for a client but one page of rows. One that takes them slower than they come falls behind; when it is too far, what lies
//! between is counted, not shown.

mod group;
mod news;
mod snapshot;
mod token;

use std::time::Duration;

use futures_util::TryStreamExt;
use tokio::sync::mpsc::Sender;
use tokio::sync::watch::Receiver;
use tokio_util::sync::CancellationToken;
use trunkline_query::{Filter, Param, Place, Sql};

use group::{Group, Window};
use news::{News, Watcher};
use snapshot::Snapshot;
use token::Part;
pub use token::{InvalidToken, Token};

use super::running::{QueryError, Running};
use super::{row, within};
use crate::store::Pool;

/// Rows that are sent at once, at most.
const PAGE: u32 = 1_000;
/// Bytes of JSON that they should be; the next page has as few rows as that takes.
const PAGE_BYTES: usize = 1 << 20;
/// Bytes of JSON after which they are sent, however many rows were asked for.
const MOST_BYTES: usize = 16 << 20;
/// How old a token may be, in seconds. `log.trim_feed` keeps an hour more.
const KEPT: i64 = 2 * 3_600;
/// The pause after a failure.
const AGAIN: Duration = Duration::from_secs(1);

/// What those who watch have in common.
#[derive(Debug, Clone)]
pub struct Tail {
    watcher: Watcher,
    behind: i64,
}

/// Something to be sent.
#[derive(Debug)]
pub enum Event {
    /// Rows, JSON objects.
    Rows(Vec<Vec<u8>>, Token),
    /// So many rows are not shown; `None` when that isn't known.
    Skipped(Option<i64>, Token),
    /// Nothing but how far it is.
    Reached(Token),
    /// The end: it can't go on.
    Failed(QueryError),
}

/// Somebody who watches.
#[derive(Debug)]
pub struct Watch {
    tail: Tail,
    pool: Pool,
    timeout: Duration,
    filter: Filter,
    news: Receiver<News>,
    /// The history of the database that the snapshots are of.
    history: u64,
    seen: Snapshot,
    /// When everything was seen for the last time, by the database's clock.
    at: i64,
    part: Option<Part>,
    /// Rows to ask for at once.
    page: u32,
    /// Whether it was shown everything once, so that it is behind only if it is slow.
    is_live: bool,
    /// Whether rows are missing before the first.
    is_broken: bool,
}

/// Why watching ends.
enum Ended {
    /// Nobody watches any more.
    Left,
    Query(QueryError),
}

impl<E: Into<QueryError>> From<E> for Ended {
    fn from(error: E) -> Self {
        Self::Query(error.into())
    }
}

impl Tail {
    /// Over connections that see everything, until `stop`. Who is further `behind` than so many rows goes on at the newest ones.
    pub fn new(pool: Pool, behind: u64, stop: CancellationToken) -> Self {
        let behind = i64::try_from(behind).unwrap_or(i64::MAX);
        Self { watcher: Watcher::new(pool, stop), behind }
    }

    /// Somebody who watches from now on, or from a token on. What is wrong with the filter shows here, as far as it can.
    pub async fn watch(
        &self,
        pool: &Pool,
        timeout: Duration,
        filter: Filter,
        token: Option<Token>,
    ) -> Result<Watch, QueryError> {
        let news = self.watcher.subscribe().await?;
        let now = news.borrow().clone();
        let nothing = Window::nowhere().statement(&filter, None, 1);
        within(timeout, async {
            let running = Running::begin(pool).await?;
            let _: Vec<_> = running.rows(&nothing).await?.try_collect().await?;
            running.finish();
            Ok(())
        })
        .await?;
        let (history, pool) = (now.history, pool.clone());
        let mut watch = Watch {
            tail: self.clone(),
            pool,
            timeout,
            filter,
            news,
            history,
            seen: now.snapshot.clone(),
            at: now.at,
            part: None,
            page: PAGE,
            is_live: token.is_none(),
            is_broken: false,
        };
        match token {
            // Of a time that isn't kept, or that a failover has undone.
            Some(token) if now.at - token.at > KEPT || token.seen.next() > now.snapshot.next() => {
                watch.is_broken = true;
            }
            Some(token) => {
                (watch.seen, watch.part, watch.at) = (token.seen, token.part, token.at);
            }
            None => {}
        }
        Ok(watch)
    }
}

impl Watch {
    /// Sends what is committed, until nobody takes it, or the service stops.
    pub async fn run(mut self, events: Sender<Event>) {
        let stop = self.tail.watcher.stop().clone();
        tokio::select! {
            () = stop.cancelled() => {}
            () = events.closed() => {}
            () = self.follow(&events) => {}
        }
    }

    async fn follow(&mut self, events: &Sender<Event>) {
        if self.is_broken && self.send(events, |token| Event::Skipped(None, token)).await.is_err() {
            return;
        }
        // So that whoever reads knows from where on it is shown everything.
        if self.send(events, Event::Reached).await.is_err() {
            return;
        }
        loop {
            match self.step(events).await {
                Ok(true) => {}
                Ok(false) => {
                    if self.news.changed().await.is_err() {
                        return;
                    }
                    continue;
                }
                Err(Ended::Left) => return,
                Err(Ended::Query(
                    error @ (QueryError::Invalid(_)
                    | QueryError::Forbidden(_)
                    | QueryError::Missing(_)),
                )) => {
                    let _ = events.send(Event::Failed(error)).await;
                    return;
                }
                Err(Ended::Query(error)) => {
                    tracing::debug!(%error, "rows can't be shown at the moment");
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }

    /// Shows the next group, or the rest of one. Answers whether there may be another.
    async fn step(&mut self, events: &Sender<Event>) -> Result<bool, Ended> {
        let news = self.news.borrow_and_update().clone();
        if news.history != self.history || news.at - self.at > KEPT {
            (self.history, self.at) = (news.history, news.at);
            (self.seen, self.part) = (news.snapshot, None);
            self.send(events, |token| Event::Skipped(None, token)).await?;
            return Ok(false);
        }
        let target = match &self.part {
            Some(part) => part.target.clone(),
            None => news.snapshot.clone(),
        };
        let group = self.group(&news, &target).await?;
        let is_over = group.is_last && self.part.is_none();
        if self.is_live && self.part.is_none() && self.is_too_far_behind(&group, &target).await? {
            let count = self.count_to(&target).await?;
            (self.seen, self.at) = (self.seen.with(&target), news.at);
            self.send(events, |token| Event::Skipped(count, token)).await?;
            return Ok(true);
        }
        let is_shown = self.show(&group, &target, events).await;
        if let Err(Ended::Query(QueryError::Timeout)) = is_shown {
            // It would take as long the next time.
            (self.seen, self.part) = (group.then.clone(), None);
            self.send(events, |token| Event::Skipped(None, token)).await?;
            return Ok(!is_over);
        }
        is_shown?;
        (self.seen, self.part) = (group.then, None);
        if is_over {
            (self.is_live, self.at) = (true, news.at);
        }
        self.send(events, Event::Reached).await?;
        Ok(!is_over)
    }

    /// Shows the rows of a group, from where it was left.
    async fn show(
        &mut self,
        group: &Group,
        target: &Snapshot,
        events: &Sender<Event>,
    ) -> Result<(), Ended> {
        for window in group.windows() {
            let mut is_more = true;
            while is_more && window.reaches_behind(self.place()) {
                let (rows, last, rest) = self.page(&window).await?;
                is_more = rest;
                if let Some(behind) = last {
                    self.part = Some(Part { target: target.clone(), behind });
                    self.send(events, |token| Event::Rows(rows, token)).await?;
                }
            }
        }
        Ok(())
    }

    fn place(&self) -> Option<Place> {
        self.part.as_ref().map(|part| part.behind)
    }

    /// The next rows of a window, the place of the last, and whether there may be more.
    async fn page(
        &mut self,
        window: &Window,
    ) -> Result<(Vec<Vec<u8>>, Option<Place>, bool), QueryError> {
        let wanted = self.page;
        within(self.timeout, async {
            let running = Running::begin(&self.pool).await?;
            let sql = window.statement(&self.filter, self.place(), wanted);
            let mut found = std::pin::pin!(running.rows(&sql).await?);
            let (mut rows, mut last, mut bytes) = (Vec::new(), None, 0);
            while bytes < MOST_BYTES {
                let Some(row) = found.try_next().await? else {
                    let is_full = rows.len() == wanted as usize;
                    self.page = rows_in(PAGE_BYTES, rows.len(), bytes);
                    running.finish();
                    return Ok((rows, last, is_full));
                };
                let mut json = Vec::new();
                row::write_json(&row, self.filter.tables.columns(), &mut json);
                bytes += json.len();
                rows.push(json);
                last = Some(row::place(&row)?);
            }
            // What is left isn't read: the query is cancelled.
            self.page = rows_in(PAGE_BYTES, rows.len(), bytes);
            Ok((rows, last, true))
        })
        .await
    }

    async fn group(&self, news: &News, target: &Snapshot) -> Result<Group, QueryError> {
        within(self.timeout, async {
            let running = Running::begin(&self.pool).await?;
            if news.is_standby {
                has_reached(&running, &news.snapshot).await?;
            }
            let group = Group::read(&running, &self.seen, target).await?;
            running.finish();
            Ok(group)
        })
        .await
    }

    /// Whether more rows wait than a client may be behind.
    async fn is_too_far_behind(
        &self,
        group: &Group,
        target: &Snapshot,
    ) -> Result<bool, QueryError> {
        if group.is_last {
            return Ok(group.rows() > self.tail.behind);
        }
        let mut sql = Sql {
            text: "SELECT coalesce(sum(rows), 0)::bigint AS rows FROM log.feed WHERE ".to_owned(),
            params: Vec::new(),
        };
        news::push_unseen(&mut sql, &self.seen);
        sql.params.push(Param::Text(target.to_string()));
        sql.text.push_str(" AND pg_visible_in_snapshot(xid, $3::pg_snapshot)");
        let rows = within(self.timeout, async {
            let running = Running::begin(&self.pool).await?;
            let rows: Vec<_> = running.rows(&sql).await?.try_collect().await?;
            running.finish();
            Ok(rows)
        })
        .await?;
        let waiting: i64 = rows.first().map_or(Ok(0), |row| row.try_get("rows"))?;
        Ok(waiting > self.tail.behind)
    }

    /// How many of the filter's rows there are from what was seen to `target`; `None` when counting takes too long.
    async fn count_to(&self, target: &Snapshot) -> Result<Option<i64>, QueryError> {
        let counted = within(self.timeout, async {
            let running = Running::begin(&self.pool).await?;
            let (mut seen, mut rows) = (self.seen.clone(), 0);
            loop {
                let group = Group::read(&running, &seen, target).await?;
                for window in group.windows() {
                    let sql = window.count(&self.filter);
                    let found: Vec<_> = running.rows(&sql).await?.try_collect().await?;
                    rows += found.first().map_or(Ok(0), |row| row.try_get::<_, i64>("count"))?;
                }
                if group.is_last {
                    running.finish();
                    return Ok(rows);
                }
                seen = group.then;
            }
        });
        match counted.await {
            Ok(rows) => Ok(Some(rows)),
            Err(QueryError::Timeout) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn send(
        &self,
        events: &Sender<Event>,
        event: impl FnOnce(Token) -> Event,
    ) -> Result<(), Ended> {
        let token = Token { at: self.at, seen: self.seen.clone(), part: self.part.clone() };
        events.send(event(token)).await.map_err(|_| Ended::Left)
    }
}

/// How many rows make a page, when so many had so many bytes.
fn rows_in(page: usize, rows: usize, bytes: usize) -> u32 {
    let fit = page.saturating_mul(rows.max(1)) / bytes.max(1);
    u32::try_from(fit).unwrap_or(PAGE).clamp(1, PAGE)
}

/// Of several standbys one may be behind the one that the news is of.
async fn has_reached(running: &Running, snapshot: &Snapshot) -> Result<(), QueryError> {
    let sql = Sql {
        text: "SELECT pg_snapshot_xmin(pg_current_snapshot()) >= $1::xid8 AS has_reached"
            .to_owned(),
        params: vec![Param::Text(snapshot.next().to_string())],
    };
    let rows: Vec<_> = running.rows(&sql).await?.try_collect().await?;
    let has_reached = rows.first().map_or(Ok(false), |row| row.try_get("has_reached"))?;
    has_reached.then_some(()).ok_or(QueryError::Behind)
}
