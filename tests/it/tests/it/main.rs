//! All integration tests in one binary, so that they share one TimescaleDB.

#![allow(clippy::unwrap_used, missing_docs)] // a test fails by panicking

mod corpus;
