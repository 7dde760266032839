//! The plugin's `tracing` events as lines of the host's log, at the host's levels, one subscriber for each instance.
//!
//! A thread of the plugin's sets it as its default for as long as it runs; nothing is global, so that two instances don't mix and nothing is
//! left behind when the shared object is unloaded.

use std::{
    ffi::c_int,
    fmt::{self, Write as _},
    sync::Arc,
    sync::atomic::{AtomicU64, Ordering},
};

use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

use crate::{Host, abi::level};

/// Writes events to one instance's host. Spans are not shown.
#[derive(Debug)]
pub struct HostLog {
    host: Arc<Host>,
    spans: AtomicU64,
}

impl HostLog {
    /// For the instance of this host.
    pub fn new(host: Arc<Host>) -> Self {
        Self { host, spans: AtomicU64::new(1) }
    }
}

impl Subscriber for HostLog {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Only what is Trunkline's: libraries say more than anybody wants to read.
        metadata.target().starts_with("trunkline") && self.host.wants(host_level(*metadata.level()))
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(self.spans.fetch_add(1, Ordering::Relaxed))
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        let text = line.message + &line.fields;
        self.host.log(host_level(*event.metadata().level()), &text);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

fn host_level(level: Level) -> c_int {
    match level {
        Level::ERROR => level::ERROR,
        Level::WARN => level::WARN,
        Level::INFO => level::INFO,
        Level::DEBUG => level::DEBUG,
        Level::TRACE => level::TRACE,
    }
}

/// The message, and behind it the fields.
#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string doesn't fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}
