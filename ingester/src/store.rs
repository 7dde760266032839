//! The database: the only part that knows the driver, and the only place where *chunk* could mean TimescaleDB's, so it is
//! written out: *forward chunk*, *hypertable chunk*.
//!
//! [`open()`] brings the schema up to date. A [`Writer`] stores batches, each in one transaction; [`query`] answers queries;
//! [`lifecycle`] looks after the tables.

pub mod access;
mod ahead;
mod backoff;
mod bisect;
mod buffers;
mod class;
mod config;
mod connect;
mod copy;
mod counts;
mod delivered;
mod feed;
mod handover;
mod json;
pub mod lifecycle;
mod logins;
mod metered;
mod migrate;
mod note;
mod open;
mod parameters;
mod pass;
mod pool;
mod position;
pub mod query;
mod rejected;
mod row;
pub mod searches;
mod streams;
mod tls;
mod transaction;
mod url;
mod window;
mod writer;

pub use backoff::Backoff;
pub use config::Config;
pub use delivered::forget_delivered;
pub use handover::Handover;
pub use lifecycle::Lifecycle;
pub use logins::{LoginError, Logins, READER};
pub use migrate::{MIGRATIONS, MigrateError, Migration, migrate};
pub use note::write_notes;
pub(crate) use open::HEALTH;
pub use open::{OpenError, open};
pub use pool::{Pool, PoolError};
pub use url::DatabaseUrl;
pub use window::Window;
pub use writer::{Context, Writer};
