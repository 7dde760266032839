//! `[spool]`: the disk buffer for what would be rotated away before it is acknowledged.

use std::time::Duration;

use bytesize::ByteSize;
use serde::{Deserialize, Serialize};

/// `[spool]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SpoolConfig {
    /// How many bytes of disk it may take; 0 switches it off, and the files alone are the buffer.
    pub max_size: ByteSize,
    /// What happens when it has taken them.
    pub when_full: WhenFull,
    /// It begins when the window is full and no ack has come for this long.
    #[serde(with = "humantime_serde")]
    pub after: Duration,
}

/// `spool.when_full`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenFull {
    /// Nothing more is read until there is room.
    Block,
    /// The oldest of it that isn't being sent makes room, and a record in `log.component` says so.
    DropOldest,
}

impl Default for SpoolConfig {
    fn default() -> Self {
        Self {
            max_size: ByteSize::b(0),
            when_full: WhenFull::Block,
            after: Duration::from_secs(10),
        }
    }
}

impl SpoolConfig {
    /// Whether there is to be one.
    pub fn is_on(&self) -> bool {
        self.max_size.as_u64() > 0
    }

    /// `window` is the ship task's: what is in it stands in the spool, too.
    pub(super) fn check(&self, window: ByteSize) -> Result<(), (&'static str, String)> {
        if self.is_on() && self.max_size.as_u64() / 2 < window.as_u64() {
            let problem = format!("{} is less than twice ship.window", self.max_size);
            return Err(("spool.max_size", problem));
        }
        if self.after < Duration::from_millis(1) {
            return Err(("spool.after", "must be at least 1ms".to_owned()));
        }
        Ok(())
    }
}
