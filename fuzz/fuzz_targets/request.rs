//! The fuzzer's way into [`creneau_fuzz::request`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    creneau_fuzz::request(bytes);
});
