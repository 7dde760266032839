//! How each cluster is: its pods, how much they write and how much of it is bad, how far behind they are, and its last failover.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::TryStreamExt;
use serde::Serialize;
use tokio_postgres::Row;
use trunkline_query::{Param, Sql};

use super::clusters::{self, Cluster};
use super::failovers::{Failover, failover};
use super::running::{QueryError, Running};
use super::within;
use crate::store::Pool;

/// A cluster.
#[derive(Debug, Serialize)]
pub struct State {
    /// Its namespace.
    pub namespace: Option<String>,
    /// Its name.
    pub cluster: Option<String>,
    /// When rows of it were last stored.
    pub last_seen: DateTime<Utc>,
    /// Rows that it wrote in the last minute, over all tables.
    pub rows_per_minute: i64,
    /// Those among them that are an ERROR or graver.
    pub errors_per_minute: i64,
    /// The last time that a pod became its leader.
    pub last_failover: Option<Failover>,
    /// Its pods, or hosts.
    pub pods: Vec<Pod>,
}

/// A pod, or host.
#[derive(Debug, Serialize)]
pub struct Pod {
    /// Its name.
    pub pod: Option<String>,
    /// Its role when it was last heard of.
    pub role: Option<String>,
    /// The machine it ran on then.
    pub node: Option<String>,
    /// When rows of it were last stored.
    pub last_seen: DateTime<Utc>,
    /// Seconds between the writing and the storing of its newest row; `None` when it wrote nothing in the last minute.
    pub lag_s: Option<i64>,
    /// Rows that it wrote in the last minute.
    pub rows_per_minute: i64,
    /// Those among them that are an ERROR or graver.
    pub errors_per_minute: i64,
}

/// What is counted.
const MINUTE: TimeDelta = TimeDelta::minutes(1);

const RECENT: &str = "\
    SELECT namespace, cluster, pod, count(*) AS rows, count(*) FILTER (WHERE error_severity >= 'ERROR') AS errors, \
    max(log_time) AS newest FROM (\
    SELECT log_time, namespace, cluster, pod, error_severity FROM log.postgres WHERE log_time >= $1 UNION ALL \
    SELECT log_time, namespace, cluster, pod, error_severity FROM log.patroni WHERE log_time >= $1 UNION ALL \
    SELECT log_time, namespace, cluster, pod, error_severity FROM log.component WHERE log_time >= $1) AS every \
    GROUP BY namespace, cluster, pod";

const LAST_FAILOVERS: &str = "\
    SELECT DISTINCT ON (namespace, cluster) at, namespace, cluster, pod, source, \
    lag(pod) OVER (PARTITION BY namespace, cluster ORDER BY at) AS was \
    FROM log.failover ORDER BY namespace, cluster, at DESC";

/// A pod by its namespace, cluster and name.
type Name = (Option<String>, Option<String>, Option<String>);

struct Recent {
    rows: i64,
    errors: i64,
    newest: DateTime<Utc>,
}

/// All clusters, by their names.
pub async fn fleet(
    pool: &Pool,
    timeout: Duration,
    now: DateTime<Utc>,
) -> Result<Vec<State>, QueryError> {
    within(timeout, async {
        let running = Running::begin(pool).await?;
        let clusters = clusters::all(&running).await?;
        let since = Sql { text: RECENT.to_owned(), params: vec![Param::Time(now - MINUTE)] };
        let recent: Vec<_> = running.rows(&since).await?.try_collect().await?;
        let last = Sql { text: LAST_FAILOVERS.to_owned(), params: Vec::new() };
        let failovers: Vec<_> = running.rows(&last).await?.try_collect().await?;
        running.finish();
        let mut recent = recent.iter().map(of_pod).collect::<Result<HashMap<_, _>, _>>()?;
        let mut last = HashMap::new();
        for row in &failovers {
            let failover = failover(row)?;
            last.insert((failover.namespace.clone(), failover.cluster.clone()), failover);
        }
        let states = clusters.into_iter().map(|cluster| {
            let failover = last.remove(&(cluster.namespace.clone(), cluster.cluster.clone()));
            state(cluster, &mut recent, failover)
        });
        Ok(states.collect())
    })
    .await
}

fn of_pod(row: &Row) -> Result<(Name, Recent), tokio_postgres::Error> {
    let name = (row.try_get("namespace")?, row.try_get("cluster")?, row.try_get("pod")?);
    let recent = Recent {
        rows: row.try_get("rows")?,
        errors: row.try_get("errors")?,
        newest: row.try_get("newest")?,
    };
    Ok((name, recent))
}

fn state(
    of: Cluster,
    recent: &mut HashMap<Name, Recent>,
    last_failover: Option<Failover>,
) -> State {
    let Cluster { namespace, cluster, last_seen, pods } = of;
    let pods: Vec<Pod> = pods
        .into_iter()
        .map(|pod| {
            let recent = recent.remove(&(namespace.clone(), cluster.clone(), pod.pod.clone()));
            // A clock that goes ahead is no negative lag.
            let lag =
                recent.as_ref().map(|recent| (pod.last_seen - recent.newest).num_seconds().max(0));
            Pod {
                pod: pod.pod,
                role: pod.role,
                node: pod.node,
                last_seen: pod.last_seen,
                lag_s: lag,
                rows_per_minute: recent.as_ref().map_or(0, |recent| recent.rows),
                errors_per_minute: recent.as_ref().map_or(0, |recent| recent.errors),
            }
        })
        .collect();
    State {
        namespace,
        cluster,
        last_seen,
        rows_per_minute: pods.iter().map(|pod| pod.rows_per_minute).sum(),
        errors_per_minute: pods.iter().map(|pod| pod.errors_per_minute).sum(),
        last_failover,
        pods,
    }
}
