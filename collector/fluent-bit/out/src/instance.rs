//! One configured output: its thread, and the way of a flush to it and back.
//!
//! A flush may run on a coroutine's stack of a few kilobytes without a guard page, on the host's only thread or on any of many. So it does no
//! more than copy what it is lent, hand that over and wait.

use std::{
    ffi::c_int,
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::sync_channel,
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::sync::mpsc::{self, Sender};
use tokio_util::sync::CancellationToken;
use trunkline_fluent_bit::{
    Host,
    abi::{OK, RETRY},
    log::HostLog,
    thread::without_signals,
};

use crate::{
    courier::{Courier, Job},
    settings::Settings,
};

/// Flushes that wait to be taken. Each of the host's threads has one at a time, and there are rarely more than a dozen.
const CAPACITY: usize = 64;

/// An output that runs.
#[derive(Debug)]
pub struct Instance {
    jobs: Mutex<Option<Sender<Job>>>,
    timeout: Duration,
    stop: CancellationToken,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Instance {
    /// Starts its thread.
    ///
    /// # Errors
    /// When the system gives none.
    pub fn start(settings: Settings, host: Arc<Host>) -> io::Result<Self> {
        let (jobs, taken) = mpsc::channel(CAPACITY);
        let timeout = settings.timeout;
        let stop = CancellationToken::new();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let stopped = stop.clone();
        let work = move || {
            tracing::subscriber::with_default(HostLog::new(host), || {
                let courier = Courier::new(settings, taken);
                runtime.block_on(courier.run(stopped));
                // A name that is being resolved isn't waited for without end, but its thread is of this shared object, too.
                drop(runtime);
            });
        };
        // Signals are the host's own business.
        let thread =
            without_signals(|| thread::Builder::new().name("trunkline".into()).spawn(work))?;
        Ok(Self { jobs: Mutex::new(Some(jobs)), timeout, stop, thread: Mutex::new(Some(thread)) })
    }

    /// Delivers events: done once the ingester has stored them all, else to be tried again.
    pub fn flush(&self, data: &[u8], tag: &[u8]) -> c_int {
        let Some(jobs) = lock(&self.jobs).clone() else { return RETRY };
        let (done, told) = sync_channel(1);
        let wanted = Arc::new(AtomicBool::new(true));
        let tag = String::from_utf8_lossy(tag).into_owned();
        let job = Job { data: data.to_vec(), tag, done, wanted: Arc::clone(&wanted) };
        if jobs.try_send(job).is_err() {
            return RETRY;
        }
        // The thread has to be the only one that could keep it running.
        drop(jobs);
        let answer = told.recv_timeout(self.timeout);
        wanted.store(false, Ordering::Release);
        if answer.is_ok() { OK } else { RETRY }
    }

    /// Ends the thread, and waits for it. Flushes that wait are to be tried again; so are those that come later.
    pub fn stop(&self) {
        *lock(&self.jobs) = None;
        self.stop.cancel();
        let thread = lock(&self.thread).take();
        if let Some(thread) = thread {
            // Its panic was told where it happened.
            let _ = thread.join();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
