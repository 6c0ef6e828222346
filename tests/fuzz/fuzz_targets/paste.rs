//! Any bytes as something that was sent: which pieces it has, what they come to, and the page about it as one line.
#![no_main]

use fix502::triage::{self, Input};
use fix502::verdict;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let sorted = triage::sort(vec![Input {
        name: "paste".to_owned(),
        bytes: input.to_vec(),
        account: None,
    }]);
    let snapshot = triage::snapshot(&sorted);
    let diagnosis = verdict::decide(&snapshot);
    let _ = triage::steps(&snapshot, &diagnosis);
    if let Some(line) = String::from_utf8_lossy(input).lines().next() {
        let _ = triage::explain_line(line);
    }
});
