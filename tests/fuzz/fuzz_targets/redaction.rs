//! Any text: redaction comes to rest, and what is redacted is not redacted again.
#![no_main]

use fix502::bundle::Redactor;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut redactor = Redactor::new();
    let once = redactor.bytes(input);
    assert_eq!(redactor.bytes(&once), once);
});
