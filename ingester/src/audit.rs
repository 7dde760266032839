//! Who asked what: a row of `log.component` for each request to the API, stored as every other record is, by the writers.
//!
//! Nobody waits for such a row. It goes into a bounded queue, and when that is full, it is lost and counted: the next row that is stored says
//! how many are. What is in the queue when the process is killed is lost without a word.
//!
//! A row belongs to a namespace of its own and to no cluster, so no tenant ever sees one.

mod chunk;
mod kept;
mod write;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use tokio::sync::mpsc::{self, Receiver, Sender};

use crate::metrics::Metrics;
pub use kept::kept;
pub use write::write;

/// The rows' component, and their namespace.
pub const NAME: &str = "trunkline-audit";

/// Rows that wait to be stored: those of some seconds in which the database takes none. A row has a few KiB at most.
const QUEUE: usize = 4_096;

/// What is kept of a request, in the column `extra`. Texts have gone through [`kept`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The token's name, or whom the identity provider vouched for.
    pub name: String,
    /// As whom it was answered; `None` sees all clusters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// How the caller showed who it is.
    pub access: &'static str,
    /// Of HTTP.
    pub method: String,
    /// The endpoint.
    pub path: String,
    /// The filter and whatever else was asked for, as it was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// The caller's own statement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statement: Option<String>,
    /// `None` when the client left before there was an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Rows of logs, or of a statement, that were sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// From the request to the end of the answer.
    pub milliseconds: u64,
    /// Who is at the other end of the connection: a proxy, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<SocketAddr>,
    /// Whom a proxy says it asks for. Anybody can say so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forwarded_for: Option<String>,
    /// What the client calls itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
}

/// Takes entries. Clones share the queue.
#[derive(Debug, Clone)]
pub struct Audit {
    queue: Sender<Entry>,
    lost: Arc<Lost>,
}

/// The other end of the queue.
#[derive(Debug)]
pub struct Entries {
    queue: Receiver<Entry>,
    lost: Arc<Lost>,
}

/// Entries that are in no row.
#[derive(Debug)]
struct Lost {
    /// Those of which no row says so yet.
    untold: AtomicU64,
    metrics: Metrics,
}

impl Lost {
    fn add(&self, count: u64) {
        self.untold.fetch_add(count, Ordering::Relaxed);
        self.metrics.audit_lost.inc_by(count);
    }
}

impl Audit {
    /// The queue, and where entries come out.
    pub fn new(metrics: Metrics) -> (Self, Entries) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let lost = Arc::new(Lost { untold: AtomicU64::new(0), metrics });
        (Self { queue: sender, lost: Arc::clone(&lost) }, Entries { queue: receiver, lost })
    }

    /// Takes an entry if there is room.
    pub fn take(&self, entry: Entry) {
        if self.queue.try_send(entry).is_err() {
            self.lost.add(1);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn entry() -> Entry {
        Entry {
            name: "token grafana".to_owned(),
            tenant: Some("orders_team".into()),
            access: "token",
            method: "GET".to_owned(),
            path: "/api/v1/logs".to_owned(),
            query: Some("cluster=orders".to_owned()),
            statement: None,
            status: Some(200),
            rows: Some(3),
            milliseconds: 4,
            client: None,
            forwarded_for: None,
            user_agent: None,
        }
    }

    #[test]
    fn what_finds_no_room_is_counted() {
        let metrics = Metrics::default();
        let (audit, entries) = Audit::new(metrics.clone());
        for _ in 0..QUEUE + 7 {
            audit.take(entry());
        }
        assert_eq!((entries.queue.len(), metrics.audit_lost.get()), (QUEUE, 7));
        assert_eq!(entries.lost.untold.load(Ordering::Relaxed), 7);
    }
}
