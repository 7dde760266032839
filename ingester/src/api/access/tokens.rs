//! Bearer tokens: what `log.token` knows of them, remembered for a few seconds.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use crate::store::access::{Grant, find_token};
use crate::store::{Pool, PoolError};

/// What every token begins with, so that one that lies about is recognised for what it is.
const PREFIX: &str = "trunkline_";

/// A token that was revoked opens the door for so long yet.
const REMEMBERED: Duration = Duration::from_secs(5);

/// More than these are asked for anew: a bound, no matter who comes.
const MOST: usize = 4_096;

type Hash = [u8; 32];

/// Looks tokens up by their hashes, so that how long that takes says nothing about them.
#[derive(Debug)]
pub(super) struct Tokens {
    pool: Pool,
    found: Mutex<HashMap<Hash, (Grant, Instant)>>,
}

impl Tokens {
    pub(super) fn new(pool: Pool) -> Self {
        Self { pool, found: Mutex::default() }
    }

    /// Whether it looks like one of these.
    pub(super) fn is_ours(token: &str) -> bool {
        token.starts_with(PREFIX)
    }

    /// What the token gives, if it is in force.
    pub(super) async fn find(&self, token: &str) -> Result<Option<Grant>, PoolError> {
        if !Self::is_ours(token) {
            return Ok(None);
        }
        let hash: Hash = Sha256::digest(token).into();
        if let Some(grant) = self.remembered(&hash) {
            return Ok(Some(grant));
        }
        let found = find_token(&self.pool, &hash).await?;
        if let Some(grant) = &found {
            let mut all = self.found.lock().unwrap_or_else(PoisonError::into_inner);
            if all.len() >= MOST {
                all.retain(|_, (_, since)| since.elapsed() < REMEMBERED);
            }
            if all.len() < MOST {
                all.insert(hash, (grant.clone(), Instant::now()));
            }
        }
        Ok(found)
    }

    fn remembered(&self, hash: &Hash) -> Option<Grant> {
        let all = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let (grant, since) = all.get(hash)?;
        let expired = grant.expires_at.is_some_and(|end| end <= chrono::Utc::now());
        (since.elapsed() < REMEMBERED && !expired).then(|| grant.clone())
    }
}
