//! Fluent Bit's interface for plugins in shared objects, as its proxy for Go defines it, from v1.9 to v5.1.1.
//!
//! Every structure is the host's: it allocates them, and older hosts allocate less. A field is touched only where every host that calls us
//! has it; each says since when it is there. Read in `include/fluent-bit/flb_plugin_proxy.h`, `include/fluent-bit/flb_api.h` and
//! `src/proxy/go/go.{c,h}` of the tags v1.9.0, v1.9.10, v2.0.0, v2.1.0, v2.2.0, v3.0.0, v3.2.0, v4.0.0, v4.1.0, v4.2.0, v5.0.0, v5.1.0
//! and v5.1.1; nothing of them is copied.
//!
//! The functions that a plugin exports:
//!
//! | symbol | since | contract |
//! |---|---|---|
//! | `FLBPluginRegister(*PluginDef) -> int` | v1.9 | fills the definition; 0, or −1 |
//! | `FLBPluginInit(*OutputPlugin or *InputPlugin) -> int` | v1.9 | once for each instance; more than 0 is success |
//! | `FLBPluginFlushCtx(*ctx, *data, size, *tag) -> int` | v1.9 | comes before `FLBPluginFlush`, which knows no instance |
//! | `FLBPluginExitCtx(*ctx) -> int` | v1.9 | an output's; comes before `FLBPluginExit` |
//! | `FLBPluginExit() -> int` | v1.9 | an input's only one |
//! | `FLBPluginInputCallback(**data, *size) -> int` | v2.0 | knows no instance |
//! | `FLBPluginInputCallbackCtx(*ctx, **data, *size) -> int` | v4.1 | comes before it |
//! | `FLBPluginInputCleanupCallback(*data) -> int` | v2.0 | frees what the callback gave |
//! | `FLBPluginInputCleanupCallbackCtx(*ctx, *data) -> int` | v4.1 | comes before it |
//! | `FLBPluginInputPause()`, `FLBPluginInputResume()` | v2.2 | know no instance |
//!
//! An output exports no `FLBPluginFlush` and an input no other symbol that would be called in place of one with a context.

use std::ffi::{c_char, c_int, c_void};

/// What a flush and most functions answer: a record that can't be delivered is given up.
pub const ERROR: c_int = 0;
/// Delivered, or done.
pub const OK: c_int = 1;
/// To be delivered again later.
pub const RETRY: c_int = 2;

/// The kind of a plugin: an input.
pub const INPUT_PLUGIN: c_int = 1;
/// An output.
pub const OUTPUT_PLUGIN: c_int = 2;
/// The proxy whose interface this is.
pub const PROXY: c_int = 11;

/// Log levels, as `log_print` and the two checks take them.
pub mod level {
    use std::ffi::c_int;

    /// `[error]`
    pub const ERROR: c_int = 1;
    /// `[ warn]`
    pub const WARN: c_int = 2;
    /// `[ info]`
    pub const INFO: c_int = 3;
    /// `[debug]`
    pub const DEBUG: c_int = 4;
    /// `[trace]`
    pub const TRACE: c_int = 5;
}

/// What `FLBPluginRegister` fills.
///
/// v5.0 has `event_type` (int) behind these and v5.1.1 `config_map` (pointer); both are zero there, which means logs and any property.
/// They are left out, since on older hosts they would be past the end. Before v5.0 the structure isn't zeroed.
#[repr(C)]
#[derive(Debug)]
pub struct PluginDef {
    /// [`INPUT_PLUGIN`] or [`OUTPUT_PLUGIN`].
    pub kind: c_int,
    /// [`PROXY`].
    pub proxy: c_int,
    /// Flags of a native plugin; none of them.
    pub flags: c_int,
    /// The plugin's name. The string stays the plugin's, and has to be there as long as the shared object is.
    pub name: *const c_char,
    /// One line for people. Likewise.
    pub description: *const c_char,
}

/// What `FLBPluginInit` of an output is given. One structure for all instances: what it points to has to be taken from it at once.
///
/// The host's own function pointers follow.
#[repr(C)]
#[derive(Debug)]
pub struct OutputPlugin {
    /// The plugin's name, a copy of the host's.
    pub name: *mut c_char,
    /// The host's functions.
    pub api: *const Api,
    /// The instance, for those functions.
    pub instance: *mut c_void,
    /// Where the plugin's own pointer goes.
    pub context: *mut OutputContext,
}

/// What `FLBPluginInit` of an input is given, v2.0; see [`OutputPlugin`].
#[repr(C)]
#[derive(Debug)]
pub struct InputPlugin {
    /// The plugin's name, a copy of the host's.
    pub name: *mut c_char,
    /// The host's functions.
    pub api: *const Api,
    /// The instance, for those functions.
    pub instance: *mut c_void,
    /// Where the plugin's own pointer goes, from v4.1 on.
    pub context: *mut InputContext,
}

