//! Facts as exhibits: with their words and the command that shows them.

use super::{Contact, contact_of, passing_route};
use crate::evidence::{
    AccessEntry, End, Endpoint, EndpointEvidence, ErrorEntry, Exchange, Listener, Pass, Place, ProbeKind,
    ProxyKind, Snapshot, Unit, errno,
};
use crate::finding::{Exhibit, quoted};
use crate::system::http;
use std::fmt::Write as _;

/// The kind of proxy that a finding about the failing route speaks of: the innermost tier on this host that
/// hands on, else the front one.
pub(crate) fn proxy_kind(snapshot: &Snapshot) -> ProxyKind {
    passing_route(snapshot)
        .map(|(route, _)| route.proxy)
        .or_else(|| snapshot.route.seen().map(|route| route.proxy))
        .or_else(|| snapshot.proxy.as_ref().map(|proxy| proxy.kind))
        .unwrap_or_default()
}

/// What makes a change of the proxy's configuration count: `nginx -t && nginx -s reload`.
pub(in crate::causes) fn reload(snapshot: &Snapshot) -> String {
    let kind = proxy_kind(snapshot);
    format!("{} && {}", kind.test_command(), kind.reload_command())
}

/// A line of the access log as proof.
pub(in crate::causes) fn access_line(entry: &AccessEntry) -> Exhibit {
    Exhibit {
        kind: "log".to_owned(),
        text: entry.text.clone(),
        ..Exhibit::default()
    }
}

/// The proxy's log line as proof.
pub(in crate::causes) fn log_line(entry: &ErrorEntry) -> Exhibit {
    // What the answer itself says stands in no file.
    if entry.file.is_empty() {
        let request = entry.request.as_deref().unwrap_or_default();
        let url = request.split(' ').nth(1).unwrap_or("URL");
        return Exhibit::shown_by(
            "probe",
            entry.text.clone(),
            format!(
                "curl -svo /dev/null -x PROXY {} 2>&1 | grep -i x-squid-error",
                quoted(url)
            ),
        );
    }
    Exhibit {
        kind: "log".to_owned(),
        text: entry.text.clone(),
        command: Some(shows(&entry.file)),
        file: Some(entry.file.clone()),
        line: None,
    }
}

/// What the exchange that imitates the proxy gave, as proof.
pub(in crate::causes) fn probe_line(evidence: &EndpointEvidence) -> Option<Exhibit> {
    let probe = evidence
        .probes
        .iter()
        .find(|probe| probe.kind == ProbeKind::AsProxy)?;
    let exchange = probe.exchange.seen()?;
    Some(Exhibit::shown_by(
        "probe",
        format!("{}: {}", evidence.endpoint, exchange_words(exchange)),
        probe.command.clone(),
    ))
}

/// What another exchange gave, as proof.
pub(in crate::causes) fn other_probe_line(
    evidence: &EndpointEvidence,
    kind: ProbeKind,
    what: &str,
) -> Option<Exhibit> {
    let probe = evidence
        .probes
        .iter()
        .find(|probe| probe.kind == kind && probe.exchange.seen().is_some())?;
    Some(Exhibit::shown_by(
        "probe",
        format!("{}: {what}", evidence.endpoint),
        probe.command.clone(),
    ))
}

/// An exchange in words.
pub(in crate::causes) fn exchange_words(exchange: &Exchange) -> String {
    let milliseconds = exchange.total_us / 1_000;
    match contact_of(exchange) {
        Contact::Answered(status) => format!(
            "answers {status} after {} ms",
            exchange.first_byte_us.unwrap_or_default() / 1_000
        ),
        Contact::Closed if exchange.end == End::TlsFailed => format!(
            "ends the TLS connection after the handshake ({})",
            exchange
                .tls
                .as_ref()
                .and_then(|tls| tls.error.as_deref())
                .unwrap_or("no answer")
        ),
        Contact::Closed => {
            format!("takes the connection and closes it after {milliseconds} ms without a whole answer")
        }
        Contact::Denied => "permission denied".to_owned(),
        Contact::NoAnswer => format!("takes the connection and gives no answer within {milliseconds} ms"),
        Contact::NoLocalAddress => "cannot assign requested address".to_owned(),
        Contact::OtherAnswer(speaks) => format!("answers in {}", http::speaks_word(speaks)),
        Contact::QueueFull => "its accept queue is full (EAGAIN)".to_owned(),
        Contact::Refused => "connection refused".to_owned(),
        Contact::Reset => format!("resets the connection after {milliseconds} ms"),
        Contact::Silent => format!(
            "no answer to the connection within {} ms",
            exchange.connect_us / 1_000
        ),
        Contact::SocketMissing => "no such socket".to_owned(),
        Contact::TlsFailed => format!(
            "the TLS handshake fails ({})",
            exchange
                .tls
                .as_ref()
                .and_then(|tls| tls.error.as_deref())
                .unwrap_or("no answer")
        ),
        Contact::Unreachable(number) => errno::text(number).to_lowercase(),
    }
}

