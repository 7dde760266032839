//! A month of five clusters' records, seeded, as CSV by COPY into the tables themselves.

use std::fmt::Write as _;

use anyhow::Result;
use bytes::Bytes;
use futures_util::SinkExt;

use crate::generate::Generator;

/// Clusters, each with a server whose log has a stream.
const CLUSTERS: [&str; 5] = ["orders", "billing", "stock", "audit", "web"];
const DAYS: i64 = 30;
/// Rows of a COPY.
const BATCH: usize = 50_000;

const COPY: &str = "\
COPY log.postgres (log_time, user_name, database_name, process_id, connection_from, session_id, session_line_num, command_tag, \
session_start_time, virtual_transaction_id, transaction_id, error_severity, sql_state_code, message, detail, hint, internal_query, \
internal_query_pos, context, query, query_pos, location, application_name, backend_type, leader_pid, query_id, \
namespace, cluster, pod, container, node, role, stream, position) FROM STDIN (FORMAT csv)";

/// Stores `rows` records of the 30 days up to yesterday's end.
pub(super) async fn store(url: &str, rows: usize) -> Result<()> {
    let client = super::connect(url).await?;
    let end = chrono::Utc::now().timestamp() / 86_400 * 86_400_000 - 1_000;
    // A step varies from nothing to twice as much, so the last record is near the end, and by a margin before it.
    let step = DAYS * 86_400_000 * CLUSTERS.len() as i64 / rows.max(1) as i64;
    let mut logs: Vec<_> = (0..CLUSTERS.len())
        .map(|at| (Generator::starting(at as u64 + 1, step, end - DAYS * 86_400_000), 0_u64))
        .collect();
    let (mut left, mut csv) = (rows, String::new());
    while left > 0 {
        let batch = left.min(BATCH);
        let copy = client.copy_in::<_, Bytes>(COPY).await?;
        let mut copy = std::pin::pin!(copy);
        for at in 0..batch {
            let number = at % CLUSTERS.len();
            let (generator, position) = &mut logs[number];
            let record = generator.next_record();
            csv.push_str(record.trim_end_matches('\n'));
            let cluster = CLUSTERS[number];
            // Writing into a string can't fail.
            let _ = writeln!(
                csv,
                ",shop,{cluster},{cluster}-0,postgres,node-{number},primary,0000000{number}-0000-0000-0000-000000000000,{position}"
            );
            *position += record.len() as u64;
            if csv.len() > 1 << 18 {
                copy.send(Bytes::from(std::mem::take(&mut csv))).await?;
            }
        }
        copy.send(Bytes::from(std::mem::take(&mut csv))).await?;
        copy.finish().await?;
        left -= batch;
    }
    Ok(())
}
