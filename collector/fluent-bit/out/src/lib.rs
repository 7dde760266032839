//! Fluent Bit's output `trunkline`: ships to a Trunkline ingester, and answers when that has acknowledged.
//!
//! The exported functions stand here; all else is safe Rust: [`settings`] from the properties, [`instances`] that run, each an [`instance`]
//! with a thread, on which the [`courier`] has what is flushed [`convert`]ed and sent.

mod convert;
mod courier;
mod instance;
mod instances;
mod settings;

use std::{
    ffi::{CStr, c_char, c_int, c_void},
    ptr, slice,
    sync::Arc,
};

use trunkline_fluent_bit::{
    Host,
    abi::{self, OutputPlugin, PluginDef, level},
    guard, host,
};

use instance::Instance;
use settings::Settings;

/// Says who this plugin is.
///
/// # Safety
/// `def` is the host's.
#[unsafe(no_mangle)]
#[allow(unsafe_code)] // a C interface
pub unsafe extern "C" fn FLBPluginRegister(def: *mut PluginDef) -> c_int {
    guard(-1, || {
        let (name, description) = (c"trunkline", c"Exactly-once delivery to a Trunkline ingester");
        // SAFETY: the caller says so.
        unsafe { host::register(def, abi::OUTPUT_PLUGIN, name, description) }
    })
}

/// Starts an instance.
///
/// # Safety
/// `plugin` is the host's.
#[unsafe(no_mangle)]
#[allow(unsafe_code)] // a C interface
pub unsafe extern "C" fn FLBPluginInit(plugin: *mut OutputPlugin) -> c_int {
    guard(abi::ERROR, || {
        let number = instances::number();
        // SAFETY: the caller says so, and this call hasn't returned.
        let host = unsafe { Host::of_output(plugin, format!("output:trunkline:{number}")) };
        let Some(host) = host else { return abi::ERROR };
        if !start(number, host) {
            return abi::ERROR;
        }
        // SAFETY: as above. It is a number, and no pointer to anything.
        unsafe { host::set_output_context(plugin, ptr::without_provenance_mut(number)) };
        abi::OK
    })
}

fn start(number: usize, host: Host) -> bool {
    let host = Arc::new(host);
    let settings = match Settings::read(|key| host.property(key)) {
        Ok(settings) => settings,
        Err(error) => {
            host.log(level::ERROR, &error.to_string());
            return false;
        }
    };
    let address = settings.ship.address.to_string();
    match Instance::start(settings, Arc::clone(&host)) {
        Ok(instance) => instances::add(number, instance),
        Err(error) => {
            host.log(level::ERROR, &format!("no thread: {error}"));
            return false;
        }
    }
    let told = format!("version {} ships to {address}", env!("CARGO_PKG_VERSION"));
    host.log(level::INFO, &told);
    true
}

/// Delivers events: OK once all are stored, else RETRY. Never ERROR, which would give them up.
///
/// # Safety
/// `data` holds `len` bytes, and `tag` ends with NUL.
#[unsafe(no_mangle)]
#[allow(unsafe_code)] // a C interface
pub unsafe extern "C" fn FLBPluginFlushCtx(
    context: *mut c_void,
    data: *const c_void,
    len: usize,
    tag: *const c_char,
) -> c_int {
    guard(abi::RETRY, || {
        let Some(instance) = instances::find(context.addr()) else { return abi::RETRY };
        if data.is_null() || len == 0 {
            return abi::OK;
        }
        // SAFETY: the caller says so; both are lent for the time of this call.
        let data = unsafe { slice::from_raw_parts(data.cast::<u8>(), len) };
        let tag = if tag.is_null() {
            &[]
        } else {
            // SAFETY: as above.
            unsafe { CStr::from_ptr(tag) }.to_bytes()
        };
        instance.flush(data, tag)
    })
}

/// Ends an instance; its thread has ended when this returns.
#[unsafe(no_mangle)]
#[allow(unsafe_code)] // a C interface
pub extern "C" fn FLBPluginExitCtx(context: *mut c_void) -> c_int {
    guard(abi::OK, || {
        if let Some(instance) = instances::remove(context.addr()) {
            instance.stop();
        }
        abi::OK
    })
}

#[cfg(test)]
#[allow(unsafe_code)] // calling what is exported
mod tests {
    use super::*;

    #[test]
    fn what_a_host_should_never_call_with_is_answered() {
        // SAFETY: nothing is pointed to, and nothing followed.
        unsafe {
            assert_eq!(FLBPluginRegister(ptr::null_mut()), -1);
            assert_eq!(FLBPluginInit(ptr::null_mut()), abi::ERROR);
            let unknown = ptr::without_provenance_mut(usize::MAX);
            for context in [ptr::null_mut(), unknown] {
                let flushed = FLBPluginFlushCtx(context, ptr::null(), 0, ptr::null());
                assert_eq!(flushed, abi::RETRY, "an output that has ended");
                assert_eq!(FLBPluginExitCtx(context), abi::OK);
            }
        }
    }

    #[test]
    fn registering_says_who_we_are_and_touches_nothing_else() {
        let mut def =
            PluginDef { kind: 9, proxy: 9, flags: 9, name: ptr::null(), description: ptr::null() };
        // SAFETY: it is there for the time of the call.
        assert_eq!(unsafe { FLBPluginRegister(&raw mut def) }, 0);
        assert_eq!((def.kind, def.proxy, def.flags), (abi::OUTPUT_PLUGIN, abi::PROXY, 0));
        // SAFETY: both are ours, and end with NUL.
        let (name, told) = unsafe { (CStr::from_ptr(def.name), CStr::from_ptr(def.description)) };
        assert_eq!(name, c"trunkline");
        assert!(!told.is_empty());
    }
}
