//! The collector as a whole: against real files, and a receiver that keeps the store's rule.

// A test fails by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod api_server;
mod binary;
mod csvlog;
mod delivery;
mod discovery;
mod formats;
mod many;
mod model;
mod receiver;
mod rotation;
mod running;
mod scene;
mod spool;
mod status;
mod tailing;
