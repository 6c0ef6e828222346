//! What several causes ask of a snapshot: named questions with one answer each.
//!
//! A fact is not a judgement: nothing here makes a finding.

use std::fmt::Write as _;

use crate::evidence::{
    AppServer, Attempt, Connect, End, Endpoint, EndpointEvidence, ErrorEntry, Exchange, Fate, Handler,
    Listener, PacketAnswer, Pass, Place, ProbeKind, Protocol, Route, Snapshot, Speaks, Symptom, Unit, errno,
};
use crate::finding::{Exhibit, quoted};
use crate::system::http;

/// True when an attempt gave an error that a proxy makes for a failed upstream, or no usable answer.
pub(crate) fn attempt_failed(attempt: &Attempt) -> bool {
    match attempt.status {
        // What is beyond 5xx is a word between application and client, and handed on as it is.
        Some(status) => (500..600).contains(&status) || status < 200 || attempt.truncated,
        None => true,
    }
}

/// True when the target fails now, at least sometimes.
pub(super) fn failing(snapshot: &Snapshot) -> bool {
    snapshot.attempts.iter().any(attempt_failed)
}

/// The status of the first failed attempt.
pub(super) fn failed_status(snapshot: &Snapshot) -> Option<u16> {
    snapshot
        .attempts
        .iter()
        .filter(|attempt| attempt_failed(attempt))
        .find_map(|attempt| attempt.status)
}

/// True when the proxy of this host made the failing answer, or may have: nothing says otherwise.
pub(super) fn front_connects(snapshot: &Snapshot) -> bool {
    snapshot
        .attempts
        .iter()
        .filter_map(|attempt| attempt.exchange.seen())
        .any(Exchange::connected)
}

/// The route on the last tier of this host that hands on.
pub(super) fn passing_route(snapshot: &Snapshot) -> Option<(&Route, &Pass)> {
    let routes = snapshot.inner_routes.iter().rev().chain(snapshot.route.seen());
    routes.into_iter().find_map(|route| match &route.handler {
        Handler::Pass(pass) => Some((route, pass.as_ref())),
        Handler::Return { .. } | Handler::Local(_) | Handler::Unknown => None,
    })
}

/// Lines of the proxy's log about our own attempts that name one of these symptoms.
pub(super) fn logged_now<'a>(snapshot: &'a Snapshot, symptoms: &[Symptom]) -> Vec<&'a ErrorEntry> {
    snapshot
        .log
        .during
        .iter()
        .filter(|entry| entry.symptom.is_some_and(|symptom| symptoms.contains(&symptom)))
        .collect()
}

/// Earlier lines of this route with one of these symptoms.
pub(super) fn logged_before<'a>(snapshot: &'a Snapshot, symptoms: &[Symptom]) -> Vec<&'a ErrorEntry> {
    snapshot
        .log
        .before
        .iter()
        .filter(|entry| entry.symptom.is_some_and(|symptom| symptoms.contains(&symptom)))
        .collect()
}

/// True when the log speaks of our attempts, and none of what it says is one of these symptoms.
pub(super) fn log_says_otherwise(snapshot: &Snapshot, symptoms: &[Symptom]) -> bool {
    let mut said = snapshot
        .log
        .during
        .iter()
        .filter_map(|entry| entry.symptom)
        .peekable();
    said.peek().is_some() && !said.any(|symptom| symptoms.contains(&symptom))
}

/// How the contact with an endpoint ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Contact {
    Answered(u16),
    Closed,
    Denied,
    NoAnswer,
    NoLocalAddress,
    OtherAnswer(Speaks),
    QueueFull,
    Refused,
    Reset,
    Silent,
    SocketMissing,
    TlsFailed,
    Unreachable(i32),
}

/// How the exchange that imitates the proxy ended; `None`: it was not made.
pub(super) fn contact(evidence: &EndpointEvidence) -> Option<Contact> {
    evidence.as_proxy().map(contact_of)
}

