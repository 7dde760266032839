//! Tails PostgreSQL logs and ships them over Fluent Forward.
//!
//! The way of a record: [`tail`] reads files, parses and packs (one thread); [`outbox`] carries closed
//! forward chunks to [`ship`], which sends them and takes acks; acks move positions in [`streams`],
//! which [`checkpoint`] writes to disk. [`run`] holds it together, [`status`] shows it.

pub mod buffer;
pub mod check;
pub mod checkpoint;
pub mod cli;
pub mod config;
pub mod identity;
pub mod metrics;
pub mod outbox;
pub mod parse;
pub mod run;
pub mod ship;
pub mod status;
pub mod streams;
pub mod tail;
