//! The last turns of a collector that stops.

use std::time::{Instant, SystemTime};

use super::{
    Tail,
    turn::{Ended, Rest},
};
use crate::outbox::Flushed;

impl Tail {
    /// The last turns of a collector that stops: what is in the files now, up to one forward chunk
    /// each, since a pod's last lines are written just before its end; and everything that can't be
    /// found again. `names` says that some may not have been compared yet.
    pub(super) fn finish(&mut self, names: bool) {
        let now = Instant::now();
        if self.watch.news().names || self.rescan || names {
            // A file that has just been made may hold a server's last words.
            self.scan(now, SystemTime::now());
        }
        self.look(now);
        for at in 0..self.open.len() {
            loop {
                if !self.flushed() {
                    return;
                }
                let file = &self.open[at];
                let rest = if file.is_deleted() { Rest::Final } else { Rest::Stopping };
                let once = file.is_listed();
                match self.turn(at, now, rest) {
                    Ok((Ended::Full, _)) if !once => {}
                    Ok(_) => break,
                    Err(error) => {
                        tracing::error!(path = %self.open[at].shown(), %error, "can't be read");
                        break;
                    }
                }
            }
        }
        self.flushed();
    }

    /// Waits until the outbox is empty; false if nobody takes from it any more.
    fn flushed(&mut self) -> bool {
        loop {
            match self.outbox.flush() {
                Flushed::Empty => return true,
                Flushed::Closed => return false,
                Flushed::Full => {
                    self.watch.wait(Instant::now() + self.poll_interval, false);
                }
            }
        }
    }
}