/// How an exchange ended.
pub(super) fn contact_of(exchange: &Exchange) -> Contact {
    match &exchange.connect {
        Connect::TimedOut => return Contact::Silent,
        Connect::Failed(number) => {
            return match *number {
                errno::ECONNREFUSED => Contact::Refused,
                errno::ENOENT => Contact::SocketMissing,
                errno::EACCES | errno::EPERM => Contact::Denied,
                errno::EAGAIN => Contact::QueueFull,
                errno::EADDRNOTAVAIL => Contact::NoLocalAddress,
                other => Contact::Unreachable(other),
            };
        }
        Connect::Connected => {}
    }
    if exchange.tls.as_ref().is_some_and(|tls| !tls.done) {
        return Contact::TlsFailed;
    }
    if let Some(head) = http::head(&exchange.bytes.0)
        && head.length_bytes.is_some()
        && let Some(status) = head.status
    {
        return Contact::Answered(status);
    }
    if exchange.received_bytes == 0 || http::head(&exchange.bytes.0).is_some() {
        return match exchange.end {
            End::TimedOut => Contact::NoAnswer,
            End::Reset => Contact::Reset,
            _ => Contact::Closed,
        };
    }
    Contact::OtherAnswer(http::speaks(&exchange.bytes.0))
}

/// True when an endpoint gives the proxy what it wants.
pub(super) fn works(evidence: &EndpointEvidence, pass: &Pass) -> bool {
    match (contact(evidence), pass.protocol) {
        (Some(Contact::Answered(status)), _) => (200..500).contains(&status),
        (Some(Contact::OtherAnswer(Speaks::FastCgi)), Protocol::FastCgi)
        | (Some(Contact::OtherAnswer(Speaks::Http2)), Protocol::Grpc)
        | (Some(Contact::OtherAnswer(_)), Protocol::Memcached) => true,
        _ => false,
    }
}

/// True when every endpoint that is known works.
pub(super) fn all_work(snapshot: &Snapshot) -> bool {
    passing_route(snapshot).is_some_and(|(_, pass)| {
        !snapshot.endpoints.is_empty() && snapshot.endpoints.iter().all(|evidence| works(evidence, pass))
    })
}

/// Endpoints whose contact ended in this way.
pub(super) fn endpoints_with(
    snapshot: &Snapshot,
    wanted: impl Fn(Contact) -> bool,
) -> Vec<&EndpointEvidence> {
    snapshot
        .endpoints
        .iter()
        .filter(|evidence| contact(evidence).is_some_and(&wanted))
        .collect()
}

/// Symptoms of a connection that ended before the answer's header.
pub(super) const CUT_BEFORE_HEADER: [Symptom; 2] = [Symptom::ClosedBeforeHeader, Symptom::ResetBeforeHeader];

/// True when our own requests were cut before an answer: by the log, or by our own exchange where the log
/// is silent.
pub(super) fn cut_before_header(snapshot: &Snapshot) -> bool {
    if !failing(snapshot) {
        return false;
    }
    if !logged_now(snapshot, &CUT_BEFORE_HEADER).is_empty() {
        return true;
    }
    snapshot.log.during.iter().all(|entry| entry.symptom.is_none())
        && !endpoints_with(snapshot, |contact| {
            matches!(contact, Contact::Closed | Contact::Reset)
        })
        .is_empty()
}

/// True when our own requests waited in vain for the header.
pub(super) fn header_timed_out(snapshot: &Snapshot) -> bool {
    if !failing(snapshot) {
        return false;
    }
    !logged_now(snapshot, &[Symptom::HeaderTimeout, Symptom::SendTimeout]).is_empty()
        || ((failed_status(snapshot) == Some(504) || still_waiting(snapshot))
            && snapshot.log.during.iter().all(|entry| entry.symptom.is_none())
            && !endpoints_with(snapshot, |contact| contact == Contact::NoAnswer).is_empty())
}

/// True when every peer is taken out by hand: then the proxy dials none, and how they are does not matter.
pub(super) fn all_disabled(snapshot: &Snapshot) -> bool {
    passing_route(snapshot)
        .is_some_and(|(_, pass)| !pass.peers.is_empty() && pass.peers.iter().all(|peer| peer.down))
}

