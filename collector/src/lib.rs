//! Tails PostgreSQL logs and ships them over Fluent Forward.
//!
//! The way of a record: [`tail`] reads files, parses and packs (one thread); [`outbox`] carries closed
//! forward chunks to [`ship`], which sends them, or keeps them in the [`spool`], and takes acks; acks move positions in [`streams`],
//! which [`checkpoint`] writes to disk. Who writes a file is learned in [`discover`] and asked of
//! [`sources`]. [`run`] holds it together, [`status`] shows it.

pub mod buffer;
pub mod check;
pub mod checkpoint;
pub mod cli;
pub mod compressed;
pub mod config;
pub mod destination;
pub mod discover;
pub mod format;
pub mod identity;
pub mod metrics;
pub mod outbox;
pub mod parse;
pub mod run;
pub mod ship;
pub mod sources;
pub mod spool;
pub mod status;
pub mod streams;
pub mod tail;
