//! See `trunkline_fuzz::jsonlog`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| trunkline_fuzz::jsonlog(input));
