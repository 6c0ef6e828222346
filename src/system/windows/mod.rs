//! What the commands of Windows print: processes, sockets, services, names, the firewall.
//!
//! Labels are translated on a Windows in another language, so parsers go by shape (numbers, addresses, the order of
//! fields) where they can; where they cannot, as with rules of the firewall, what is in another language is said to
//! be unread and never taken for nothing.

mod firewall;
mod names;
mod processes;
mod services;
mod sockets;

pub use firewall::{Firewall, firewall, profiles};
pub use names::{addresses, cached, resolver};
pub use processes::processes;
pub use services::{details, services};
pub use sockets::{connections, listeners};

/// Text as the console prints it: lines end with CR LF, and a byte order mark may stand first.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes)
        .trim_start_matches('\u{feff}')
        .replace('\r', "")
}

/// Label and value of `Label . . . . : value`.
fn field(line: &str) -> Option<(&str, &str)> {
    let (label, value) = line.split_once(':')?;
    Some((label.trim().trim_end_matches(['.', ' ']), value.trim()))
}

/// Objects of `ConvertTo-Json`, which writes one object for one and a list for more.
fn objects(bytes: &[u8]) -> Vec<serde_json::Value> {
    match serde_json::from_str(&text(bytes)) {
        Ok(serde_json::Value::Array(all)) => all,
        Ok(one @ serde_json::Value::Object(_)) => vec![one],
        _ => Vec::new(),
    }
}
