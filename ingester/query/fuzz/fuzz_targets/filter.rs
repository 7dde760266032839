//! See `trunkline_query_fuzz::filter`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| trunkline_query_fuzz::filter(input));
