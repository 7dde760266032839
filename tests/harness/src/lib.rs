//! Real servers and processes for tests, demo and benchmarks.
//!
//! A test says what it needs and gets the real thing: a private TimescaleDB ([`Store`]), a PostgreSQL whose log is
//! collected ([`PostgresServer::source`]), a Patroni cluster ([`PatroniCluster`]), our own binaries as processes ([`Process`]). What the harness started ends
//! with it, also when the test is killed; what it did not start it never touches. It knows the services from outside
//! only: their command line, configuration, sockets and tables.

pub mod binary;
pub mod clock;
pub mod config;
pub mod csv_truth;
pub mod database;
pub mod demo;
pub mod fixtures;
pub mod fluent_bit;
pub mod installation;
pub mod instance;
pub mod load;
pub mod patroni;
pub mod ports;
pub mod process;
pub mod procfs;
pub mod proxy;
pub mod server;
pub mod settings;
pub mod small_disk;
mod supervisor;
pub mod wait;

pub use binary::Binary;
pub use clock::Clock;
pub use config::{CollectorConfig, IngesterConfig};
pub use database::{Database, Store};
pub use fixtures::{Corpus, Fixture};
pub use fluent_bit::{HostCommand, HostReport, Plugin};
pub use installation::Installation;
pub use patroni::{MemberSettings, PatroniCluster};
pub use ports::free_port;
pub use process::Process;
pub use proxy::Proxy;
pub use server::{PostgresServer, StopMode};
pub use settings::{Durability, Settings};
pub use small_disk::SmallDisk;
pub use wait::eventually;
