//! The service within this process, over a real TimescaleDB: what needs a look, or a hand, inside the database.
//!
//! What can be asked from outside is asked of the binaries, in `tests/it` of the workspace.

// The helpers below panic like the tests that call them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod access;
mod attacks;
mod audit;
mod backpressure;
mod columns;
mod concurrent;
mod counts;
mod letters;
mod lifecycle;
mod migrations;
mod oidc;
mod openapi;
mod patterns;
mod planning;
mod queries;
mod questions;
mod retention;
mod roles;
mod sealing;
mod search;
mod searches;
mod sender;
mod service;
mod shards;
mod sql;
mod state;
mod tables;
mod tail;
mod thinning;
mod trouble;
mod unordered;
mod window;
