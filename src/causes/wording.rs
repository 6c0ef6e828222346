//! Findings in the words of the proxy at hand: names of directives, the command that reloads, the line to
//! write.
//!
//! Causes speak of settings by nginx's names, for they have one for each thing and the others do not. Here,
//! and nowhere else, they become what the proxy of the failing route calls them; advice that has no
//! counterpart there is left out. To add a name: a row in [`NAMES`]. To add a line that can be written: an arm
//! in [`line`].

use super::facts::{passing_route, proxy_kind};
use crate::evidence::{ProxyKind, Snapshot};
use crate::finding::{Finding, Remedy};

/// What nginx calls something, what Apache and what Squid do. Longer names stand before their beginnings.
const NAMES: [(&str, &str, &str); 34] = [
    (
        "nginx -t && nginx -s reload",
        "apachectl -t && apachectl graceful",
        "squid -k parse && squid -k reconfigure",
    ),
    (
        "nginx -t && systemctl start nginx",
        "apachectl -t && apachectl start",
        "squid -k parse && systemctl start squid",
    ),
    ("nginx -s reload", "apachectl graceful", "squid -k reconfigure"),
    ("nginx -t", "apachectl -t", "squid -k parse"),
    ("nginx -T | grep", "grep -ri", "grep -i"),
    (
        "proxy_ssl_trusted_certificate",
        "SSLProxyCACertificateFile",
        "tls-cafile=",
    ),
    ("proxy_ssl_verify_depth", "SSLProxyVerifyDepth", "tls-flags="),
    (
        "proxy_ssl_verify off",
        "SSLProxyVerify none",
        "tls-flags=DONT_VERIFY_PEER",
    ),
    ("proxy_ssl_verify", "SSLProxyVerify", "tls-flags="),
    ("proxy_ssl_protocols", "SSLProxyProtocol", "tls-min-version="),
    ("proxy_ssl_ciphers", "SSLProxyCipherSuite", "tls-cipher="),
    (
        "proxy_ssl_certificate_key",
        "SSLProxyMachineCertificateFile",
        "tls-key=",
    ),
    (
        "proxy_ssl_certificate",
        "SSLProxyMachineCertificateFile",
        "tls-cert=",
    ),
    ("proxy_ssl_server_name", "the server name in TLS", "ssldomain="),
    (
        "proxy_ssl_name",
        "the host in the URL of the upstream",
        "ssldomain=",
    ),
    ("proxy_connect_timeout", "connectiontimeout=", "connect_timeout"),
    ("fastcgi_connect_timeout", "connectiontimeout=", "connect_timeout"),
    ("uwsgi_connect_timeout", "connectiontimeout=", "connect_timeout"),
    ("proxy_read_timeout", "ProxyTimeout", "read_timeout"),
    ("fastcgi_read_timeout", "ProxyTimeout", "read_timeout"),
    ("uwsgi_read_timeout", "ProxyTimeout", "read_timeout"),
    ("ajp_read_timeout", "ProxyTimeout", "read_timeout"),
    ("proxy_send_timeout", "ProxyTimeout", "write_timeout"),
    ("fastcgi_send_timeout", "ProxyTimeout", "write_timeout"),
    ("uwsgi_send_timeout", "ProxyTimeout", "write_timeout"),
    ("proxy_buffer_size", "responsefieldsize=", "reply_header_max_size"),
    (
        "fastcgi_buffer_size",
        "the limit of a header line",
        "reply_header_max_size",
    ),
    ("uwsgi_buffer_size", "responsefieldsize=", "reply_header_max_size"),
    ("proxy_bind", "ProxySourceAddress", "tcp_outgoing_address"),
    ("proxy_pass", "ProxyPass", "cache_peer"),
    ("fastcgi_pass", "ProxyPass", "cache_peer"),
    ("uwsgi_pass", "ProxyPass", "cache_peer"),
    ("worker_connections", "MaxRequestWorkers", "max_filedescriptors"),
    ("that upstream block", "that ProxyPass line", "that line"),
];

