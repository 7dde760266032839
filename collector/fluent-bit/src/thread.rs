//! Threads of a plugin's own, which the host's signals are not for.

#![allow(unsafe_code)] // the signal mask is the C library's

use std::{mem::MaybeUninit, ptr};

/// Runs `start` with all signals blocked in the calling thread, which threads that it starts inherit: Fluent Bit handles signals in its own.
pub fn without_signals<T>(start: impl FnOnce() -> T) -> T {
    let mut all = MaybeUninit::<libc::sigset_t>::uninit();
    let mut before = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: both sets are the caller's own, and filled by the calls that are given them.
    let blocked = unsafe {
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr()) == 0
    };
    let started = start();
    if blocked {
        // SAFETY: the set was filled by the call that blocked.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), ptr::null_mut()) };
    }
    started
}
