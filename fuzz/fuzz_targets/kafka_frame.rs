//! Target `kafka_frame` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    truecut_fuzz::targets::kafka_frame::run(data);
});
