//! See `trunkline_fuzz::forward`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| trunkline_fuzz::forward(input));