/// An output instance's context, v1.9. The host has a pointer of its own behind it.
#[repr(C)]
#[derive(Debug)]
pub struct OutputContext {
    /// What `FLBPluginFlushCtx` and `FLBPluginExitCtx` are called with.
    pub remote_context: *mut c_void,
}

/// An input instance's context as v4.1 has it.
///
/// Up to v4.0 a pointer of the host's own stands in place of `remote_context`; see
/// [`set_input_context`](crate::host::set_input_context).
#[repr(C)]
#[derive(Debug)]
pub struct InputContext {
    /// The host's collector.
    pub coll_fd: c_int,
    /// What the callbacks with `Ctx` in their names are called with.
    pub remote_context: *mut c_void,
}

/// `get_property`: the value as the host holds it, or null. Keys are compared without case.
pub type GetProperty = unsafe extern "C" fn(*const c_char, *mut c_void) -> *const c_char;
/// `get_cmt_instance`: the host's metrics of an instance. Not used here.
pub type GetMetrics = unsafe extern "C" fn(*mut c_void) -> *mut c_void;
/// `log_print`: level, file, line, format and what it prints.
pub type LogPrint = unsafe extern "C" fn(c_int, *const c_char, c_int, *const c_char, ...);
/// `log_check`: whether an instance logs at a level.
pub type LogCheck = unsafe extern "C" fn(*mut c_void, c_int) -> c_int;

/// The host's functions. v1.9 has the first alone, v2.0 to v4.0 all that stand here; v4.1 has `custom_get_property` and
/// `custom_log_check` behind them, which are left out.
#[repr(C)]
#[derive(Debug)]
pub struct Api {
    /// v1.9
    pub output_get_property: Option<GetProperty>,
    /// v2.0
    pub input_get_property: Option<GetProperty>,
    /// v2.0
    pub output_get_cmt_instance: Option<GetMetrics>,
    /// v2.0
    pub input_get_cmt_instance: Option<GetMetrics>,
    /// v2.0
    pub log_print: Option<LogPrint>,
    /// v2.0
    pub input_log_check: Option<LogCheck>,
    /// v2.0
    pub output_log_check: Option<LogCheck>,
}

#[cfg(test)]
mod tests {
    use std::mem::{align_of, offset_of, size_of};

    use super::*;

    #[test]
    fn structures_lie_in_memory_as_the_host_has_them() {
        assert_eq!(offset_of!(PluginDef, kind), 0);
        assert_eq!(offset_of!(PluginDef, proxy), 4);
        assert_eq!(offset_of!(PluginDef, flags), 8);
        assert_eq!(offset_of!(PluginDef, name), 16);
        assert_eq!(offset_of!(PluginDef, description), 24);
        for (offset, field) in [
            (0, offset_of!(OutputPlugin, name)),
            (8, offset_of!(OutputPlugin, api)),
            (16, offset_of!(OutputPlugin, instance)),
            (24, offset_of!(OutputPlugin, context)),
            (0, offset_of!(InputPlugin, name)),
            (8, offset_of!(InputPlugin, api)),
            (16, offset_of!(InputPlugin, instance)),
            (24, offset_of!(InputPlugin, context)),
            (0, offset_of!(OutputContext, remote_context)),
            (0, offset_of!(InputContext, coll_fd)),
            (8, offset_of!(InputContext, remote_context)),
            (0, offset_of!(Api, output_get_property)),
            (8, offset_of!(Api, input_get_property)),
            (16, offset_of!(Api, output_get_cmt_instance)),
            (24, offset_of!(Api, input_get_cmt_instance)),
            (32, offset_of!(Api, log_print)),
            (40, offset_of!(Api, input_log_check)),
            (48, offset_of!(Api, output_log_check)),
        ] {
            assert_eq!(field, offset);
        }
    }

    /// What the oldest host that has a structure allocates for it. Ours may be no larger: writing one as a whole would go past the end.
    #[test]
    fn no_structure_is_larger_than_what_the_oldest_host_allocates() {
        // v1.9.0: three ints, two pointers.
        assert_eq!(size_of::<PluginDef>(), 32);
        // v1.9.0: four pointers and five functions; v2.0.0's input: four pointers and four functions.
        assert!(size_of::<OutputPlugin>() <= 9 * 8);
        assert!(size_of::<InputPlugin>() <= 8 * 8);
        // v1.9.0: two pointers; v2.0.0: an int and a pointer.
        assert!(size_of::<OutputContext>() <= 16);
        assert!(size_of::<InputContext>() <= 16);
        // v2.0.0: seven functions.
        assert_eq!(size_of::<Api>(), 7 * 8);
        assert_eq!(align_of::<PluginDef>(), 8);
    }

    #[test]
    fn an_absent_function_is_a_null_pointer() {
        assert_eq!(size_of::<Option<GetProperty>>(), size_of::<*const c_void>());
        assert_eq!(size_of::<Option<LogPrint>>(), size_of::<*const c_void>());
    }
}
