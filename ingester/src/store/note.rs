//! Writes what was refused at the door into `log.rejected`: see [`crate::receive::forbidden`].

use tokio::sync::mpsc::Receiver;
use tokio_postgres::types::ToSql;
use tokio_util::sync::CancellationToken;
use trunkline_record::escape;

use super::backoff::Backoff;
use super::class::Class;
use super::pool::{Pool, PoolError, describe};
use super::streams::uuid;
use crate::receive::forbidden::Note;

/// The stream's position stays where it is: nothing of the forward chunk was looked at.
const INSERT: &str = "\
INSERT INTO log.rejected (stream, position, namespace, cluster, pod, container, node, role, path, reason, raw) \
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, '')";

/// Writes notes until there won't be another, or `stop`.
pub async fn write_notes(pool: Pool, mut notes: Receiver<Note>, stop: CancellationToken) {
    while let Some(note) = notes.recv().await {
        if stop.run_until_cancelled(write(&pool, &note)).await.is_none() {
            return;
        }
    }
}

/// However long it takes, unless the database means this note.
async fn write(pool: &Pool, note: &Note) {
    let mut backoff = Backoff::default();
    loop {
        match insert(pool, note).await {
            Ok(()) => return,
            Err(PoolError::Database(error))
                if !matches!(Class::of(&error), Class::Transient(_)) =>
            {
                return tracing::warn!(
                    error = describe(&error),
                    "a refused forward chunk can't be noted in log.rejected"
                );
            }
            Err(error) => {
                tracing::debug!(%error, "a refused forward chunk can't be noted yet");
                tokio::time::sleep(backoff.next_wait()).await;
            }
        }
    }
}

async fn insert(pool: &Pool, note: &Note) -> Result<(), PoolError> {
    let Note { header, reason } = note;
    let text = |text: &str| escape::to_text(text.as_bytes()).into_owned();
    let source = header.source.fields().map(|(_, value)| value.as_deref().map(text));
    let (stream, position) = (uuid(header.stream), header.from.cast_signed());
    let (path, reason) = (header.path.as_deref().map(text), text(&reason.to_string()));
    let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&stream, &position];
    parameters.extend(source.iter().map(|value| value as &(dyn ToSql + Sync)));
    parameters.extend([&path as &(dyn ToSql + Sync), &reason]);
    let client = pool.get().await?;
    let inserted = client.execute(INSERT, &parameters).await;
    if inserted.is_err() {
        // As everywhere: it may have become a standby's.
        drop(deadpool_postgres::Client::take(client));
    }
    inserted?;
    Ok(())
}
