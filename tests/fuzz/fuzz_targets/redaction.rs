//! Any text: redaction comes to rest, what is redacted is not redacted again, and a password on a line of its own
//! never survives, whatever stands before it. With pseudonyms nothing panics.
#![no_main]

use fix502::bundle::Redactor;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut redactor = Redactor::new();
    let once = redactor.bytes(input);
    assert_eq!(redactor.bytes(&once), once);

    let mut planted = input.to_vec();
    planted.extend_from_slice(b"\npassword=plant-9z8y7x\n");
    let redacted = Redactor::new().bytes(&planted);
    assert!(!redacted.windows(12).any(|part| part == b"plant-9z8y7x"));

    let mut disguised = Redactor::new().with_pseudonyms("web-1");
    disguised.bytes(input);
    disguised.seal();
    disguised.bytes(input);
});
