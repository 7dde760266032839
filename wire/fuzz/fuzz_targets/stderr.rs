//! stderr logs in any pieces, with one prefix or another.
#![no_main]

use trunkline_record::{Format, LogSettings};

/// None, and some that are as unlike as can be.
const PREFIXES: [&str; 6] = [
    "",
    "%m [%p] %q%u@%d ",
    "%t %-6u|%5d|%a|%r ",
    "%n %c %l %s %v %x %e %P %Q %b %i ",
    "%u%t %d%e ",
    "[%h] ",
];

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some((&which, log)) = input.split_first() else { return };
    let prefix = PREFIXES[usize::from(which) % PREFIXES.len()];
    let log_line_prefix = (!prefix.is_empty()).then(|| prefix.parse().expect("a prefix"));
    let settings = LogSettings { log_line_prefix, ..LogSettings::default() };
    trunkline_fuzz::parse_with(Format::Stderr, &settings, log);
});
