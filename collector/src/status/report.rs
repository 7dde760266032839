//! `/status`: everything a person asks who wonders why a record isn't there yet.
//!
//! Sizes are bytes, times RFC 3339 in UTC. Of the streams, those that lag most come first, and only as
//! many as asked for.

use std::{
    collections::BTreeMap,
    sync::{PoisonError, atomic::Ordering::Relaxed},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use humantime_serde::re::humantime::format_rfc3339_millis;
use serde::{Deserialize, Serialize};
use trunkline_record::Source;

use super::Status;
use crate::{
    config::WhenFull,
    discover::{kubernetes::Access, patroni},
    sources::PodLogs,
    streams::Stream,
};

/// So many streams, and so many problems, are shown unless `limit` says otherwise.
const LIMIT: usize = 100;

/// However many are asked for.
const MOST: usize = 10_000;

/// `?limit=`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// How many streams, and how many problems, at most.
    limit: Option<usize>,
}

/// The page.
#[derive(Debug, Serialize)]
pub struct Report {
    version: &'static str,
    uptime_seconds: u64,
    source: BTreeMap<&'static str, String>,
    ship: Ship,
    /// Absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    spool: Option<Spool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patroni: Option<Patroni>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kubernetes: Option<Kubernetes>,
    files: Files,
    /// What keeps the collector from reading, or from being ready; each a sentence.
    problems: Vec<String>,
    /// Bytes of all streams that are not acknowledged.
    lag_bytes: u64,
    /// How many streams are known.
    streams_known: usize,
    streams: Vec<StreamReport>,
}

#[derive(Debug, Serialize)]
struct Ship {
    address: String,
    connected: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    connected_to: Option<String>,
    /// Since when it is, or isn't, connected; absent before the first connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    connections: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<Failure>,
    window_bytes: u64,
    unacked_bytes: i64,
    unacked_chunks: i64,
}

#[derive(Debug, Serialize)]
struct Spool {
    max_bytes: u64,
    bytes: i64,
    /// Forward chunks that wait in it alone.
    chunks: i64,
    when_full: WhenFull,
    /// There was no room, and nothing was taken out since.
    full: bool,
    /// The last attempt to write it failed.
    failing: bool,
    /// Since the collector started.
    dropped_records: u64,
    damaged: u64,
    failures: u64,
}

#[derive(Debug, Serialize)]
struct Failure {
    at: String,
    error: String,
}

#[derive(Debug, Serialize)]
struct Patroni {
    url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answered_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Debug, Serialize)]
struct Kubernetes {
    /// `off`, `connecting`, `watching` or `failing`.
    api: &'static str,
    since: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// Pods of this node that the API has told of.
    pods: usize,
    /// Pods that have logs and that the API hasn't told of.
    pods_unknown: usize,
    /// What can't be known as it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    unknown: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct Files {
    matched: usize,
    open: i64,
    /// Files whose pod isn't known yet.
    waiting: usize,
    globs_without_files: Vec<String>,
}

#[derive(Debug, Serialize)]
struct StreamReport {
    stream: String,
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<String>,
    source: BTreeMap<&'static str, String>,
    size: u64,
    /// Everything below is in closed forward chunks.
    position: u64,
    /// Everything below is stored.
    acked: u64,
    lag_bytes: u64,
    /// For how long the oldest byte that isn't acknowledged has been seen in the file.
    lag_seconds: f64,
    /// When the last record was written, by its own word.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_record_at: Option<String>,
    /// Since the collector started, rejected ones included.
    records: u64,
    rejected: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<Failure>,
}

impl Status {
    /// The page at this moment.
    pub(super) fn report(&self, asked: &Asked) -> Report {
        let limit = asked.limit.unwrap_or(LIMIT).min(MOST);
        let now = Instant::now();
        let matched = self.metrics.matched();
        let mut streams = self.streams.all();
        let (lag_bytes, streams_known) =
            (streams.iter().map(|stream| stream.lag()).sum(), streams.len());
        streams.sort_by_key(|stream| std::cmp::Reverse(stream.lag()));
        streams.truncate(limit);
        let mut problems = self.reasons();
        let unread = self.metrics.problems(limit);
        problems
            .extend(unread.iter().map(|(path, problem)| format!("{}: {problem}", path.display())));
        problems.truncate(limit);
        Report {
            version: env!("CARGO_PKG_VERSION"),
            uptime_seconds: now.saturating_duration_since(self.started).as_secs(),
            source: fields(&self.sources.own().source()),
            ship: self.ship(),
            spool: self.spool(),
            patroni: self.patroni.as_ref().map(patroni_report),
            kubernetes: self.sources.pod_logs().map(|logs| kubernetes(logs, now)),
            files: Files {
                matched: matched.files,
                open: self.metrics.files_open.get(),
                waiting: matched.waiting,
                globs_without_files: matched.none,
            },
            problems,
            lag_bytes,
            streams_known,
            streams: streams.iter().map(|stream| StreamReport::of(stream, now)).collect(),
        }
    }

