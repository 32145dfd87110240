//! Target `schedule` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    truecut_fuzz::targets::schedule::run(data);
});
