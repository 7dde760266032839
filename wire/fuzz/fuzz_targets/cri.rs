//! See `trunkline_fuzz::cri`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| trunkline_fuzz::cri(input));
