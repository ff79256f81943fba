//! The fuzzer's way into [`creneau_fuzz::commands`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    creneau_fuzz::commands(bytes);
});
