//! All integration tests in one binary, so that they share one TimescaleDB.

#![allow(clippy::unwrap_used, missing_docs)] // a test fails by panicking

mod api;
mod authority;
mod bad_input;
mod community;
mod compatible;
mod compression;
mod console;
mod corpus;
mod database_tls;
mod every_format;
mod exactly_once;
mod failover;
mod faults;
mod fluent_bit;
mod foreign;
mod formats;
mod localized;
mod older;
mod outage;
mod parse;
mod patroni;
mod peers;
mod replicas;
mod rolling;
mod schedule;
mod schemathesis;
mod secure;
mod shards;
mod spooled;
mod tenancy;
mod terminal;
mod versions;
