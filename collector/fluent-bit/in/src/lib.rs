//! Fluent Bit's input `trunkline_tail`: the collector's own reading of logs, inside Fluent Bit.

#![allow(unsafe_code)] // the exported functions of a C interface

use std::ffi::{c_int, c_void};

use trunkline_fluent_bit::{
    abi::{self, InputPlugin, PluginDef},
    guard, host,
};

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
pub unsafe extern "C" fn FLBPluginInit(_plugin: *mut InputPlugin) -> c_int {
    guard(abi::ERROR, || abi::OK)
}

/// Hands over what there is: nothing yet.
///
/// # Safety
/// Both point to the host's variables.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn FLBPluginInputCallback(
    _data: *mut *mut c_void,
    size: *mut usize,
) -> c_int {
    guard(-1, || {
        // SAFETY: the caller says so.
        if let Some(size) = unsafe { size.as_mut() } {
            *size = 0;
        }
        abi::OK
    })
}

/// Ends all instances.
#[unsafe(no_mangle)]
pub extern "C" fn FLBPluginExit() -> c_int {
    guard(abi::OK, || abi::OK)
}
