//! Patroni's text in any pieces, in the usual formats and in one of its own.
#![no_main]

use trunkline_record::{Format, LogSettings, PatroniFormat};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let format = "%(asctime)s.%(msecs)03d %(levelname)-8s[%(name)s] %(process)d %(funcName)s:%(lineno)d %(message)s";
    let own = PatroniFormat::new(format, Some("%d/%b/%Y %H:%M:%S %z"));
    let own = LogSettings { patroni_format: own.ok(), ..LogSettings::default() };
    trunkline_fuzz::parse_with(Format::Patroni, &LogSettings::default(), input);
    trunkline_fuzz::parse_with(Format::Patroni, &own, input);
});