/// True when the proxy took our requests and had given no answer when our own patience ended: its limits are
/// longer than the deadline of this run.
fn still_waiting(snapshot: &Snapshot) -> bool {
    snapshot
        .attempts
        .iter()
        .filter_map(|attempt| attempt.exchange.seen())
        .any(|exchange| exchange.connected() && exchange.received_bytes == 0 && exchange.end == End::TimedOut)
}

/// An endpoint that the proxy cannot connect to, with how.
pub(super) fn unconnectable(
    snapshot: &Snapshot,
    wanted: impl Fn(Contact) -> bool,
) -> Option<&EndpointEvidence> {
    if !failing(snapshot) || all_disabled(snapshot) {
        return None;
    }
    endpoints_with(snapshot, wanted).into_iter().next()
}

/// The refused TCP endpoint, when refusal is what fails.
pub(super) fn refused_tcp(snapshot: &Snapshot) -> Option<&EndpointEvidence> {
    let refused = |evidence: &&EndpointEvidence| evidence.endpoint.tcp().is_some();
    if !failing(snapshot) || all_disabled(snapshot) {
        return None;
    }
    endpoints_with(snapshot, |contact| contact == Contact::Refused)
        .into_iter()
        .find(refused)
}

/// The packet filter's answer for the way to an endpoint, when it stops it.
pub(super) fn blocked<'a>(snapshot: &'a Snapshot, endpoint: &Endpoint) -> Option<&'a PacketAnswer> {
    let address = endpoint.tcp()?;
    snapshot.firewall.seen()?.packets.iter().find(|answer| {
        answer.packet.state == "new"
            && answer.packet.destination == address.ip()
            && answer.packet.destination_port == address.port()
            && matches!(answer.fate, Fate::Dropped | Fate::Rejected(_))
    })
}

/// The packet filter's answer for the way back from an endpoint, when it stops it. A rejected answer is a
/// lost one too: the refusal goes to the endpoint and not to the proxy.
pub(super) fn answer_blocked<'a>(snapshot: &'a Snapshot, endpoint: &Endpoint) -> Option<&'a PacketAnswer> {
    let address = endpoint.tcp()?;
    snapshot.firewall.seen()?.packets.iter().find(|answer| {
        answer.packet.state != "new"
            && answer.packet.source == Some(address.ip())
            && answer.packet.source_port == Some(address.port())
            && matches!(answer.fate, Fate::Dropped | Fate::Rejected(_))
    })
}

/// True when the packet filters were read whole and let the way to an endpoint pass.
pub(super) fn open(snapshot: &Snapshot, endpoint: &Endpoint) -> bool {
    let Some(address) = endpoint.tcp() else {
        return true;
    };
    snapshot.firewall.seen().is_some_and(|answer| {
        answer.unread.is_empty()
            && answer
                .packets
                .iter()
                .filter(|packet| {
                    packet.packet.state == "new"
                        && packet.packet.destination == address.ip()
                        && packet.packet.destination_port == address.port()
                })
                .all(|packet| packet.fate == Fate::Accepted)
    })
}

/// How closely a unit belongs to an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Link {
    /// The only service of the administrator that is not well.
    OnlyCandidate,
    /// Its name is that of the upstream group or of the socket.
    Name,
    /// Its command line or socket unit names the port or path.
    Address,
}

