//! The Forward listener: connections in, forward chunks out to the writers, acks back.
//!
//! Each connection has a task that reads and one that answers. Nothing is acknowledged here: a forward chunk goes into the
//! writers' queue with a [`crate::chunk::Reply`], and the writer answers after the commit. Reading stops while the
//! memory for forward chunks is used up, so a database that is away makes senders wait and never the process grow.

mod answer;
mod config;
mod connection;
pub mod credentials;
pub mod forbidden;
pub mod foreign;
mod handshake;
mod heartbeat;
mod listener;
mod memory;
mod patience;
mod places;
mod route;
pub mod routes;
mod socket;
mod turns;

pub use config::Config;
pub use credentials::Credentials;
pub use foreign::ForeignSenders;
pub use heartbeat::answer_heartbeats;
pub use listener::{Context, Listeners, bind, bind_unix, listen};
pub use memory::{Memory, MemoryPermit, PeerMemory};
pub use places::Places;
pub use route::{Route, Target, WriterGone};
pub use routes::Routes;
