//! Streams that come to a shard after another one had them: their positions come with them.
//!
//! A stream's position lies where its rows are, and its cluster decides where that is. When a cluster is moved to another shard, or
//! becomes known in the middle of a stream, the stream begins there as one that was never seen; whatever the old shard had stored and
//! the sender holds no ack for would be stored again. So a stream that is new to this process is looked for in all other shards, and the
//! greatest position found is written into its shard before its first forward chunk is stored: what is below is skipped, as always.
//!
//! A shard that doesn't answer isn't waited for, since it may be away for good, and that may be why its clusters were moved: then
//! what it had stored without an ack is stored again, and none is lost. What is moved back goes on where the last shard ended.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{Receiver, Sender};
use tokio_postgres::types::ToSql;
use trunkline_record::{ChunkHeader, StreamId};
use uuid::Uuid;

use super::backoff::Backoff;
use super::pool::{Pool, PoolError, describe};
use super::streams::uuid;
use crate::chunk::Chunk;
use crate::health::Health;

/// Stands between the connections and the queue of a shard's writers.
#[derive(Debug)]
pub struct Handover {
    own: Pool,
    others: Vec<Other>,
    /// Streams that were looked for.
    settled: HashSet<StreamId>,
    health: Health,
}

/// Another shard.
#[derive(Debug)]
struct Other {
    name: Arc<str>,
    pool: Pool,
    /// It didn't answer, and isn't asked until then.
    ask_after: Option<Instant>,
}

/// What another shard has of a stream: all below a position, and ranges beyond it.
type Had = (i64, Option<String>);

/// The part of [`Health`] that this answers for.
const PART: &str = "handover";
/// Forward chunks that are looked at together.
const AT_ONCE: usize = 1_000;
/// Streams that are remembered to be settled. Forgetting costs a little, never more.
const SETTLED: usize = 65_536;
/// How long another shard may take to answer.
const ANSWER: Duration = Duration::from_secs(2);
/// How long one that didn't isn't asked again.
const PAUSE: Duration = Duration::from_secs(30);

const ASK: &str =
    "SELECT stream, position, ahead::text FROM log.stream WHERE stream = ANY($1::uuid[])";

const TAKE_OVER: &str = "\
INSERT INTO log.stream AS s (stream, position, namespace, cluster, pod, container, node, role, path, ahead) \
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::text::int8multirange) \
ON CONFLICT (stream) DO UPDATE SET position = greatest(s.position, excluded.position), \
ahead = nullif(coalesce(s.ahead, '{}') + coalesce(excluded.ahead, '{}'), '{}')";

impl Handover {
    /// In front of the shard that `own` leads to.
    pub fn new(own: Pool, others: Vec<(Arc<str>, Pool)>, health: Health) -> Self {
        let others = others.into_iter().map(|(name, pool)| Other { name, pool, ask_after: None });
        Self { own, others: others.collect(), settled: HashSet::new(), health }
    }

    /// Works until every sender to `queue` is gone and what it held is passed on.
    pub async fn run(mut self, mut queue: Receiver<Chunk>, writer: Sender<Chunk>) {
        let mut chunks = Vec::new();
        while queue.recv_many(&mut chunks, AT_ONCE).await > 0 {
            self.settle(&chunks).await;
            for chunk in chunks.drain(..) {
                if writer.send(chunk).await.is_err() {
                    return;
                }
            }
        }
    }

    /// Takes over the positions of those streams that are new here. A forward chunk of another sender is a stream that begins and ends
    /// with it; none of them is looked for.
    async fn settle(&mut self, chunks: &[Chunk]) {
        let mut new: HashMap<StreamId, &Chunk> = HashMap::new();
        for chunk in chunks {
            let stream = chunk.header.stream;
            if chunk.foreign.is_none() && !self.settled.contains(&stream) {
                new.entry(stream).or_insert(chunk);
            }
        }
        if new.is_empty() {
            return;
        }
        let streams: Vec<Uuid> = new.keys().map(|stream| uuid(*stream)).collect();
        let mut found: HashMap<StreamId, Vec<Had>> = HashMap::new();
        for other in &mut self.others {
            for (stream, had) in other.ask(&streams).await {
                found.entry(stream).or_default().push(had);
            }
        }
        if self.settled.len() > SETTLED {
            self.settled.clear();
        }
        for (stream, chunk) in new {
            let found = found.remove(&stream).unwrap_or_default();
            let position = found.iter().map(|(position, _)| *position).max();
            for had in &found {
                self.take_over(chunk, had).await;
            }
            // What is before it may be on its way to another shard: then it will be refused, sent again, and looked for again.
            let ChunkHeader { from, acked, .. } = chunk.header;
            let nothing_before = acked.is_none_or(|acked| from == 0 || from == acked);
            if nothing_before || position.is_some_and(|at| at.cast_unsigned() >= from) {
                self.settled.insert(stream);
            }
        }
    }

    /// However long it takes: nothing of the stream can be stored before.
    async fn take_over(&self, chunk: &Chunk, had: &Had) {
        let mut backoff = Backoff::default();
        loop {
            let error = match insert(&self.own, chunk, had).await {
                Ok(()) => {
                    self.health.clear(PART);
                    let (stream, position) = (chunk.header.stream, had.0);
                    return tracing::info!(%stream, position, "stream taken over from another shard");
                }
                Err(error) => error,
            };
            self.health.set(PART, error.to_string());
            let wait = backoff.next_wait();
            tracing::warn!(%error, ?wait, "a stream can't be taken over from another shard yet");
            tokio::time::sleep(wait).await;
        }
    }
}

impl Other {
    /// The positions of those streams that it has; none when it doesn't answer.
    async fn ask(&mut self, streams: &[Uuid]) -> Vec<(StreamId, Had)> {
        if self.ask_after.is_some_and(|moment| Instant::now() < moment) {
            return Vec::new();
        }
        let asked = tokio::time::timeout(ANSWER, positions(&self.pool, streams)).await;
        let reason = match asked {
            Ok(Ok(found)) => {
                self.ask_after = None;
                return found;
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {ANSWER:?}"),
        };
        self.ask_after = Some(Instant::now() + PAUSE);
        tracing::warn!(shard = %self.name, reason, "a shard can't be asked for streams that it may have had; new ones begin without it");
        Vec::new()
    }
}

async fn positions(pool: &Pool, streams: &[Uuid]) -> Result<Vec<(StreamId, Had)>, PoolError> {
    let client = pool.get().await?;
    let rows =
        client.query_typed(ASK, &[(&streams, tokio_postgres::types::Type::UUID_ARRAY)]).await?;
    let read = |row: &tokio_postgres::Row| {
        (StreamId(row.get::<_, Uuid>(0).into_bytes()), (row.get(1), row.get(2)))
    };
    Ok(rows.iter().map(read).collect())
}

async fn insert(pool: &Pool, chunk: &Chunk, (position, ahead): &Had) -> Result<(), PoolError> {
    let header = &chunk.header;
    let stream = uuid(header.stream);
    let source = header.source.fields().map(|(_, value)| value.as_deref());
    let path = header.path.as_deref();
    let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&stream, position];
    parameters.extend(source.iter().map(|value| value as &(dyn ToSql + Sync)));
    parameters.push(&path);
    parameters.push(ahead);
    let client = pool.get().await?;
    let inserted = client.execute(TAKE_OVER, &parameters).await;
    if let Err(error) = &inserted {
        tracing::debug!(error = describe(error), "a position could not be taken over");
        // As everywhere: it may have become a standby's.
        drop(deadpool_postgres::Client::take(client));
    }
    inserted?;
    Ok(())
}
