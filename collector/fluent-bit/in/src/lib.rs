//! Fluent Bit's input `trunkline_tail`: the collector's own discovery, tailing, framing and parsing, inside Fluent Bit.
//!
//! This module is the C interface alone. An instance ([`instance`]) is a collector whose forward chunks go to the host ([`handover`])
//! instead of an ingester; instances are known by a number ([`registry`]), since the host names none when it pauses, resumes and
//! ends them. What the host was given outlives them ([`given`]). What properties there are says [`settings`].
//!
//! # What is handed over
//!
//! Events as `trunkline_record::event` describes them. The checkpoint follows what the host has taken, a few calls later, and
//! nothing of it is asked of an output. Behind that point Fluent Bit can lose records:
//!
//! - with `storage.type memory` (its default), everything that no output has delivered when it is killed, and what is left after its
//!   grace period when it is stopped;
//! - with `storage.type filesystem`, what stands in its ring buffer for a moment (the checkpoint waits longer than that), chunks that a
//!   full disk or `storage.total_limit_size` has no room for, and what the system had not written when the machine lost its power;
//! - with any storage, a chunk that its outputs have tried `Retry_Limit` times, which is once by default.
//!
//! With `storage.type filesystem`, `Retry_Limit no_limits` and the output `trunkline` nothing is lost by a kill of either: what is in
//! files is delivered after the start, and what isn't is read again; the store takes each record once, by its stream and position.
//! Where the host has lost a chunk in spite of that, `log.stream.ahead` shows the hole. Other outputs may get the last seconds
//! before a stop twice.

#![allow(unsafe_code)] // the exported functions of a C interface

mod given;
mod handover;
mod instance;
mod registry;
mod settings;

use std::{
    ffi::{c_int, c_void},
    ptr,
    sync::Arc,
};

use trunkline_fluent_bit::{
    Host,
    abi::{self, InputPlugin, PluginDef},
    guard, host,
};

use self::{instance::Instance, registry::REGISTRY};

const NAME: &str = "trunkline_tail";

/// Says who this plugin is.
///
/// # Safety
/// `def` is the host's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn FLBPluginRegister(def: *mut PluginDef) -> c_int {
    guard(-1, || {
        let (name, description) = (c"trunkline_tail", c"Exact PostgreSQL and Patroni log records");
        // SAFETY: the caller says so.
        unsafe { host::register(def, abi::INPUT_PLUGIN, name, description) }
    })
}

/// Starts an instance.
///
/// # Safety
/// `plugin` is the host's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn FLBPluginInit(plugin: *mut InputPlugin) -> c_int {
    guard(abi::ERROR, || {
        // SAFETY: the caller says so.
        let Some(host) = (unsafe { Host::of_input(plugin, NAME.to_owned()) }) else {
            return abi::ERROR;
        };
        let host = Arc::new(host);
        let number = REGISTRY.next_number();
        // The number stands where a pointer is expected: what the host calls with later may be gone by then.
        // SAFETY: as above.
        let named = unsafe { host::set_input_context(plugin, ptr::without_provenance_mut(number)) };
        if !named && !REGISTRY.is_empty() {
            host.log(
                abi::level::ERROR,
                "before v4.1 the host has room for one instance of this input",
            );
            return abi::ERROR;
        }
        match Instance::start(&host) {
            Ok(instance) => {
                REGISTRY.add(number, instance);
                abi::OK
            }
            Err(error) => {
                host.log(abi::level::ERROR, &format!("{error:#}"));
                abi::ERROR
            }
        }
    })
}

/// Gives the host what there is for this instance, or a size of 0.
///
/// # Safety
/// `data` and `size` point to the host's variables.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn FLBPluginInputCallbackCtx(
    context: *mut c_void,
    data: *mut *mut c_void,
    size: *mut usize,
) -> c_int {
    // SAFETY: the caller says so.
    guard(-1, || unsafe { give(REGISTRY.find(context.addr()), data, size) })
}

/// The same on hosts that don't say for which.
///
/// # Safety
/// As above.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn FLBPluginInputCallback(data: *mut *mut c_void, size: *mut usize) -> c_int {
    // SAFETY: the caller says so.
    guard(-1, || unsafe { give(REGISTRY.only(), data, size) })
}

/// # Safety
/// `data` and `size` point to the host's variables.
unsafe fn give(instance: Option<Arc<Instance>>, data: *mut *mut c_void, size: *mut usize) -> c_int {
    let given = instance.and_then(|instance| instance.give());
    let (at, len) = given.unwrap_or((ptr::null(), 0));
    // SAFETY: the caller says so.
    unsafe {
        if let (Some(data), Some(size)) = (data.as_mut(), size.as_mut()) {
            (*data, *size) = (at.cast_mut().cast(), len);
        }
    }
    abi::OK
}

/// The host has taken what it was given; the pointer is only compared.
#[unsafe(no_mangle)]
pub extern "C" fn FLBPluginInputCleanupCallbackCtx(_: *mut c_void, data: *mut c_void) -> c_int {
    FLBPluginInputCleanupCallback(data)
}

/// The same on hosts that don't say for which instance.
#[unsafe(no_mangle)]
pub extern "C" fn FLBPluginInputCleanupCallback(data: *mut c_void) -> c_int {
    guard(-1, || {
        handover::taken(data.addr());
        abi::OK
    })
}

/// The host's memory is full. It doesn't say for which instance: those that it still asks go on when it does.
#[unsafe(no_mangle)]
pub extern "C" fn FLBPluginInputPause() {
    guard(abi::OK, || {
        REGISTRY.all().iter().for_each(|instance| instance.pause(true));
        abi::OK
    });
}

/// The host has room again.
#[unsafe(no_mangle)]
pub extern "C" fn FLBPluginInputResume() {
    guard(abi::OK, || {
        REGISTRY.all().iter().for_each(|instance| instance.pause(false));
        abi::OK
    });
}

/// Ends all instances: the host calls it once for each, and doesn't say for which.
#[unsafe(no_mangle)]
pub extern "C" fn FLBPluginExit() -> c_int {
    guard(abi::OK, || {
        REGISTRY.take_all().iter().for_each(|instance| instance.stop());
        abi::OK
    })
}
