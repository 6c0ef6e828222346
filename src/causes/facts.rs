//! What several causes ask of a snapshot: named questions with one answer each.
//!
//! A fact is not a judgement: nothing here makes a finding.

mod contact;
mod owner;
mod said;
mod tls;
mod words;

pub(in crate::causes) use contact::*;
pub(in crate::causes) use owner::*;
pub(in crate::causes) use said::*;
pub(in crate::causes) use tls::*;
pub(crate) use words::proxy_kind;
pub(in crate::causes) use words::*;

use crate::evidence::{
    AccessEntry, Attempt, Endpoint, ErrorEntry, Exchange, Fate, Handler, NameEvidence, PacketAnswer, Pass,
    PeerAddress, ProxyKind, Route, ServerAnswer, Snapshot, Symptom,
};

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

/// True when the endpoint is what the client itself asked a forward proxy for: no line of the proxy's
/// configuration names it.
pub(super) fn client_named_it(snapshot: &Snapshot) -> bool {
    let target = &snapshot.target;
    target.via.is_some()
        && passing_route(snapshot).is_some_and(|(_, pass)| {
            pass.peers.first().is_some_and(|peer| match &peer.address {
                PeerAddress::Ip(address) => {
                    address.port() == target.port && address.ip().to_string() == target.host
                }
                PeerAddress::Name(name) => name.port == target.port && name.name == target.host,
                PeerAddress::Unix(_) => false,
            })
        })
}

/// What the nameservers said that the proxy asks for a name at run time. nginx asks those of its own; Apache
/// and Squid ask those of the system, and the hosts file before them.
pub(super) fn run_time_answers<'a>(
    snapshot: &'a Snapshot,
    name: &'a NameEvidence,
) -> impl Iterator<Item = &'a ServerAnswer> {
    let own = name.role == "upstream-at-run-time";
    let per_request = name.role == "upstream"
        && name.hosts_file.is_empty()
        && passing_route(snapshot).is_some_and(|(route, _)| route.proxy != ProxyKind::Nginx);
    let of_squid = name.servers.iter().any(|server| server.used_by == "squid");
    let used_by = match (own, of_squid) {
        (_, true) => "squid",
        (true, false) => "nginx",
        (false, false) => "system",
    };
    name.servers
        .iter()
        .filter(move |server| (own || per_request) && server.used_by == used_by)
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

/// True for something of the last minute before our attempts, when these were all answered: what only requests that
/// change something meet (`POST`, …) does not show in ours.
fn changed_lately(snapshot: &Snapshot, at_ms: Option<i64>, request: Option<&str>) -> bool {
    const AGO_MS: i64 = 60_000;
    let lately = at_ms.is_some_and(|at_ms| at_ms.saturating_add(AGO_MS) >= snapshot.log.attempts_began_ms);
    let harmless = ["GET ", "HEAD ", "OPTIONS ", "TRACE ", "CONNECT "];
    let changes = request.is_some_and(|request| !harmless.iter().any(|method| request.starts_with(method)));
    lately && changes && !failing(snapshot) && !snapshot.attempts.is_empty()
}

/// Such a request for this URL that Squid answered with 502. It has no line that says why.
pub(super) fn failed_silently(snapshot: &Snapshot) -> Option<&AccessEntry> {
    let squid = proxy_kind(snapshot) == ProxyKind::Squid;
    snapshot.log.access_before.iter().rev().find(|entry| {
        squid && entry.status == Some(502) && changed_lately(snapshot, entry.at_ms, entry.request.as_deref())
    })
}

/// The line about such a request that the proxy answered with 500 of its own, before it asked anybody: a body that it
/// could not store, for example.
pub(crate) fn failed_at_the_proxy(snapshot: &Snapshot) -> Option<&ErrorEntry> {
    // Both are written when the request ends, one with whole seconds; some formats have no time.
    const TOGETHER_MS: i64 = 1_000;
    let together = |entry: &AccessEntry, line: &ErrorEntry| {
        let apart_ms = entry.at_ms.zip(line.at_ms).map(|(one, other)| (one - other).abs());
        entry.request == line.request && apart_ms.is_none_or(|apart_ms| apart_ms <= TOGETHER_MS)
    };
    let own_500 = |entry: &AccessEntry| {
        let asked = entry.upstream_status.as_deref().is_some_and(|status| status != "-");
        entry.status == Some(500) && !asked
    };
    snapshot.log.before.iter().rev().find(|line| {
        line.symptom.is_none()
            && line.upstream.is_none()
            && ["error", "crit", "alert", "emerg"].contains(&line.level.as_str())
            && changed_lately(snapshot, line.at_ms, line.request.as_deref())
            && snapshot
                .log
                .access_before
                .iter()
                .any(|entry| own_500(entry) && together(entry, line))
    })
}

/// Squid's line about a body that it could not send on, of the time of a request.
pub(super) fn broken_sending<'a>(snapshot: &'a Snapshot, request: &AccessEntry) -> Option<&'a ErrorEntry> {
    // The line bears whole seconds.
    const TOGETHER_MS: i64 = 2_000;
    let near = |entry: &&ErrorEntry| {
        let apart_ms = request.at_ms.zip(entry.at_ms).map(|(one, other)| (one - other).abs());
        entry.symptom == Some(Symptom::SendFailed) && apart_ms.is_some_and(|apart_ms| apart_ms <= TOGETHER_MS)
    };
    snapshot.log.general.iter().rev().find(near)
}

/// True when the log speaks of our attempts, and none of what it says is one of these symptoms.
pub(super) fn log_says_otherwise(snapshot: &Snapshot, symptoms: &[Symptom]) -> bool {
    let mut said = snapshot
        .log
        .during
        .iter()
        .filter_map(|entry| entry.symptom)
        .filter(|said| !symptoms.iter().any(|asked| leaves_open(*said, *asked)))
        .peekable();
    said.peek().is_some() && !said.any(|symptom| symptoms.contains(&symptom))
}

/// True when a line that says one thing without its reason leaves room for another.
fn leaves_open(said: Symptom, asked: Symptom) -> bool {
    match said {
        Symptom::TlsFailed => matches!(
            asked,
            Symptom::TlsAborted
                | Symptom::TlsAlert
                | Symptom::TlsClientCertificate
                | Symptom::TlsDate
                | Symptom::TlsName
                | Symptom::TlsUntrusted
                | Symptom::TlsVersion
                | Symptom::TlsWrongVersion
        ),
        Symptom::RefusedAnswer => matches!(
            asked,
            Symptom::ConflictingLength
                | Symptom::HeaderTooBig
                | Symptom::InvalidHeader
                | Symptom::MalformedResponse
                | Symptom::NotHttp
                | Symptom::UpgradeFailed
        ),
        // What goes along with a failure does not say which, and of a peer that it cannot use Squid says no more
        // than that no way is left.
        Symptom::NoForwardPath | Symptom::PeerMarkedDown => true,
        Symptom::ConnectFailed => asked == Symptom::SourceBindFailed,
        _ => false,
    }
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
