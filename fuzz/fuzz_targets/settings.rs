//! The fuzzer's way into [`creneau_fuzz::settings`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    creneau_fuzz::settings(bytes);
});
