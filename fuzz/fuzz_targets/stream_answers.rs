#![no_main]

#[allow(dead_code)]
#[path = "../../tests/bad_input/checks/mod.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|input: &[u8]| checks::stream_answers::check(input));
