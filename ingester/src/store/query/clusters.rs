//! Which clusters there are, and which servers they have: what `log.stream` knows.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::TryStreamExt;
use serde::Serialize;
use tokio_postgres::Row;
use trunkline_query::Sql;

use super::running::{QueryError, Running};
use super::within;
use crate::store::Pool;

/// A cluster, as far as its name is known.
#[derive(Debug, Serialize)]
pub struct Cluster {
    /// Its namespace.
    pub namespace: Option<String>,
    /// Its name.
    pub cluster: Option<String>,
    /// When rows of it were last stored.
    pub last_seen: DateTime<Utc>,
    /// Its pods, or hosts.
    pub pods: Vec<Pod>,
}

/// A pod, or host, of a cluster.
#[derive(Debug, Serialize)]
pub struct Pod {
    /// Its name.
    pub pod: Option<String>,
    /// Its role when it was last heard of.
    pub role: Option<String>,
    /// The machine it ran on then.
    pub node: Option<String>,
    /// How many log files are known of it.
    pub streams: i64,
    /// When its first row was stored.
    pub first_seen: DateTime<Utc>,
    /// When rows of it were last stored.
    pub last_seen: DateTime<Utc>,
    /// How often a sender went on behind what is stored.
    pub gaps: i64,
    /// How many bytes of log are missing there.
    pub gap_bytes: i64,
}

const PODS: &str = "\
    SELECT namespace, cluster, pod, (array_agg(role ORDER BY last_seen DESC))[1] AS role, \
    (array_agg(node ORDER BY last_seen DESC))[1] AS node, count(*) AS streams, min(first_seen) AS first_seen, \
    max(last_seen) AS last_seen, sum(gaps)::bigint AS gaps, sum(gap_bytes)::bigint AS gap_bytes \
    FROM log.stream GROUP BY namespace, cluster, pod ORDER BY namespace, cluster, pod";

/// All clusters, by their names.
pub async fn clusters(pool: &Pool, timeout: Duration) -> Result<Vec<Cluster>, QueryError> {
    within(timeout, async {
        let running = Running::begin(pool).await?;
        let clusters = all(&running).await?;
        running.finish();
        Ok(clusters)
    })
    .await
}

pub(super) async fn all(running: &Running) -> Result<Vec<Cluster>, QueryError> {
    let sql = Sql { text: PODS.to_owned(), params: Vec::new() };
    let rows: Vec<_> = running.rows(&sql).await?.try_collect().await?;
    let mut clusters = Vec::<Cluster>::new();
    for row in rows {
        let (namespace, cluster) = (row.try_get("namespace")?, row.try_get("cluster")?);
        let pod = pod(&row)?;
        match clusters.last_mut() {
            Some(last) if (&last.namespace, &last.cluster) == (&namespace, &cluster) => {
                last.last_seen = last.last_seen.max(pod.last_seen);
                last.pods.push(pod);
            }
            _ => clusters.push(Cluster {
                namespace,
                cluster,
                last_seen: pod.last_seen,
                pods: vec![pod],
            }),
        }
    }
    Ok(clusters)
}

fn pod(row: &Row) -> Result<Pod, tokio_postgres::Error> {
    Ok(Pod {
        pod: row.try_get("pod")?,
        role: row.try_get("role")?,
        node: row.try_get("node")?,
        streams: row.try_get("streams")?,
        first_seen: row.try_get("first_seen")?,
        last_seen: row.try_get("last_seen")?,
        gaps: row.try_get("gaps")?,
        gap_bytes: row.try_get("gap_bytes")?,
    })
}
