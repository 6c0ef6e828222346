//! What the targets share: files out of bytes, and the bound on memory.

use std::collections::BTreeMap;

use fix502::proxy::{FileBytes, Files, RouteRequest};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Bytes that any run may take whatever its input: tables, compiled patterns, messages.
const ALLOWANCE_BYTES: usize = 4 << 20;

/// Runs something over an input, and fails when more than twenty times the input (and the allowance) was in
/// use at one moment.
pub fn bounded<T>(input_bytes: usize, run: impl FnOnce() -> T) -> T {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let result = run();
    let used = MEMORY.peak_usage().saturating_sub(before);
    assert!(
        used <= input_bytes.saturating_mul(20).saturating_add(ALLOWANCE_BYTES),
        "{used} bytes in use for an input of {input_bytes}"
    );
    result
}

/// Files cut from one input at the byte 0xff: the first is the main file, the others lie beside it as
/// `1.conf`, `2.conf`, so that an include can find them.
pub struct Cut {
    files: BTreeMap<String, Vec<u8>>,
}

impl Cut {
    /// The name of the main file.
    pub const MAIN: &str = "/etc/fuzz/main.conf";

    /// Cuts an input.
    pub fn new(input: &[u8]) -> Self {
        let files = input
            .split(|byte| *byte == 0xff)
            .take(8)
            .enumerate()
            .map(|(number, bytes)| {
                let name = match number {
                    0 => Self::MAIN.to_owned(),
                    number => format!("/etc/fuzz/{number}.conf"),
                };
                (name, bytes.to_vec())
            })
            .collect();
        Self { files }
    }
}

impl Files for Cut {
    fn read(&self, path: &str) -> Result<FileBytes, String> {
        self.files
            .get(path)
            .map(|bytes| FileBytes {
                bytes: bytes.clone(),
                ..FileBytes::default()
            })
            .ok_or_else(|| "no such file".to_owned())
    }

    fn list(&self, directory: &str) -> Vec<String> {
        self.files
            .keys()
            .filter_map(|path| path.strip_prefix(directory))
            .map(|name| name.trim_start_matches('/').to_owned())
            .collect()
    }
}

/// Requests that a route is looked for: by name, by address, with an encoded path, over TLS.
pub fn requests() -> impl Iterator<Item = RouteRequest> {
    [
        ("a.test", 80, "/", false),
        ("", 80, "/a/b/../c?x=1", false),
        ("b.a.test", 443, "/%2e%2e//x%20y", true),
        ("127.0.0.1:8080", 8080, "/index.php", false),
        ("a.test", 3128, "http://b.test:81/x", false),
    ]
    .into_iter()
    .map(|(host, port, target, tls)| RouteRequest {
        port,
        tls,
        host: host.to_owned(),
        method: "GET".to_owned(),
        target: target.to_owned(),
        ..RouteRequest::default()
    })
}
