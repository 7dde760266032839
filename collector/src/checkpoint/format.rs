//! The checkpoint's text: JSON with a version, so that a later form can be told apart.

use std::{sync::Arc, time::SystemTime};

use serde::{Deserialize, Serialize};

use crate::{identity::FileId, streams::Stream};

#[derive(Serialize, Deserialize)]
#[serde(tag = "version")]
enum Text {
    #[serde(rename = "1")]
    V1 { streams: Vec<Entry> },
}

#[derive(Serialize, Deserialize)]
struct Entry {
    stream: String,
    dev: u64,
    inode: u64,
    fingerprint: String,
    #[serde(default)]
    generation: u32,
    path: String,
    position: u64,
    /// When the file was last there.
    #[serde(with = "humantime_serde")]
    seen: SystemTime,
}

/// Why a checkpoint can't be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum DecodeError {
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    #[error("stream {0:?} is not a stream id")]
    Stream(String),
    #[error("stream {stream}: {source}")]
    Fingerprint { stream: String, source: crate::identity::NotAFingerprint },
}

pub(super) fn encode(streams: &[Arc<Stream>]) -> Vec<u8> {
    let streams = streams
        .iter()
        .map(|stream| Entry {
            stream: stream.id.to_string(),
            dev: stream.file.dev,
            inode: stream.file.ino,
            fingerprint: stream.fingerprint.to_string(),
            generation: stream.generation,
            path: stream.path.clone(),
            position: stream.acked(),
            seen: stream.seen(),
        })
        .collect();
    let mut text = Vec::new();
    // Strings, numbers and a time after 1970 always have a JSON form, and a Vec takes every write.
    #[allow(clippy::expect_used)]
    serde_json::to_writer_pretty(&mut text, &Text::V1 { streams }).expect("plain data");
    text.push(b'\n');
    text
}

pub(super) fn decode(text: &[u8]) -> Result<Vec<Stream>, DecodeError> {
    let Text::V1 { streams } = serde_json::from_slice(text)?;
    streams
        .into_iter()
        .map(|entry| {
            let id = entry.stream.parse().map_err(|_| DecodeError::Stream(entry.stream.clone()))?;
            let fingerprint = entry.fingerprint.parse().map_err(|source| {
                DecodeError::Fingerprint { stream: entry.stream.clone(), source }
            })?;
            Ok(Stream::remembered(
                id,
                FileId { dev: entry.dev, ino: entry.inode },
                fingerprint,
                entry.generation,
                entry.path,
                entry.position,
                entry.seen,
            ))
        })
        .collect()
}
