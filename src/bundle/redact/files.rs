//! Files that are secrets as a whole. They are not read in the first place; this is the second lock.

use super::{Redactor, marker, names};

/// What is at stake with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// Looked through like any text.
    Open,
    /// The environment of a process: every variable but those known to be plain is a secret.
    Environment,
    /// Nothing but secrets.
    Closed,
}

/// What the file of this name holds.
pub(super) fn content_of(path: &str) -> Content {
    let name = path.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    if path.starts_with("/proc/") && name == "environ" {
        Content::Environment
    } else if name.contains("htpasswd")
        || matches!(ending, "key" | "p12" | "pfx" | "jks" | "env" | "htdigest")
        || name.starts_with(".env")
        || matches!(
            name.as_str(),
            "shadow"
                | "gshadow"
                | "id_rsa"
                | "id_ecdsa"
                | "id_ed25519"
                | ".pgpass"
                | ".my.cnf"
                | ".netrc"
                | ".git-credentials"
                | "credentials"
        )
    {
        Content::Closed
    } else {
        Content::Open
    }
}

/// True for a table of sockets of the kernel, in which addresses are hexadecimal.
pub(super) fn is_socket_table(path: &str) -> bool {
    ["/net/tcp", "/net/tcp6", "/net/udp", "/net/udp6"]
        .iter()
        .any(|ending| path.ends_with(ending))
}

/// The variables of a process, divided by NUL.
pub(super) fn environment(redactor: &mut Redactor, text: &str) -> String {
    let variables = text.split('\0').map(|variable| match variable.split_once('=') {
        Some((name, _)) if names::is_plain_environment(name) => redactor.text(variable),
        Some((name, value)) if marker::is_harmless(value) => format!("{name}={value}"),
        Some((name, value)) => format!("{name}={}", redactor.replace("environment", value)),
        None => redactor.text(variable),
    });
    variables.collect::<Vec<_>>().join("\0")
}