/// A text in the words of a proxy.
pub(crate) fn text(kind: ProxyKind, text: &str) -> String {
    let mut out = text.to_owned();
    for (nginx, apache, squid) in NAMES {
        let own = match kind {
            ProxyKind::Apache => apache,
            ProxyKind::Squid => squid,
            ProxyKind::Haproxy | ProxyKind::Nginx => return out,
        };
        if out.contains(nginx) {
            out = out.replace(nginx, own);
        }
    }
    out
}

/// A finding in the words of the proxy of the failing route.
pub(crate) fn finding(finding: Finding, snapshot: &Snapshot) -> Finding {
    let kind = proxy_kind(snapshot);
    if !matches!(kind, ProxyKind::Apache | ProxyKind::Squid) {
        return finding;
    }
    let mut finding = finding;
    finding.message = text(kind, &finding.message);
    for exhibit in &mut finding.evidence {
        // What stands in a log or a file is quoted, not reworded.
        if exhibit.kind != "log" {
            exhibit.text = text(kind, &exhibit.text);
        }
        if let Some(command) = &mut exhibit.command {
            let file = snapshot.config.seen().map(|config| config.main_file.clone());
            let reworded = text(kind, command);
            if reworded != *command && reworded.starts_with("grep") {
                *command = format!("{reworded} {}", crate::finding::quoted(&file.unwrap_or_default()));
            } else {
                *command = reworded;
            }
        }
    }
    finding.remedies = finding
        .remedies
        .into_iter()
        .filter_map(|known| remedy(known, kind, snapshot))
        .collect();
    finding
}

fn remedy(known: Remedy, kind: ProxyKind, snapshot: &Snapshot) -> Option<Remedy> {
    let mut known = known;
    if let Some(edit) = known.edit.take() {
        match line(&edit.replacement, kind, snapshot) {
            Written::Line(replacement) => known.edit = Some(crate::finding::Edit { replacement, ..edit }),
            Written::Beside(what) => known.summary = format!("{what}: {}", known.summary),
            Written::Words => {}
            Written::Nothing => return None,
        }
    }
    known.summary = text(kind, &known.summary);
    known.risk = known.risk.map(|risk| text(kind, &risk));
    for argv in [&mut known.argv, &mut known.undo].into_iter().flatten() {
        reworded_command(argv, kind);
    }
    // What still speaks of nginx is advice for another proxy; an inner nginx is meant as it is said.
    let foreign = known.summary.contains("nginx") && !known.summary.contains("inner nginx");
    (!foreign).then_some(known)
}

fn reworded_command(argv: &mut Vec<String>, kind: ProxyKind) {
    let words: Vec<&str> = argv.iter().map(String::as_str).collect();
    let own: &[&str] = match (words.as_slice(), kind) {
        (["nginx", "-s", "reload"], ProxyKind::Apache) => &["apachectl", "graceful"],
        (["nginx", "-s", "reload"], ProxyKind::Squid) => &["squid", "-k", "reconfigure"],
        (["systemctl", verb, "nginx"], _) => {
            let unit = if kind == ProxyKind::Squid {
                "squid"
            } else {
                "apache2"
            };
            *argv = vec!["systemctl".to_owned(), (*verb).to_owned(), unit.to_owned()];
            return;
        }
        _ => return,
    };
    *argv = own.iter().map(|word| (*word).to_owned()).collect();
}

/// What becomes of a line in nginx's words.
enum Written {
    /// This line is to stand there.
    Line(String),
    /// No line of its own: this is to be added to the line that is there.
    Beside(String),
    /// The summary says it all.
    Words,
    /// The advice has no counterpart.
    Nothing,
}

