//! See `trunkline_fuzz::stderr`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| trunkline_fuzz::stderr(input));
