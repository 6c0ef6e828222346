//! The scheme of a pass and the port it leads to do not fit together.

use super::super::Config;
use super::upstreams::{self, Around, Line};
use super::{Check, Rule, problem};
use crate::evidence::{ConfigProblem, PeerAddress, ProbeKind, ProblemLevel, Protocol, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N025-http-to-tls-port",
        proxy: ProxyKind::Nginx,
        title: "plain HTTP goes to a port of TLS, or TLS to a port of plain HTTP",
        level: ProblemLevel::Error,
        cause: Some("plaintext-to-tls-port"),
        needs: None,
    },
    find,
};

fn find(config: &Config, around: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    let around = Around::new(around);
    for line in upstreams::lines(config) {
        let http = matches!(line.hop.protocol, Protocol::Http | Protocol::Grpc);
        // A server of a group without a port is the subject of another rule.
        let default_in_group = line.hop.group.is_some() && !line.port_written;
        let port = match line.address {
            PeerAddress::Ip(address) => address.port(),
            PeerAddress::Name(name) => name.port,
            PeerAddress::Unix(_) => continue,
        };
        if http && !default_in_group {
            judge(config, &around, &line, port, problems);
        }
    }
}

/// What probes say about the port: it speaks TLS, or plain HTTP. `None`: nobody asked, or nothing came.
fn speaks_tls(around: &Around<'_>, line: &Line<'_>) -> Option<bool> {
    for evidence in around.endpoints(line.address) {
        for probe in &evidence.probes {
            let Some(exchange) = probe.exchange.seen() else {
                continue;
            };
            match &exchange.tls {
                Some(tls) if tls.done || tls.alert.is_some() => return Some(true),
                Some(tls) if tls.not_tls.is_some() => return Some(false),
                None if matches!(probe.kind, ProbeKind::PlainHttp | ProbeKind::AsProxy) => {
                    let text = exchange.bytes.text();
                    if text.contains("plain HTTP request was sent to HTTPS port")
                        || text.contains("speaking plain HTTP to an SSL-enabled server port")
                        || exchange.bytes.0.starts_with(&[0x15, 0x03])
                    {
                        return Some(true);
                    }
                    if text.starts_with("HTTP/") && !line.hop.tls {
                        return Some(false);
                    }
                }
                _ => {}
            }
        }
    }
    None
}

fn judge(
    config: &Config,
    around: &Around<'_>,
    line: &Line<'_>,
    port: u16,
    problems: &mut Vec<ConfigProblem>,
) {
    let tls = line.hop.tls;
    let seen = speaks_tls(around, line);
    let level = match (tls, port, seen) {
        (false, _, Some(true)) | (true, _, Some(false)) => {
            if line.others {
                ProblemLevel::Warning
            } else {
                ProblemLevel::Error
            }
        }
        (false, 443, None) | (true, 80, None) => ProblemLevel::Warning,
        (false, 8443, None) | (true, 3000 | 8080, None) => ProblemLevel::Info,
        // What was seen fits, or nothing was seen and the port says nothing.
        _ => return,
    };
    let address = upstreams::shown(line.address);
    let grpc = line.hop.protocol == Protocol::Grpc;
    let (plain, secure) = if grpc {
        ("grpc://", "grpcs://")
    } else {
        ("http://", "https://")
    };
    let (message, effect, wanted) = if tls {
        let why = if seen.is_some() {
            "answers in plain HTTP"
        } else {
            "is a port of plain HTTP by custom"
        };
        (
            format!("{} speaks TLS to {address}, which {why}", line.hop.written),
            "502 always",
            plain,
        )
    } else {
        let why = if seen.is_some() {
            "speaks TLS"
        } else {
            "is a port of TLS by custom"
        };
        let effect = if grpc {
            "502 always"
        } else {
            "400 where the backend is nginx or Apache, 502 where it closes the connection"
        };
        (
            format!("{} speaks plain HTTP to {address}, which {why}", line.hop.written),
            effect,
            secure,
        )
    };
    let mut found = problem(config, &CHECK.rule, line.node, message);
    found.level = level;
    effect.clone_into(&mut found.effect);
    if let Some(end) = line.hop.written.find("://") {
        let rest = line.hop.written.get(end.saturating_add(3)..).unwrap_or_default();
        found.repair = Some(format!("{} {wanted}{rest};", config.tree.name(line.hop.node)));
        if seen.is_some() && !line.others {
            found.edit = super::edits::replace_argument(config, line.hop.node, 0, &format!("{wanted}{rest}"));
        }
    }
    problems.push(found);
}
