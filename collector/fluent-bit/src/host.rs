//! What a plugin instance asks of its host: properties, and lines for the host's log.

// Speaking to the host is calling its functions through pointers that it gave.
#![allow(unsafe_code)]

use std::{
    ffi::{CStr, CString, c_int, c_void},
    ptr,
};

use crate::{
    abi::{
        Api, GetProperty, InputPlugin, LogCheck, LogPrint, OutputPlugin, PROXY, PluginDef, level,
    },
    guard::quiet_panics,
};

/// The host, as one instance sees it. It may be used from any thread until the instance's exit function has returned.
#[derive(Debug)]
pub struct Host {
    instance: *mut c_void,
    get_property: Option<GetProperty>,
    log_print: Option<LogPrint>,
    log_check: Option<LogCheck>,
    /// What its lines begin with.
    name: String,
}

// SAFETY: the instance is only ever handed back to the host's own functions, which read settings that don't change after the
// instance's start, or write to its log, which takes lines of all threads.
unsafe impl Send for Host {}
// SAFETY: as above.
unsafe impl Sync for Host {}

impl Host {
    /// The host of an output instance; `name` is how its lines are to be marked.
    ///
    /// # Safety
    /// `plugin` is what the host called `FLBPluginInit` with, and that call hasn't returned.
    pub unsafe fn of_output(plugin: *mut OutputPlugin, name: String) -> Option<Self> {
        // SAFETY: the caller says so; these fields are there on every host.
        let (api, instance) = unsafe {
            let plugin = plugin.as_ref()?;
            (plugin.api, plugin.instance)
        };
        if api.is_null() {
            return None;
        }
        // SAFETY: v1.9 allocates this much and no more, so no reference is made to all of it.
        let get_property = unsafe { ptr::read(&raw const (*api).output_get_property) };
        // Every Fluent Bit exports its functions, and so says itself whether it has those that v1.9 lacks.
        let (log_print, log_check) = match exported(c"flb_log_print") {
            Some(log_print) => {
                let log_check = exported(c"flb_output_log_check");
                // SAFETY: these are their types on every host that has them.
                unsafe {
                    (
                        Some(std::mem::transmute::<*mut c_void, LogPrint>(log_print)),
                        log_check.map(|found| std::mem::transmute::<*mut c_void, LogCheck>(found)),
                    )
                }
            }
            // SAFETY: another host than Fluent Bit has to speak v2.0 at least.
            None => unsafe {
                (
                    ptr::read(&raw const (*api).log_print),
                    ptr::read(&raw const (*api).output_log_check),
                )
            },
        };
        Some(Self { instance, get_property, log_print, log_check, name })
    }

    /// The host of an input instance.
    ///
    /// # Safety
    /// As of [`of_output`](Self::of_output).
    pub unsafe fn of_input(plugin: *mut InputPlugin, name: String) -> Option<Self> {
        // SAFETY: the caller says so. Inputs came with v2.0, which has all of the API's fields that are declared.
        let (api, instance): (&Api, _) = unsafe {
            let plugin = plugin.as_ref()?;
            (plugin.api.as_ref()?, plugin.instance)
        };
        Some(Self {
            instance,
            get_property: api.input_get_property,
            log_print: api.log_print,
            log_check: api.input_log_check,
            name,
        })
    }

    /// A property's value; none when it isn't set. What the host holds is copied.
    ///
    /// Fluent Bit keeps some keys to itself, and answers nothing for them: `match`, `alias`, `host`, `port`, `tls`, `tls.verify`,
    /// `workers`, `retry_limit`, `log_level`, what begins with `net.` and more.
    pub fn property(&self, key: &str) -> Option<String> {
        let key = CString::new(key).ok()?;
        // SAFETY: the key ends with NUL, and the instance is the host's own.
        let value = unsafe { (self.get_property?)(key.as_ptr(), self.instance) };
        if value.is_null() {
            return None;
        }
        // SAFETY: the host's strings end with NUL and don't change after its start.
        let value = unsafe { CStr::from_ptr(value) };
        Some(value.to_string_lossy().into_owned())
    }

    /// Whether lines of this level are wanted of this instance.
    pub fn wants(&self, level: c_int) -> bool {
        match self.log_check {
            // SAFETY: the instance is the host's own.
            Some(check) => unsafe { check(self.instance, level) != 0 },
            None => level <= level::INFO,
        }
    }

    /// Writes a line to the host's log. It takes some kilobytes of stack there: not for a coroutine's.
    pub fn log(&self, level: c_int, text: &str) {
        let Some(print) = self.log_print else {
            eprintln!("[{}] {text}", self.name);
            return;
        };
        // A line with NUL in it would end there.
        let text = CString::new(text.replace('\0', "\\0")).unwrap_or_default();
        let name = CString::new(self.name.as_str()).unwrap_or_default();
        // SAFETY: the format takes two strings, and both end with NUL.
        unsafe { print(level, ptr::null(), 0, c"[%s] %s".as_ptr(), name.as_ptr(), text.as_ptr()) };
    }
}

/// A symbol that the host's executable exports.
fn exported(name: &CStr) -> Option<*mut c_void> {
    // SAFETY: the name ends with NUL, and looking a symbol up runs no code of anybody's.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    (!found.is_null()).then_some(found)
}

/// Sets an output's context.
///
/// # Safety
/// As of [`Host::of_output`].
pub unsafe fn set_output_context(plugin: *mut OutputPlugin, context: *mut c_void) {
    // SAFETY: the caller says so; the host made the context before the call.
    unsafe {
        if let Some(place) = plugin.as_ref().and_then(|plugin| plugin.context.as_mut()) {
            place.remote_context = context;
        }
    }
}

/// Sets an input's context, where the host has a place for it (v4.1 and later); answers whether it has. Then it calls the functions
/// with `Ctx` in their names.
///
/// # Safety
/// As of [`Host::of_input`].
pub unsafe fn set_input_context(plugin: *mut InputPlugin, context: *mut c_void) -> bool {
    // SAFETY: the caller says so; the host made the context, with zeros, before the call. Up to v4.0 it has 16 bytes too, and in this
    // place a pointer of the host's own that is set already.
    unsafe {
        match plugin.as_ref().and_then(|plugin| plugin.context.as_mut()) {
            Some(place) if place.remote_context.is_null() => {
                place.remote_context = context;
                true
            }
            _ => false,
        }
    }
}

/// Fills a plugin's definition; what is 0 or −1 is for the host.
///
/// # Safety
/// `def` is what the host called `FLBPluginRegister` with.
pub unsafe fn register(
    def: *mut PluginDef,
    kind: c_int,
    name: &'static CStr,
    description: &'static CStr,
) -> c_int {
    // SAFETY: the caller says so, and every host allocates what is declared.
    let Some(def) = (unsafe { def.as_mut() }) else { return -1 };
    quiet_panics();
    (def.kind, def.proxy, def.flags) = (kind, PROXY, 0);
    (def.name, def.description) = (name.as_ptr(), description.as_ptr());
    0
}