    fn spool(&self) -> Option<Spool> {
        let (numbers, config) = (&self.metrics.spool, &self.spool);
        // One that is switched off may still hold what an earlier run left.
        (config.is_on() || numbers.bytes.get() > 0).then(|| Spool {
            max_bytes: config.max_size.as_u64(),
            bytes: numbers.bytes.get(),
            chunks: numbers.chunks.get(),
            when_full: config.when_full,
            full: numbers.full.load(Relaxed),
            failing: numbers.failing.load(Relaxed),
            dropped_records: numbers.dropped.get(),
            damaged: numbers.damaged.get(),
            failures: numbers.failures.get(),
        })
    }

    fn ship(&self) -> Ship {
        let connection = self.metrics.connection.look();
        Ship {
            address: self.address.to_string(),
            connected: connection.to.is_some(),
            connected_to: connection.to,
            since: connection.since.map(shown),
            connections: self.metrics.connects.get(),
            last_error: connection.error.map(failure),
            window_bytes: self.window,
            unacked_bytes: self.metrics.unacked_bytes.get(),
            unacked_chunks: self.metrics.unacked_chunks.get(),
        }
    }
}

impl StreamReport {
    fn of(stream: &Stream, now: Instant) -> Self {
        let progress = stream.with_progress(|progress| progress.clone());
        let path = progress.path.to_string_lossy();
        Self {
            stream: stream.id.to_string(),
            path: if path.is_empty() { stream.path.clone() } else { path.into_owned() },
            source: fields(&progress.source),
            size: stream.size(),
            position: stream.read(),
            acked: stream.acked(),
            lag_bytes: stream.lag(),
            lag_seconds: progress.lag_age(now).as_secs_f64(),
            last_record_at: progress.last_record.and_then(from_micros).map(shown),
            records: progress.records,
            rejected: progress.rejected,
            format: progress.format,
            last_error: progress.error.map(failure),
        }
    }
}

fn patroni_report(shown_: &patroni::Shown) -> Patroni {
    let state = shown_.state.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let (at, answer) = state.answer.unzip();
    let member = answer.as_ref().map(|answer| answer.patroni.clone()).unwrap_or_default();
    Patroni {
        url: shown_.url.clone(),
        role: answer.as_ref().map(|answer| answer.role.clone()),
        state: answer.and_then(|answer| answer.state),
        scope: member.scope,
        name: member.name,
        version: member.version,
        answered_at: at.map(shown),
        error: state.error,
    }
}

fn kubernetes(logs: &PodLogs, now: Instant) -> Kubernetes {
    let state = logs.api();
    let (pods, pods_unknown) = logs.with(|pods| (pods.present(), pods.unknown(now)));
    let (api, error) = match state.access {
        Access::Off => ("off", None),
        Access::Connecting => ("connecting", None),
        Access::Watching => ("watching", None),
        Access::Failing(error) => ("failing", Some(error)),
    };
    let unknown = (api != "watching").then_some(
        "labels, cluster and role of pods that the API hasn't told of; presets need them",
    );
    Kubernetes { api, since: shown(state.since), error, pods, pods_unknown, unknown }
}

fn fields(source: &Source) -> BTreeMap<&'static str, String> {
    source.fields().into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect()
}

fn failure((at, error): (SystemTime, String)) -> Failure {
    Failure { at: shown(at), error }
}

fn shown(time: SystemTime) -> String {
    format_rfc3339_millis(time).to_string()
}

/// None before 1970, and beyond what a date can show.
fn from_micros(micros: i64) -> Option<SystemTime> {
    let since = Duration::from_micros(u64::try_from(micros).ok()?);
    // The year 9999 is where RFC 3339 ends.
    (since.as_secs() < 253_402_300_800).then(|| UNIX_EPOCH + since)
}
