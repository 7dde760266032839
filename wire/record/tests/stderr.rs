//! stderr logs: read back as servers write them, against the csvlog of the same server, in any pieces; and containers' logs, in which
//! lines of all kinds stand.

#![allow(clippy::unwrap_used)] // a test fails by panicking

#[path = "stderr/behaviour.rs"]
mod behaviour;
#[path = "stderr/corpus.rs"]
mod corpus;
#[path = "support/corpus.rs"]
mod fixtures;
#[path = "stderr/mixed.rs"]
mod mixed;
#[path = "stderr/properties.rs"]
mod properties;
#[path = "stderr/support.rs"]
mod support;
