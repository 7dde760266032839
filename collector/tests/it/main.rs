//! The collector as a whole: against real files, and a receiver that keeps the store's rule.

// A test fails by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod binary;
mod csvlog;
mod delivery;
mod model;
mod receiver;
mod running;
mod tailing;
