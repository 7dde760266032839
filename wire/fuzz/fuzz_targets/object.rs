//! See `trunkline_fuzz::object`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| trunkline_fuzz::object(input));
