//! Target `wire` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    truecut_fuzz::targets::wire::run(data);
});
