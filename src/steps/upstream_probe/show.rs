//! What step 2 says about itself.

use super::super::summary::Line;
use super::super::timeouts;
use super::ask::MOST;
use crate::evidence::{Connect, End, EndpointEvidence, Handler, Observed, Snapshot, errno};
use crate::report::StepStatus;
use crate::system::http;

/// With more endpoints than this they are told by kind.
const MANY: usize = 8;
/// How many endpoints of a kind are named.
const MOST_NAMED: usize = 3;

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
    let mut details: Vec<String> = if snapshot.endpoints.len() > MANY {
        kinds(&snapshot.endpoints)
    } else {
        snapshot.endpoints.iter().map(endpoint_line).collect()
    };
    if let Some(Handler::Pass(pass)) = handler
        && pass.peers.len() > MOST
    {
        details.push(format!(
            "{} servers are configured; the first {MOST} addresses were asked",
            pass.peers.len()
        ));
    }
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
        let pages = if cloud.console.is_empty() {
            String::new()
        } else {
            format!(": console {}, status {}", cloud.console, cloud.status)
        };
        details.push(format!("this host runs at {}{pages}", cloud.name));
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
    if snapshot.endpoints.len() > MANY && bad > 0 {
        summary = format!(
            "{bad} of {} endpoints fail: {}",
            snapshot.endpoints.len(),
            kind_counts(&snapshot.endpoints)
        );
    }
    (status, summary, details)
}

/// The endpoints by how they answered, in the order of their first one.
fn by_kind(endpoints: &[EndpointEvidence]) -> Vec<(String, Vec<&EndpointEvidence>)> {
    let mut kinds: Vec<(String, Vec<&EndpointEvidence>)> = Vec::new();
    for evidence in endpoints {
        let kind = kind(evidence);
        match kinds.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, members)) => members.push(evidence),
            None => kinds.push((kind, vec![evidence])),
        }
    }
    kinds.sort_by_key(|(_, members)| members.first().is_some_and(|first| answers(first)));
    kinds
}

/// One line for each kind of answer, those that fail first.
fn kinds(endpoints: &[EndpointEvidence]) -> Vec<String> {
    by_kind(endpoints)
        .into_iter()
        .map(|(kind, members)| {
            let named: Vec<String> = members
                .iter()
                .take(MOST_NAMED)
                .map(|evidence| evidence.endpoint.to_string())
                .collect();
            let further = match members.len().saturating_sub(MOST_NAMED) {
                0 => String::new(),
                count => format!(" and {count} more"),
            };
            let times = members
                .iter()
                .filter_map(|evidence| evidence.as_proxy())
                .map(|exchange| exchange.total_us / 1_000);
            let took = match (times.clone().min(), times.max()) {
                (Some(least), Some(most)) => format!(" in {least} to {most} ms"),
                _ => String::new(),
            };
            format!("{}: {kind}{took}: {}{further}", members.len(), named.join(", "))
        })
        .collect()
}

fn kind_counts(endpoints: &[EndpointEvidence]) -> String {
    let counts: Vec<String> = by_kind(endpoints)
        .into_iter()
        .map(|(kind, members)| format!("{} {kind}", members.len()))
        .collect();
    counts.join(", ")
}

/// How an endpoint answered, in words that are the same for all that answer so.
fn kind(evidence: &EndpointEvidence) -> String {
    match evidence.probes.first().map(|probe| &probe.exchange) {
        Some(Observed::Seen(exchange)) => match &exchange.connect {
            Connect::Failed(number) => errno::text(*number).to_lowercase(),
            Connect::TimedOut => "no answer to the connection".to_owned(),
            Connect::Connected => match http::head(&exchange.bytes.0).and_then(|head| head.status) {
                Some(status) => format!("answered {status}"),
                None if exchange.received_bytes == 0 && exchange.end == End::TimedOut => {
                    "took the connection, no answer".to_owned()
                }
                None => answer_words(exchange),
            },
        },
        Some(Observed::Unavailable(obstacle)) => format!("could not be asked: {obstacle}"),
        Some(Observed::Absent) | None => "was not asked".to_owned(),
    }
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
