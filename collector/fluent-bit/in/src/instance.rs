//! One instance: a collector on a thread of its own, that hands over to the host.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
};

use anyhow::Context;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use tracing::Dispatch;
use trunkline_collector::run::Collector;
use trunkline_fluent_bit::{Host, log::HostLog};

use crate::{
    handover::{Handover, Taker},
    settings::Settings,
};

/// What of an instance the host can reach.
#[derive(Debug)]
pub struct Instance {
    handover: Arc<Handover>,
    stop: CancellationToken,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Instance {
    /// Reads the properties, opens the state directory, and begins to read.
    ///
    /// # Errors
    /// When something of that can't be used: the host doesn't start then.
    pub fn start(host: &Arc<Host>) -> anyhow::Result<Arc<Self>> {
        let log = Dispatch::new(HostLog::new(Arc::clone(host)));
        let _to_host = tracing::dispatcher::set_default(&log);
        let settings = Settings::of(|key| host.property(key))?;
        let handover = Arc::new(Handover::new(settings.queue));
        let stop = CancellationToken::new();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("the runtime can't be built")?;
        let file = settings.file.as_deref().unwrap_or(Path::new("properties")).to_owned();
        let collector = runtime.block_on(Collector::bind(&file, settings.config, stop.clone()))?;
        let (taker, logged) = (Taker::new(Arc::clone(&handover)), log.clone());
        let thread = thread::Builder::new()
            .name("trunkline_tail".into())
            .spawn(move || run(&logged, runtime, collector, taker))
            .context("no thread for the collector")?;
        Ok(Arc::new(Self { handover, stop, thread: Mutex::new(Some(thread)) }))
    }

    /// The events for the host's next chunk; see [`Handover::give`].
    pub fn give(&self) -> Option<(*const u8, usize)> {
        self.handover.give()
    }

    /// Reads no more for the moment, or goes on.
    pub fn pause(&self, pause: bool) {
        self.handover.pause(pause);
    }

    /// Ends it, and waits for its threads.
    pub fn stop(&self) {
        self.stop.cancel();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // It says itself how it ended; its panic was said by the hook.
            let _ = thread.join();
        }
    }
}

fn run(log: &Dispatch, runtime: Runtime, collector: Collector, taker: Taker) {
    tracing::dispatcher::with_default(log, || {
        runtime.block_on(collector.run_into(|inbox, streams, _| taker.of(inbox, streams)));
        // Waits for its blocking threads too.
        drop(runtime);
    });
}
