//! For each symptom the causes behind it, the most frequent first, and what tells them apart: the table
//! `ladders.tsv`.
//!
//! To add a row: the ladder, an id of the catalogue, when it is that one, the command with its places
//! (`{addr}`, `{host}`, `{port}`, `{path}`, `{ask}`, `{dump}`, `{log}`, `{prefix}`), and a condition of
//! [`possible`].

use super::commands::Facts;
use super::{Open, said_outright};
use crate::evidence::{Protocol, Symptom};

/// The causes that a failure leaves open, the most likely first. One that the line names outright stands
/// alone.
pub fn left_open(facts: &Facts<'_>) -> Vec<Open> {
    let unix = facts
        .endpoint
        .as_ref()
        .is_some_and(|endpoint| endpoint.unix().is_some());
    let rows = match facts.symptom {
        Symptom::ConnectionRefused if unix => "refused_unix",
        Symptom::ConnectionRefused | Symptom::ConnectFailed => "refused",
        Symptom::SocketMissing => "missing_unix",
        Symptom::PermissionDenied if unix => "denied_unix",
        Symptom::PermissionDenied => "denied_tcp",
        Symptom::AcceptQueueFull => "queue_full",
        Symptom::HostUnreachable => "host_unreachable",
        Symptom::NetworkUnreachable => "network_unreachable",
        Symptom::NoLocalAddress => "no_local_address",
        Symptom::ConnectTimeout => "connect_timeout",
        Symptom::ClosedBeforeHeader | Symptom::ResetBeforeHeader | Symptom::BackendStderr => "cut",
        Symptom::SendFailed => "send_failed",
        Symptom::HeaderTimeout | Symptom::SendTimeout => "slow",
        Symptom::RefusedAnswer => "refused_answer",
        Symptom::NotHttp => "not_http",
        Symptom::TlsFailed => "tls",
        Symptom::TlsAborted => "tls_aborted",
        Symptom::TlsAlert | Symptom::TlsClientCertificate => "tls_alert",
        Symptom::TlsUntrusted => "untrusted",
        Symptom::TlsName => "name",
        Symptom::Http2Mismatch => "http2",
        Symptom::NoLiveUpstreams => "no_live",
        Symptom::PeerMarkedDown => "check_failed",
        Symptom::SlotsExhausted => "slots",
        Symptom::WorkerCrashed => "worker_crashed",
        Symptom::ConfigurationRejected => "rejected",
        Symptom::NoForwardPath => "no_path",
        Symptom::SocketRefused => "socket_refused",
        _ => "",
    };
    let sole = said_outright(facts).map(|(cause, _)| cause);
    let open: Vec<Open> = of_rows(rows, facts);
    match sole {
        Some(cause) => open.into_iter().filter(|open| open.cause == cause).collect(),
        None => open,
    }
}

/// The causes of a 5xx of which no error line tells.
pub fn silent(facts: &Facts<'_>) -> Vec<Open> {
    of_rows("silent", facts)
}

fn of_rows(ladder: &str, facts: &Facts<'_>) -> Vec<Open> {
    rows()
        .filter(|row| row.ladder == ladder && possible(row.condition, facts))
        .map(|row| Open {
            cause: row.cause,
            tell: row.tell,
            command: facts.fill(row.command),
        })
        .collect()
}

/// One row of the table.
struct Row {
    ladder: &'static str,
    cause: &'static str,
    tell: &'static str,
    command: &'static str,
    condition: &'static str,
}

fn rows() -> impl Iterator<Item = Row> {
    include_str!("ladders.tsv")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let mut cells = line.split('\t');
            Some(Row {
                ladder: cells.next()?,
                cause: cells.next()?,
                tell: cells.next()?,
                command: cells.next()?,
                condition: cells.next()?,
            })
        })
}

/// The words of the last column, what each asks for.
fn possible(condition: &str, facts: &Facts<'_>) -> bool {
    match condition {
        "nothing_there" => facts.known.listening != Some(true) && !facts.known.blocked,
        "something_there" => {
            facts.known.listening != Some(false) && (!facts.known.firewall || facts.known.blocked)
        }
        "maybe_killed" => facts.known.listening != Some(true) && (facts.known.oom || !facts.known.kernel),
        "killed_in_flight" => facts.known.oom || !facts.known.kernel,
        "by_name" => !facts.known.no_name,
        "loopback" => facts.local() || facts.endpoint.is_none(),
        "ipv6" => facts.ipv6(),
        "http" => matches!(facts.protocol, Protocol::Http | Protocol::Grpc),
        "fastcgi_or_http" => matches!(facts.protocol, Protocol::FastCgi | Protocol::Http),
        "uwsgi_or_http" => matches!(facts.protocol, Protocol::Uwsgi | Protocol::Http),
        "nginx_group" => matches!(facts.product, "nginx" | ""),
        "from_outside" => facts.ipv6() && !facts.message.contains("connect() to "),
        "go" => matches!(facts.product, "caddy" | "traefik"),
        "checks_actively" => matches!(facts.product, "haproxy" | "caddy" | "envoy" | "traefik"),
        "in_kubernetes" => matches!(facts.product, "traefik" | "envoy"),
        "remote" => !facts.local(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_row_is_whole_and_names_a_page() {
        let pages: BTreeSet<&str> = crate::explain::causes().map(|(id, _)| id).collect();
        let text = include_str!("ladders.tsv");
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            assert_eq!(line.split('\t').count(), 5, "{line}");
        }
        for row in rows() {
            assert!(pages.contains(row.cause), "{}", row.cause);
            assert!(!row.tell.is_empty() && !row.command.is_empty(), "{}", row.cause);
        }
    }

    #[test]
    fn every_condition_is_known() {
        let code = include_str!("ladders.rs");
        for row in rows() {
            let known =
                row.condition == "always" || code.contains(&format!("        \"{}\" =>", row.condition));
            assert!(known, "{}", row.condition);
        }
    }

    #[test]
    fn refused_and_denied_never_have_a_single_cause() {
        for (endpoint, symptom) in [
            ("127.0.0.1:8080", Symptom::ConnectionRefused),
            ("10.0.0.7:80", Symptom::ConnectionRefused),
            ("unix:/run/app.sock", Symptom::ConnectionRefused),
            ("127.0.0.1:8080", Symptom::PermissionDenied),
            ("unix:/run/app.sock", Symptom::PermissionDenied),
            ("127.0.0.1:9000", Symptom::ResetBeforeHeader),
        ] {
            let facts = Facts {
                symptom,
                endpoint: crate::evidence::Endpoint::parse(endpoint),
                product: "nginx",
                ..Facts::default()
            };
            assert_eq!(said_outright(&facts), None, "{endpoint} {symptom:?}");
            assert!(left_open(&facts).len() > 1, "{endpoint} {symptom:?}");
        }
    }
}
