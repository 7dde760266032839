//! What the audit is told of a request: see [`crate::audit`].

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};

use super::Caller;
use crate::api::listener::Peer;
use crate::audit::{Audit, Entry, kept};

/// Bytes of a query string, and of a statement, that are kept.
const QUERY: usize = 2_048;
/// The same of a path, a name, and what a header says.
const SHORT: usize = 256;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// What only who answers knows. Clones share it.
#[derive(Debug, Clone, Default)]
pub(in crate::api) struct Tally(Arc<Answered>);

#[derive(Debug, Default)]
struct Answered {
    /// One more than rows: 0 where there are none to be counted.
    rows: AtomicU64,
    statement: OnceLock<String>,
}

impl Tally {
    /// So many rows more were sent.
    pub(in crate::api) fn add(&self, rows: usize) {
        let _ = self.0.rows.compare_exchange(0, 1, Ordering::Relaxed, Ordering::Relaxed);
        self.0.rows.fetch_add(rows as u64, Ordering::Relaxed);
    }

    /// The statement that the caller wrote.
    pub(in crate::api) fn statement(&self, sql: &str) {
        let _ = self.0.statement.set(kept(sql, QUERY));
    }
}

/// A request that is being answered. Dropped at the end of its answer, it becomes an entry.
#[derive(Debug)]
pub(super) struct Recorded {
    audit: Audit,
    tally: Tally,
    begun: Instant,
    entry: Option<Entry>,
}

impl Recorded {
    pub(super) fn begin(audit: &Audit, caller: &Caller, tally: &Tally, request: &Request) -> Self {
        let client = request.extensions().get::<Peer>().map(|peer| peer.0);
        let entry = Entry {
            name: kept(&caller.name, SHORT),
            tenant: caller.tenant.as_deref().map(str::to_owned),
            access: caller.by.name(),
            method: kept(request.method().as_str(), SHORT),
            path: kept(request.uri().path(), SHORT),
            query: request.uri().query().map(|query| kept(query, QUERY)),
            statement: None,
            status: None,
            rows: None,
            milliseconds: 0,
            client,
            forwarded_for: text(request.headers(), &FORWARDED_FOR),
            user_agent: text(request.headers(), &header::USER_AGENT),
        };
        let (audit, tally) = (audit.clone(), tally.clone());
        Self { audit, tally, begun: Instant::now(), entry: Some(entry) }
    }

    pub(super) fn answered(&mut self, status: StatusCode) {
        if let Some(entry) = &mut self.entry {
            entry.status = Some(status.as_u16());
        }
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        let Some(mut entry) = self.entry.take() else { return };
        let Answered { rows, statement } = &*self.tally.0;
        entry.rows = rows.load(Ordering::Relaxed).checked_sub(1);
        entry.statement = statement.get().cloned();
        entry.milliseconds = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.audit.take(entry);
    }
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let value = headers.get(name)?;
    Some(kept(&String::from_utf8_lossy(value.as_bytes()), SHORT))
}
