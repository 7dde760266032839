//! Receives Fluent Forward and copies log records into TimescaleDB.
//!
//! The way of a forward chunk: [`receive`] cuts it off a connection and puts it into the writers' [`queue`]; [`batch`] says when there
//! is enough for a transaction; [`store`] runs the transaction and answers; [`receive`] sends the ack. [`api`] answers queries beside
//! that, and [`audit`] notes which.

pub mod api;
pub mod app;
pub mod audit;
pub mod batch;
pub mod chunk;
pub mod cli;
pub mod config;
pub mod health;
pub mod log;
pub mod metrics;
pub mod queue;
pub mod receive;
mod secret;
pub mod shards;
pub mod store;
pub mod tls;