/// The unit that should serve an endpoint, and how closely it belongs to it.
pub(super) fn unit_of<'a>(snapshot: &'a Snapshot, evidence: &EndpointEvidence) -> Option<(&'a Unit, Link)> {
    let units = snapshot.units.seen()?;
    let proxy = snapshot
        .proxy
        .as_ref()
        .and_then(|proxy| proxy.master.unit.clone())
        .unwrap_or_default();
    let services = || {
        units.iter().filter(|unit| {
            unit.name.ends_with(".service") && unit.name != proxy && unit.name != "nginx.service"
        })
    };
    if let Some(owner) = evidence
        .listener
        .seen()
        .and_then(|listener| listener.processes.iter().find_map(|owner| owner.unit.clone()))
        && let Some(unit) = services().find(|unit| unit.name == owner)
    {
        return Some((unit, Link::Address));
    }
    let mark = match &evidence.endpoint {
        Endpoint::Tcp(address) => address.port().to_string(),
        Endpoint::Unix(path) => path.clone(),
    };
    if let Some(socket) = units
        .iter()
        .find(|unit| unit.listens.iter().any(|listen| has_word(listen, &mark)))
    {
        let name = socket.name.replace(".socket", ".service");
        if let Some(unit) = services().find(|unit| unit.name == name) {
            return Some((unit, Link::Address));
        }
    }
    if let Some(unit) = services().find(|unit| has_word(&unit.exec_start, &mark)) {
        return Some((unit, Link::Address));
    }
    let group = passing_route(snapshot)
        .and_then(|(_, pass)| pass.group.as_ref())
        .map(|group| group.name.to_lowercase());
    let stem = |unit: &Unit| unit.name.trim_end_matches(".service").to_lowercase();
    let of_path = evidence
        .endpoint
        .unix()
        .and_then(|path| path.rsplit('/').next())
        .map(|name| {
            name.trim_end_matches(".sock")
                .trim_end_matches(".socket")
                .to_lowercase()
        });
    let named = services().find(|unit| {
        let stem = stem(unit);
        group.as_deref() == Some(stem.as_str()) || of_path.as_deref() == Some(stem.as_str())
    });
    if let Some(unit) = named {
        return Some((unit, Link::Name));
    }
    let mut own = services().filter(|unit| {
        let by_hand =
            unit.fragment.starts_with("/etc/systemd/system/") || unit.fragment.starts_with("/run/systemd/");
        by_hand && unit.active != "active" && !unit.name.contains('@')
    });
    match (own.next(), own.next()) {
        (Some(unit), None) => Some((unit, Link::OnlyCandidate)),
        _ => None,
    }
}

/// True when `text` holds `word` with nothing like a word around it: 80 is not in 8080.
pub(super) fn has_word(text: &str, word: &str) -> bool {
    let mut from = 0;
    while let Some(position) = text.get(from..).and_then(|rest| rest.find(word)) {
        let start = from + position;
        let end = start + word.len();
        let before = text.get(..start).and_then(|part| part.chars().next_back());
        let after = text.get(end..).and_then(|part| part.chars().next());
        let apart =
            |character: Option<char>| character.is_none_or(|character| !character.is_ascii_alphanumeric());
        if apart(before) && apart(after) {
            return true;
        }
        from = end;
    }
    false
}

/// True when a unit is down because it failed: it ended by itself, again and again, or gave up.
pub(super) fn unit_failed(unit: &Unit) -> bool {
    let starting_anew = unit.active == "activating" && unit.sub == "auto-restart";
    unit.active == "failed" || starting_anew
}

/// The application server whose listener an endpoint is, by its settings or by its process.
pub(super) fn application_of<'a>(
    snapshot: &'a Snapshot,
    evidence: &EndpointEvidence,
) -> Option<&'a AppServer> {
    let listens = evidence.endpoint.to_string();
    let by_settings = snapshot
        .applications
        .iter()
        .find(|server| server.listens.contains(&listens));
    by_settings.or_else(|| {
        let owners = &evidence.listener.seen()?.processes;
        snapshot
            .applications
            .iter()
            .find(|server| owners.iter().any(|owner| owner.pid == server.pid))
    })
}

/// A line of an application's own log.
pub(super) struct Said {
    /// The line as proof.
    pub(super) exhibit: Exhibit,
    /// The line has a time, and it lies in the window that was asked for.
    pub(super) dated: bool,
}

/// Our requests and what they led to: a second for rounding, one for the line itself.
pub(super) const DURING_MS: i64 = 2_000;

/// A state that lasts: full pools and used up descriptors are logged once, when they begin.
pub(super) const LATELY_MS: i64 = 600_000;

