//! Any bytes as what `curl -i` or `curl -v` printed.
#![no_main]

use fix502::system::curl;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let text = String::from_utf8_lossy(input);
    for line in text.lines() {
        let _ = (curl::begins(line), curl::is_verbose(line), curl::is_header(line));
    }
    let answers = curl::read(&text);
    // Nothing is made up: an answer with a status has the line that says it.
    assert!(answers.iter().all(|answer| answer.attempt.status.is_none() || text.contains("HTTP/")));
});
