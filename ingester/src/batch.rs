//! When a batch is cut: by rows, by bytes, or by the age of its first item. Pure: time is an argument.
//!
//! A batch is one transaction. A large one spreads the price of a commit over more rows; a small one is acknowledged sooner.

use std::iter::Sum;
use std::ops::AddAssign;
use std::time::{Duration, Instant};

use bytesize::ByteSize;
use serde::Deserialize;

use crate::config::Error;

/// `[batch]`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Rows after which a batch is stored. While there is that much, its two waits for the server and its commit cost two hundredths of its time.
    pub rows: u64,
    /// Bytes of log after which a batch is stored.
    pub bytes: ByteSize,
    /// Age of a batch's first forward chunk after which it is stored, however small it is.
    #[serde(with = "humantime_serde")]
    pub age: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self { rows: 20_000, bytes: ByteSize::mib(8), age: Duration::from_millis(100) }
    }
}

impl Config {
    pub(crate) fn check(&self) -> Result<(), Error> {
        let positive = |setting, positive: bool| {
            if positive {
                Ok(())
            } else {
                Err(Error::Invalid { setting, reason: "must be more than 0".to_owned() })
            }
        };
        positive("batch.rows", self.rows > 0)?;
        positive("batch.bytes", self.bytes.as_u64() > 0)
    }
}

/// What one item adds to a batch, as far as that is known before it is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Weight {
    /// Rows.
    pub rows: u64,
    /// Bytes of log.
    pub bytes: u64,
}

impl AddAssign for Weight {
    fn add_assign(&mut self, other: Self) {
        // Both are what a sender says, so they can't be trusted not to overflow.
        self.rows = self.rows.saturating_add(other.rows);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

impl Sum for Weight {
    fn sum<I: Iterator<Item = Self>>(weights: I) -> Self {
        weights.fold(Self::default(), |mut sum, weight| {
            sum += weight;
            sum
        })
    }
}

/// Collects items, in order, until they are enough for a batch.
#[derive(Debug)]
pub struct Batcher<T> {
    config: Config,
    items: Vec<T>,
    weight: Weight,
    oldest: Option<Instant>,
}

impl<T> Batcher<T> {
    /// An empty one.
    pub fn new(config: Config) -> Self {
        Self { config, items: Vec::new(), weight: Weight::default(), oldest: None }
    }

    /// Adds an item that arrived at `arrived`.
    pub fn push(&mut self, item: T, weight: Weight, arrived: Instant) {
        self.items.push(item);
        self.weight += weight;
        self.oldest = Some(self.oldest.map_or(arrived, |oldest| oldest.min(arrived)));
    }

    /// Whether no more should be added.
    pub fn is_full(&self) -> bool {
        self.would_fill(self.weight) || self.items.len() >= MAX_ITEMS
    }

    /// Whether items of this weight are enough for a batch.
    pub fn would_fill(&self, weight: Weight) -> bool {
        weight.rows >= self.config.rows || weight.bytes >= self.config.bytes.as_u64()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// When the batch is to be cut though it isn't full; `None` while it is empty.
    pub fn deadline(&self) -> Option<Instant> {
        self.oldest.map(|oldest| oldest + self.config.age)
    }

    /// Whether the batch is to be cut now.
    pub fn is_due(&self, now: Instant) -> bool {
        self.is_full() || self.deadline().is_some_and(|deadline| deadline <= now)
    }

    /// The batch; what follows starts the next one.
    pub fn cut(&mut self) -> Vec<T> {
        self.weight = Weight::default();
        self.oldest = None;
        std::mem::take(&mut self.items)
    }
}

/// Items that one batch holds at most, so that a batch of tiny forward chunks from thousands of idle servers doesn't lock
/// thousands of stream rows at once.
const MAX_ITEMS: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn batcher() -> Batcher<&'static str> {
        Batcher::new(Config {
            rows: 10,
            bytes: ByteSize::b(1_000),
            age: Duration::from_millis(100),
        })
    }

    #[test]
    fn an_empty_batch_is_never_due() {
        assert!(!batcher().is_due(Instant::now() + Duration::from_secs(3_600)));
    }

    #[test]
    fn rows_make_a_batch_full() {
        let (mut batcher, now) = (batcher(), Instant::now());
        batcher.push("a", Weight { rows: 9, bytes: 1 }, now);
        assert!(!batcher.is_due(now));
        batcher.push("b", Weight { rows: 1, bytes: 1 }, now);
        assert!(batcher.is_due(now));
        assert_eq!(batcher.cut(), ["a", "b"]);
        assert!(!batcher.is_due(now + Duration::from_secs(1)));
    }

    #[test]
    fn bytes_make_a_batch_full() {
        let (mut batcher, now) = (batcher(), Instant::now());
        batcher.push("a", Weight { rows: 1, bytes: u64::MAX }, now);
        batcher.push("b", Weight { rows: 1, bytes: u64::MAX }, now);
        assert!(batcher.is_full());
    }

    #[test]
    fn the_first_item_sets_the_deadline() {
        let (mut batcher, now) = (batcher(), Instant::now());
        batcher.push("a", Weight { rows: 1, bytes: 1 }, now);
        batcher.push("b", Weight { rows: 1, bytes: 1 }, now + Duration::from_millis(50));
        assert_eq!(batcher.deadline(), Some(now + Duration::from_millis(100)));
        assert!(!batcher.is_due(now + Duration::from_millis(99)));
        assert!(batcher.is_due(now + Duration::from_millis(100)));
    }
}