/// The newest line of the application's own log, or of its unit's journal, that holds one of these texts and
/// is not older than `slack_ms` before our first request. A line without a time may be of any time.
pub(super) fn application_said(
    snapshot: &Snapshot,
    evidence: &EndpointEvidence,
    texts: &[&str],
    slack_ms: i64,
) -> Option<Said> {
    application_said_last(
        snapshot,
        evidence,
        |line| texts.iter().any(|text| line.contains(text)),
        slack_ms,
    )
}

/// The newest such line that passes a test.
pub(super) fn application_said_last(
    snapshot: &Snapshot,
    evidence: &EndpointEvidence,
    holds: impl Fn(&str) -> bool,
    slack_ms: i64,
) -> Option<Said> {
    let began_ms = snapshot.log.attempts_began_ms;
    let recent = |at_ms: i64| began_ms == 0 || at_ms.saturating_add(slack_ms) >= began_ms;
    if let Some(server) = application_of(snapshot, evidence)
        && let Some(line) = server
            .log
            .iter()
            .rev()
            .find(|line| holds(&line.text) && line.at_ms.is_none_or(recent))
    {
        return Some(Said {
            exhibit: Exhibit {
                kind: "log".to_owned(),
                text: line.text.clone(),
                command: Some(format!("tail -n 50 {}", quoted(&line.file))),
                file: Some(line.file.clone()),
                line: None,
            },
            dated: line.at_ms.is_some(),
        });
    }
    let (unit, link) = unit_of(snapshot, evidence)?;
    if link == Link::OnlyCandidate {
        return None;
    }
    let line = unit
        .journal
        .iter()
        .rev()
        .find(|line| holds(&line.message) && recent(line.at_ms))?;
    Some(Said {
        exhibit: Exhibit::shown_by(
            "log",
            line.message.clone(),
            format!("journalctl -u {} -n 50", quoted(&unit.name)),
        ),
        dated: true,
    })
}

/// The endpoint that failed our requests: the one that the proxy's log names, else the first whose contact
/// ended in this way, else the first.
pub(super) fn culprit<'a>(
    snapshot: &'a Snapshot,
    logged: Option<&ErrorEntry>,
    wanted: impl Fn(Contact) -> bool,
) -> Option<&'a EndpointEvidence> {
    let named = logged
        .and_then(|entry| entry.upstream.as_deref())
        .and_then(|upstream| {
            snapshot
                .endpoints
                .iter()
                .find(|evidence| has_word(upstream, &evidence.endpoint.to_string()))
        });
    named
        .or_else(|| {
            snapshot
                .endpoints
                .iter()
                .find(|evidence| contact(evidence).is_some_and(&wanted))
        })
        .or_else(|| snapshot.endpoints.first())
}