fn line(nginx: &str, kind: ProxyKind, snapshot: &Snapshot) -> Written {
    let first = nginx.split(';').next().unwrap_or_default().trim();
    let (name, value) = first.split_once(' ').unwrap_or((first, ""));
    let value = value.trim();
    let seconds = || value.trim_end_matches('s').to_owned();
    let kibibytes = || value.trim_end_matches('k').parse::<u64>().unwrap_or(16);
    let setting = name.split_once('_').map_or(name, |(_, setting)| setting);
    match (kind, setting) {
        // A line to take out is the same everywhere, and what is written for this proxy stays.
        (_, "") => Written::Line(String::new()),
        (ProxyKind::Apache, _) if name.starts_with(|first: char| first.is_ascii_uppercase()) => {
            Written::Line(nginx.to_owned())
        }
        (ProxyKind::Apache, "pass") => {
            let start = passing_route(snapshot)
                .and_then(|(route, _)| route.location.as_ref())
                .map(|location| location.name.as_str())
                .filter(|name| name.starts_with("ProxyPass"));
            match start {
                Some(start) if value.contains("://") => Written::Line(format!("{start} {value}")),
                _ => Written::Words,
            }
        }
        (ProxyKind::Apache, "read_timeout" | "send_timeout") => Written::Beside(format!(
            "ProxyTimeout {}, or timeout={} at the end of that ProxyPass",
            seconds(),
            seconds()
        )),
        (ProxyKind::Apache, "connect_timeout") => Written::Beside(format!(
            "connectiontimeout={} at the end of that ProxyPass",
            seconds()
        )),
        (ProxyKind::Apache, "buffer_size") => Written::Beside(format!(
            "responsefieldsize={} at the end of that ProxyPass (it is the limit of one header line)",
            kibibytes().saturating_mul(1_024)
        )),
        (ProxyKind::Apache, "ssl_protocols") => {
            Written::Line("SSLProxyProtocol all -SSLv3 -TLSv1 -TLSv1.1".to_owned())
        }
        (ProxyKind::Apache, "ssl_certificate") => {
            Written::Line("SSLProxyMachineCertificateFile /etc/apache2/client.pem".to_owned())
        }
        (ProxyKind::Apache, "timeout") => {
            Written::Beside(format!("ttl={} at the end of that ProxyPass", seconds()))
        }
        (ProxyKind::Squid, "read_timeout" | "send_timeout") => {
            let name = if setting == "read_timeout" {
                "read_timeout"
            } else {
                "write_timeout"
            };
            Written::Line(format!("{name} {} seconds", seconds()))
        }
        (ProxyKind::Squid, "connect_timeout") => {
            Written::Line(format!("connect_timeout {} seconds", seconds()))
        }
        (ProxyKind::Squid, "buffer_size") => {
            Written::Line(format!("reply_header_max_size {} KB", kibibytes().max(64)))
        }
        (ProxyKind::Squid, "pass" | "ssl_protocols" | "ssl_certificate") => Written::Words,
        (ProxyKind::Squid, "cache_valid") => Written::Line("negative_ttl 0 seconds".to_owned()),
        _ => Written::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reload_is_that_of_the_proxy() {
        let said = "correct it, then nginx -t && nginx -s reload";
        assert_eq!(
            text(ProxyKind::Apache, said),
            "correct it, then apachectl -t && apachectl graceful"
        );
        assert_eq!(
            text(ProxyKind::Squid, said),
            "correct it, then squid -k parse && squid -k reconfigure"
        );
        assert_eq!(text(ProxyKind::Nginx, said), said);
    }

    #[test]
    fn advice_for_another_proxy_is_left_out() {
        let snapshot = Snapshot::default();
        let advice = || Remedy::advise("nginx has no directive for this");
        assert_eq!(remedy(advice(), ProxyKind::Squid, &snapshot), None);
    }

    #[test]
    fn a_line_is_written_as_the_proxy_takes_it() {
        let snapshot = Snapshot::default();
        let place = crate::evidence::Place::default();
        let known = Remedy::edit("allow for it", &place, "proxy_read_timeout 30s;");
        let squid = remedy(known.clone(), ProxyKind::Squid, &snapshot).and_then(|remedy| remedy.edit);
        assert_eq!(
            squid.map(|edit| edit.replacement),
            Some("read_timeout 30 seconds".to_owned())
        );
        let apache = remedy(known, ProxyKind::Apache, &snapshot).expect("advice");
        assert!(apache.edit.is_none() && apache.summary.starts_with("ProxyTimeout 30"));
    }
}
