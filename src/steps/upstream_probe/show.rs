//! What step 2 says about itself.

use super::super::summary::Line;
use super::super::timeouts;
use crate::evidence::{Connect, EndpointEvidence, Handler, Observed, Snapshot, errno};
use crate::report::StepStatus;
use crate::system::http;

/// What this step says about itself.
pub(in crate::steps) fn show(snapshot: &Snapshot) -> Line {
    let handler = snapshot.route.seen().map(|route| &route.handler);
    if snapshot.endpoints.is_empty() {
        return match handler {
            Some(Handler::Return { status, place }) => (
                StepStatus::Skipped,
                format!("no upstream on this route: {place} answers {status}"),
                Vec::new(),
            ),
            Some(Handler::Local(what)) => (
                StepStatus::Skipped,
                format!("no upstream on this route ({what})"),
                Vec::new(),
            ),
            Some(Handler::Pass(pass)) => (
                StepStatus::CouldNotCheck,
                format!("no address is known for {}", pass.written),
                Vec::new(),
            ),
            Some(Handler::Unknown) | None => (
                StepStatus::CouldNotCheck,
                "no route to an upstream is known".to_owned(),
                Vec::new(),
            ),
        };
    }
    let details: Vec<String> = snapshot.endpoints.iter().map(endpoint_line).collect();
    if let Some(Handler::Pass(pass)) = handler
        && !pass.peers.is_empty()
        && pass.peers.iter().all(|peer| peer.down)
    {
        let count = pass.peers.len();
        return (
            StepStatus::Problem,
            format!("all {count} servers are marked down in the configuration"),
            details,
        );
    }
    let bad = snapshot
        .endpoints
        .iter()
        .filter(|evidence| !answers(evidence))
        .count();
    let mut details = details;
    for other in &snapshot.other_listeners {
        let owner = other
            .listener
            .processes
            .first()
            .map_or("another process", |owner| owner.name.as_str());
        let says = other
            .exchange
            .seen()
            .map_or_else(|| "was not asked".to_owned(), answer_words);
        details.push(format!(
            "near it: {owner} listens on {}, {says}",
            other.listener.endpoint
        ));
    }
    if let Some(cloud) = snapshot.host.cloud.as_ref().filter(|_| bad > 0) {
        details.push(format!(
            "this host runs at {}: console {}, status {}",
            cloud.name, cloud.console, cloud.status
        ));
    }
    let status = match bad {
        0 => StepStatus::Ok,
        _ if bad == snapshot.endpoints.len() => StepStatus::Problem,
        _ => StepStatus::Warning,
    };
    let first = snapshot
        .endpoints
        .iter()
        .find(|evidence| !answers(evidence))
        .or_else(|| snapshot.endpoints.first());
    let mut summary = first.map(endpoint_line).unwrap_or_default();
    if snapshot.endpoints.len() > 1 {
        summary = format!("{bad} of {} endpoints fail; {summary}", snapshot.endpoints.len());
    }
    (status, summary, details)
}

fn answers(evidence: &EndpointEvidence) -> bool {
    evidence.as_proxy().is_some_and(|exchange| {
        let http_status = http::head(&exchange.bytes.0).and_then(|head| head.status);
        exchange.received_bytes > 0 && http_status.is_none_or(|status| status < 500)
    })
}

fn endpoint_line(evidence: &EndpointEvidence) -> String {
    let owner = match &evidence.listener {
        Observed::Seen(listener) => listener
            .processes
            .first()
            .map(|owner| match &owner.unit {
                Some(unit) => format!(", {} ({}, {unit}) listens", owner.name, owner.pid),
                None => format!(", {} ({}) listens", owner.name, owner.pid),
            })
            .unwrap_or_default(),
        Observed::Absent if evidence.on_this_host => ", nobody listens".to_owned(),
        Observed::Absent | Observed::Unavailable(_) => String::new(),
    };
    let answer = match evidence.probes.first().map(|probe| &probe.exchange) {
        Some(Observed::Seen(exchange)) => match &exchange.connect {
            Connect::Failed(number) => errno::text(*number).to_lowercase(),
            Connect::TimedOut => format!(
                "no answer to the connection in {}",
                timeouts::seconds(exchange.connect_us / 1_000)
            ),
            Connect::Connected => answer_words(exchange),
        },
        Some(Observed::Unavailable(obstacle)) => format!("could not be asked: {obstacle}"),
        Some(Observed::Absent) | None => "was not asked".to_owned(),
    };
    format!("{}: {answer}{owner}", evidence.endpoint)
}

fn answer_words(exchange: &crate::evidence::Exchange) -> String {
    if let Some(tls) = exchange.tls.as_ref().filter(|tls| !tls.done) {
        return format!(
            "the TLS handshake failed ({})",
            tls.error.as_deref().unwrap_or("no answer")
        );
    }
    if let Some(head) = http::head(&exchange.bytes.0) {
        let status = head
            .status
            .map_or_else(|| "no status".to_owned(), |status| status.to_string());
        return format!(
            "answered {status} in {} ms",
            exchange.first_byte_us.unwrap_or(exchange.total_us) / 1_000
        );
    }
    if exchange.received_bytes == 0 {
        return match exchange.end {
            crate::evidence::End::TimedOut => {
                format!(
                    "took the connection, no answer in {}",
                    timeouts::seconds(exchange.total_us / 1_000)
                )
            }
            crate::evidence::End::Reset => "reset the connection before an answer".to_owned(),
            _ => "closed the connection without an answer".to_owned(),
        };
    }
    match http::speaks(&exchange.bytes.0) {
        crate::evidence::Speaks::Unknown => "answered, but not in HTTP".to_owned(),
        speaks => format!("answered in {}", http::speaks_word(speaks)),
    }
}