/// Where a `*_pass` goes, without its scheme and without the path after it: `127.0.0.1:9000`,
/// `unix:/run/app.sock`, a group's name.
pub(super) fn pass_address(pass: &Pass) -> String {
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
pub(super) fn near(place: &Place) -> Place {
    Place {
        file: place.file.clone(),
        line: 0,
        column: 0,
    }
}

/// The certificate that an endpoint shows to the proxy, as proof.
pub(super) fn certificate_line(evidence: &EndpointEvidence) -> Option<Exhibit> {
    let tls = evidence.as_proxy()?.tls.as_ref()?;
    let certificate = tls.chain.first()?;
    let address = match &evidence.endpoint {
        Endpoint::Tcp(address) => format!("-connect {address}"),
        Endpoint::Unix(path) => format!("-unix {}", quoted(path)),
    };
    let name = tls.server_name.as_ref().map_or_else(
        || "-noservername".to_owned(),
        |name| format!("-servername {}", quoted(name)),
    );
    Some(Exhibit::shown_by(
        "probe",
        format!(
            "it serves {} by {} for {}",
            certificate.subject,
            certificate.issuer,
            certificate.names.join(", ")
        ),
        format!(
            "openssl s_client {address} {name} </dev/null | openssl x509 -noout -subject -issuer -dates -ext subjectAltName"
        ),
    ))
}

/// What servers answer to plain HTTP on their TLS port.
const WANTS_TLS: [&str; 4] = [
    "The plain HTTP request was sent to HTTPS port",
    "Client sent an HTTP request to an HTTPS server",
    "This combination of host and port requires TLS",
    "speaking plain HTTP to an SSL-enabled server port",
];

/// True when an answer to plain HTTP says that TLS is wanted.
pub(super) fn says_wants_tls(exchange: &Exchange) -> bool {
    let text = exchange.bytes.text();
    WANTS_TLS.iter().any(|said| text.contains(said))
}

/// True when an endpoint gave a sign of TLS: a handshake, a certificate, an alert, or words.
pub(super) fn speaks_tls(evidence: &EndpointEvidence) -> bool {
    evidence
        .probes
        .iter()
        .filter_map(|probe| probe.exchange.seen())
        .any(|exchange| {
            let shook = exchange
                .tls
                .as_ref()
                .is_some_and(|tls| tls.done || tls.alert.is_some() || !tls.chain.is_empty());
            shook || says_wants_tls(exchange)
        })
}

/// The listener of another program on the port of an endpoint, under another address.
pub(super) fn same_port_elsewhere<'a>(
    snapshot: &'a Snapshot,
    evidence: &EndpointEvidence,
) -> Option<&'a Listener> {
    let wanted = evidence.endpoint.tcp()?;
    // The proxy's own port is not the service: to dial it would be a loop.
    let of_the_proxy = |listener: &Listener| {
        snapshot.proxy.as_ref().is_some_and(|proxy| {
            listener.processes.iter().any(|owner| {
                owner.pid == proxy.master.pid || proxy.workers.iter().any(|worker| worker.pid == owner.pid)
            })
        })
    };
    snapshot.listeners.seen()?.iter().find(|listener| {
        !of_the_proxy(listener)
            && listener
                .endpoint
                .tcp()
                .is_some_and(|address| address.port() == wanted.port() && address != wanted)
    })
}

/// The proxy's log line as proof.
pub(super) fn log_line(entry: &ErrorEntry) -> Exhibit {
    Exhibit {
        kind: "log".to_owned(),
        text: entry.text.clone(),
        command: Some(format!("tail -n 20 {}", quoted(&entry.file))),
        file: Some(entry.file.clone()),
        line: None,
    }
}

/// What the exchange that imitates the proxy gave, as proof.
pub(super) fn probe_line(evidence: &EndpointEvidence) -> Option<Exhibit> {
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
pub(super) fn other_probe_line(evidence: &EndpointEvidence, kind: ProbeKind, what: &str) -> Option<Exhibit> {
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
pub(super) fn exchange_words(exchange: &Exchange) -> String {
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
pub(super) fn config_line(snapshot: &Snapshot, evidence: &EndpointEvidence) -> Option<Exhibit> {
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
pub(super) fn owner_words(listener: &Listener) -> String {
    match listener.processes.first() {
        Some(owner) => match &owner.unit {
            Some(unit) => format!("{} (process {}, {unit})", owner.name, owner.pid),
            None => format!("{} (process {})", owner.name, owner.pid),
        },
        None => "another process".to_owned(),
    }
}

/// The command that lists the listeners of an endpoint's kind.
pub(super) fn listeners_command(endpoint: &Endpoint) -> String {
    match endpoint {
        Endpoint::Tcp(address) => format!("ss -Hltnp 'sport = :{}'", address.port()),
        Endpoint::Unix(path) => format!("ss -Hlxp src {}", quoted(path)),
    }
}

/// Proof that nobody listens on an endpoint.
pub(super) fn nobody_listens(evidence: &EndpointEvidence) -> Option<Exhibit> {
    evidence.listener.is_absent().then(|| {
        Exhibit::shown_by(
            "process",
            format!("no process listens on {}", evidence.endpoint),
            listeners_command(&evidence.endpoint),
        )
    })
}

/// Proof of the state of a unit.
pub(super) fn unit_line(unit: &Unit) -> Exhibit {
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
