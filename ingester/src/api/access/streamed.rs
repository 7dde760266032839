//! An answer that goes on: a tail, an export. It ends when its caller would no longer be let in.

use std::time::Duration;

use axum::BoxError;
use axum::body::{Body, Bytes};
use axum::http::HeaderValue;
use futures_util::{StreamExt, stream};
use tokio::time::{MissedTickBehavior, interval};

use super::limits::Place;
use super::recorded::Recorded;
use super::{Access, By, Caller};
use crate::api::problem::Problem;
use crate::api::tail;

/// How often a caller is looked at again. What is known of a token may be some seconds older.
const LOOK: Duration = Duration::from_secs(2);

/// What goes with such an answer until its end.
pub(super) struct Streamed {
    pub(super) access: Access,
    pub(super) caller: Caller,
    /// How the caller showed who it is.
    pub(super) shown: Option<HeaderValue>,
    /// Whether it can say why it ends. What can't breaks off.
    pub(super) is_of_events: bool,
    pub(super) _held: (Option<Place>, Option<Recorded>),
}

/// The caller is let in no longer.
#[derive(Debug, thiserror::Error)]
#[error("the caller is let in no longer")]
struct Revoked;

impl Streamed {
    /// The same body, as long as it may go on.
    pub(super) fn body(self, body: Body) -> Body {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first tick is at once.
        looks.reset();
        let begin = Some((self, looks, body.into_data_stream()));
        Body::from_stream(stream::unfold(begin, async |state| {
            let (streamed, mut looks, mut pieces) = state?;
            loop {
                tokio::select! {
                    // Nothing is sent before it is known, also to who takes nothing for long.
                    biased;
                    _ = looks.tick(), if streamed.caller.by != By::Open => {
                        if let Some(problem) = streamed.refused().await {
                            return Some((streamed.end(&problem), None));
                        }
                    }
                    piece = pieces.next() => {
                        let piece = piece?.map_err(BoxError::from);
                        return Some((piece, Some((streamed, looks, pieces))));
                    }
                }
            }
        }))
    }

    async fn refused(&self) -> Option<Problem> {
        self.access.refuses(&self.caller, self.shown.as_ref()).await
    }

    fn end(&self, problem: &Problem) -> Result<Bytes, BoxError> {
        tracing::info!(name = %self.caller.name, "an answer ended: its caller is let in no longer");
        if self.is_of_events { Ok(tail::last_event(problem).into()) } else { Err(Revoked.into()) }
    }
}
