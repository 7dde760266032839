//! JSON objects of any writer in any pieces.
#![no_main]

use trunkline_record::Format;

libfuzzer_sys::fuzz_target!(|input: &[u8]| trunkline_fuzz::parse(Format::PatroniJson, input));
