//! One kind of background work.

use std::fmt::Debug;
use std::pin::Pin;
use std::time::Duration;

use crate::store::pool::Client;

/// What a step answers when it is done.
pub(super) type Running<'a> =
    Pin<Box<dyn Future<Output = Result<(), tokio_postgres::Error>> + Send + 'a>>;

/// Something that the leader does from time to time.
pub(super) trait Step: Debug + Send + Sync {
    /// By which logs and metrics name it.
    fn name(&self) -> &'static str;

    /// The time from its end to its next start.
    fn every(&self) -> Duration;

    /// Does what there is to do, on the leader's connection, outside of a transaction. It may be dropped at any await.
    fn run<'a>(&'a self, client: &'a Client) -> Running<'a>;
}
