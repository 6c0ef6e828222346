//! Any bytes as lines of nginx's logs; the first line is the format of the access log.
#![no_main]

use fix502::proxy::nginx::{access_log, error_log};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let _ = error_log::entries(input, "/var/log/nginx/error.log", 3600);
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let (format, lines) = input.split_at(end);
    let _ = access_log::entries(lines, &String::from_utf8_lossy(format));
});
