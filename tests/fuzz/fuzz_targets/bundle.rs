//! Any bytes as a bundle: what is read back is bounded, whatever it unpacks to.
#![no_main]

use fix502::bundle;
use fix502_fuzz::bounded;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let _ = bounded(input.len().saturating_add(64 << 20), || bundle::read(input));
    let files = [
        ("MANIFEST.json".to_owned(), br#"{"format":"fix502.bundle/v1"}"#.to_vec()),
        ("transcript/transcript.jsonl".to_owned(), input.to_vec()),
    ];
    let _ = bundle::read_directory(&files);
});
