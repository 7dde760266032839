//! The wall between Rust and the host: a panic that crossed it would end the whole of Fluent Bit.

use std::{
    ffi::c_int,
    panic::{self, AssertUnwindSafe},
};

/// Runs what an exported function does, and answers `fallback` when it panics.
pub fn guard(fallback: c_int, work: impl FnOnce() -> c_int) -> c_int {
    match panic::catch_unwind(AssertUnwindSafe(work)) {
        Ok(answer) => answer,
        Err(payload) => {
            // A payload may panic in its own drop; there is nowhere to go with that.
            std::mem::forget(payload);
            fallback
        }
    }
}

/// Says where a panic happened, in one line on standard error, and nothing else: what is printed by default walks the stack, and a
/// coroutine's has no room for that. The hook is this shared object's own.
pub fn quiet_panics() {
    panic::set_hook(Box::new(|info| eprintln!("trunkline: {info}")));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_ends_at_the_wall() {
        assert_eq!(guard(-1, || panic!("within")), -1);
        assert_eq!(guard(-1, || 7), 7);
    }

    #[test]
    fn a_payload_that_panics_when_dropped_ends_there_too() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("in drop");
            }
        }
        assert_eq!(guard(2, || panic::panic_any(Bomb)), 2);
    }
}