/// The configuration line that sends the request to an endpoint, as proof.
pub(in crate::causes) fn config_line(snapshot: &Snapshot, evidence: &EndpointEvidence) -> Option<Exhibit> {
    let (_, pass) = passing_route(snapshot)?;
    let place = if evidence.place.line > 0 {
        &evidence.place
    } else {
        &pass.place
    };
    (place.line > 0).then(|| {
        Exhibit::in_file(
            "config",
            format!("the proxy is told to use {}", evidence.endpoint),
            place,
        )
    })
}

/// Who listens on a socket, in words.
pub(in crate::causes) fn owner_words(listener: &Listener) -> String {
    match listener.processes.first() {
        Some(owner) => match &owner.unit {
            Some(unit) => format!("{} (process {}, {unit})", owner.name, owner.pid),
            None => format!("{} (process {})", owner.name, owner.pid),
        },
        None => "another process".to_owned(),
    }
}

/// The command that lists the listeners of an endpoint's kind.
pub(in crate::causes) fn listeners_command(endpoint: &Endpoint) -> String {
    match endpoint {
        Endpoint::Tcp(address) => format!("ss -Hltnp 'sport = :{}'", address.port()),
        Endpoint::Unix(path) => format!("ss -Hlxp src {}", quoted(path)),
    }
}

/// Proof that nobody listens on an endpoint.
pub(in crate::causes) fn nobody_listens(evidence: &EndpointEvidence) -> Option<Exhibit> {
    evidence.listener.is_absent().then(|| {
        Exhibit::shown_by(
            "process",
            format!("no process listens on {}", evidence.endpoint),
            listeners_command(&evidence.endpoint),
        )
    })
}

/// Proof of the state of a unit.
pub(in crate::causes) fn unit_line(unit: &Unit) -> Exhibit {
    let mut text = format!(
        "{} is {} ({}), result {}",
        unit.name, unit.active, unit.sub, unit.result
    );
    if unit.restarts > 0 {
        let _ = write!(text, ", restarted {} times", unit.restarts);
    }
    if unit.exec_main_status != 0 {
        let how = if unit.exec_main_code == 1 {
            "exit status"
        } else {
            "signal"
        };
        let _ = write!(text, ", {how} {}", unit.exec_main_status);
    }
    Exhibit::shown_by("unit", text, format!("systemctl status {}", quoted(&unit.name)))
}

/// Where a `*_pass` goes, without its scheme and without the path after it: `127.0.0.1:9000`,
/// `unix:/run/app.sock`, a group's name.
pub(in crate::causes) fn pass_address(pass: &Pass) -> String {
    let rest = pass
        .written
        .split_once("://")
        .map_or(pass.written.as_str(), |(_, rest)| rest);
    match rest.strip_prefix("unix:") {
        Some(path) => format!("unix:{}", path.split(':').next().unwrap_or(path)),
        None => rest.split('/').next().unwrap_or(rest).to_owned(),
    }
}

/// Anywhere in the file of a place: for a line to add, where one to replace would take out the old one.
pub(in crate::causes) fn near(place: &Place) -> Place {
    Place {
        file: place.file.clone(),
        line: 0,
        column: 0,
    }
}

/// The command that shows lines of a log. A piece of a paste is named by its file and its line.
fn shows(file: &str) -> String {
    let line = file.rsplit_once(':').and_then(|(file, line)| {
        let line: u32 = line.parse().ok()?;
        (line > 0 && !file.is_empty()).then_some((file, line))
    });
    match line {
        Some((file, line)) => format!("sed -n '{line},{}p' {}", line.saturating_add(19), quoted(file)),
        None => format!("tail -n 20 {}", quoted(file)),
    }
}
