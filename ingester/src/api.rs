//! HTTP: queries, health and metrics. The only part that knows axum; each endpoint has a file.

mod access;
mod clusters;
mod config;
mod connections;
mod console;
mod context;
mod facets;
mod failovers;
mod fleet;
mod health;
mod histogram;
mod listener;
mod logs;
mod me;
mod metrics;
mod openapi;
mod patterns;
mod problem;
mod request;
mod searches;
mod serve;
mod sql;
mod store;
mod tail;

pub use access::{Access, LimitsConfig, Mode, OidcConfig};
pub use config::Config;
pub use connections::Connections;
pub use serve::{Api, serve};
