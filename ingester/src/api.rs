//! HTTP: queries, health and metrics. The only part that knows axum; each endpoint has a file.

mod config;
mod health;
mod logs;
mod metrics;
mod problem;
mod serve;

pub use config::Config;
pub use serve::{Api, serve};
