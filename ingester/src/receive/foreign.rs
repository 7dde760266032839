//! Messages of other senders than a Trunkline collector: Fluent Bit, Fluentd, a program's own logger.
//!
//! Such a message becomes a forward chunk of our own here ([`convert`]), so that batches, writers, COPY, halving and `log.rejected` are the
//! same for all. It is a stream of its own:
//!
//! - the stream's id is a hash of the credential, the tag and the option `chunk`, which a sender repeats when it sends again. Where the
//!   message has none, the id is random: then nobody waits for an ack, and what is sent again is stored again;
//! - a record's position is its number in the message, from 0. The same message is always converted to the same records, so what was
//!   stored of it is skipped when it comes again;
//! - how far it is stored is in `log.delivered_chunk`, in the same transaction as the rows, and is forgotten after a day by default.
//!
//! A message may hold records of many sources. The records of one source stay in their order and stand together, since the lines of one
//! log record may be spread over several of them; a number in each says whose it is.
//!
//! **Memory.** A message is converted as a whole, and only few at a time. What comes out is compressed, and takes over the share of the memory
//! that the message had; it is smaller as a rule. Where it isn't, a reserve has the rest ([`super::PeerMemory::grow`]); while that is used
//! up, what came out is dropped, and the message converted again when there is room.

mod convert;
mod entries;

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;
use trunkline_forward::{Limits, Message};

pub(super) use convert::Converted;
use convert::Converter;

use super::credentials::Credential;
use super::routes::Routes;
use crate::chunk::Refusal;

/// Messages that are converted at a time: each may take the largest decompressed content several times over.
const AT_A_TIME: usize = 4;

/// What all connections share to convert messages.
#[derive(Debug, Clone)]
pub struct ForeignSenders {
    routes: Arc<Routes>,
    limits: Limits,
    places: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Converter>>>,
}

impl ForeignSenders {
    /// With these routes.
    pub fn new(routes: Routes, limits: Limits) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            routes: Arc::new(routes),
            limits,
            places: Arc::new(Semaphore::new(cores.min(AT_A_TIME))),
            idle: Arc::default(),
        }
    }

    /// Converts a message, when it's its turn; `None` for one that has no record in it.
    pub(super) async fn convert(
        &self,
        message: &Message,
        credential: Option<Arc<Credential>>,
    ) -> Result<Option<Converted>, Refusal> {
        // The semaphore is never closed.
        #[allow(clippy::expect_used)]
        let _place = self.places.acquire().await.expect("an open semaphore");
        let (this, message) = (self.clone(), message.clone());
        let work = move || {
            let idle = this.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut converter = idle.unwrap_or_else(|| Converter::new(this.limits));
            let converted = converter.convert(&message, &this.routes, credential.as_deref());
            this.idle.lock().unwrap_or_else(PoisonError::into_inner).push(converter);
            converted
        };
        let conversion = tokio::task::spawn_blocking(work).await;
        // Only a panic ends it otherwise.
        conversion.map_err(|error| Refusal::Unconvertible(error.to_string()))?
    }
}
