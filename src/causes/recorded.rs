//! Judging what was sent: only what the pieces prove counts, for nobody looked at anything else.
//!
//! On a host a cause may reason from what is not there, because everything was looked at. Of a ticket most is
//! not known, so [`weigh`] lets a cause decide only when the piece that tells it from its rivals is there; a
//! cause without a rule here stays possible. What stays open is ranked by [`possible`].

use super::backend_said::backend_said;
use super::facts::{Link, log_line, unit_of};
use super::open::{self, Facts, Known};
use super::{CAUSES, Cause};
use crate::evidence::{
    Endpoint, EndpointEvidence, ErrorEntry, Fate, Handler, KernelEvent, KernelEventKind, Protocol, Snapshot,
    Symptom,
};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, Severity, StepId};
use crate::verdict::Incomplete;

/// A found cause with its place in the table.
pub(crate) type Found = (usize, &'static Cause, Finding);

/// Kills and the lines that they lead to stand this close.
const TOGETHER_MS: i64 = 10_000;

/// The line that is judged, with what is known around it.
pub(crate) fn facts_of(snapshot: &Snapshot) -> Option<(Facts<'_>, &ErrorEntry)> {
    let pieces = snapshot.pieces.as_ref()?;
    let symptom = pieces.failures.first()?.symptom;
    let entry = snapshot
        .log
        .during
        .iter()
        .rev()
        .find(|entry| entry.symptom == Some(symptom))?;
    let endpoint = snapshot
        .endpoints
        .iter()
        .find(|evidence| {
            entry
                .upstream
                .as_deref()
                .is_some_and(|upstream| upstream.contains(&evidence.endpoint.to_string()))
        })
        .map(|evidence| evidence.endpoint.clone());
    let protocol = snapshot
        .route
        .seen()
        .map_or(Protocol::default(), |route| match &route.handler {
            Handler::Pass(pass) => pass.protocol,
            Handler::Return { .. } | Handler::Local(_) | Handler::Unknown => Protocol::default(),
        });
    let facts = Facts {
        symptom,
        message: &entry.message,
        product: pieces.product.as_deref().unwrap_or_default(),
        protocol,
        known: Known::of(snapshot, endpoint.as_ref()),
        endpoint,
        upstream: entry.upstream.as_deref(),
        path: entry
            .request
            .as_deref()
            .and_then(|request| request.split(' ').nth(1))
            .filter(|path| path.starts_with('/')),
    };
    Some((facts, entry))
}

/// Holds every finding to what the pieces prove, and adds what they prove by themselves.
pub(crate) fn weigh(snapshot: &Snapshot, found: &mut Vec<Found>) {
    let facts = facts_of(snapshot);
    if let Some((facts, entry)) = &facts {
        for (cause, confidence, exhibits) in proved(snapshot, facts, entry) {
            let Some((rank, known)) = CAUSES.iter().enumerate().find(|(_, known)| known.id == cause) else {
                continue;
            };
            match found.iter_mut().find(|(_, known, _)| known.id == cause) {
                Some((_, _, finding)) => {
                    finding.confidence = confidence;
                    finding.severity = Severity::Error;
                    for exhibit in exhibits {
                        *finding = std::mem::take(finding).because(exhibit);
                    }
                }
                None => found.push((rank, known, by_itself(known, confidence, facts, entry, exhibits))),
            }
        }
    }
    let proved: Vec<&str> = facts
        .as_ref()
        .map(|(facts, entry)| {
            self::proved(snapshot, facts, entry)
                .into_iter()
                .map(|(cause, _, _)| cause)
                .collect()
        })
        .unwrap_or_default();
    for (_, cause, finding) in found.iter_mut() {
        if !proved.contains(&cause.id) && !believable(cause.id, snapshot) {
            finding.confidence = Confidence::Possible;
        }
    }
    // Beside a cause that is proved, what is only possible is noise, unless it says more than the line.
    if !proved.is_empty() {
        found.retain(|(_, cause, finding)| {
            proved.contains(&cause.id) || finding.confidence > Confidence::Possible
        });
    }
}

fn by_itself(
    cause: &'static Cause,
    confidence: Confidence,
    facts: &Facts<'_>,
    entry: &ErrorEntry,
    exhibits: Vec<Exhibit>,
) -> Finding {
    let place = facts
        .endpoint
        .as_ref()
        .map_or_else(String::new, |endpoint| format!(" ({endpoint})"));
    cause
        .finding(confidence, format!("{}{place}", cause.title))
        .because(log_line(entry))
        .because_all(exhibits)
        .remedy(Remedy::advise(advice(cause.id, facts)))
}

/// What to do about a cause of which only a log tells.
fn advice(cause: &str, facts: &Facts<'_>) -> String {
    let prefix = facts.protocol.directive_prefix();
    match cause {
        "upstream-worker-timeout-kill" => format!(
            "find out what the request waits for; when it may take that long, raise the application's own limit (request_terminate_timeout of php-fpm, --timeout of gunicorn, harakiri of uWSGI), and {prefix}_read_timeout above it"
        ),
        "upstream-worker-crash" => {
            "repair what crashes: the core file and the last lines of the application's log name it (an extension, a native module)".to_owned()
        }
        "upstream-oom-killed" => {
            "find what took the memory; give the application more than it needs at its peak, or run fewer workers".to_owned()
        }
        "upstream-acl-rejects-proxy" => {
            "add the proxy's address to the application's list (listen.allowed_clients of php-fpm), then restart it".to_owned()
        }
        "upstream-workers-saturated" => {
            "find out why requests take so long; when the memory allows, raise the number of workers (pm.max_children of php-fpm)".to_owned()
        }
        "upstream-fd-exhausted" => {
            "look for descriptors that are never closed; raise LimitNOFILE= of the application's unit when it needs as many".to_owned()
        }
        "uwsgi-protocol-mismatch" => {
            "use uwsgi_pass for a uWSGI that listens with --socket, or let it listen with --http-socket".to_owned()
        }
        "upstream-request-buffer-overflow" => {
            "raise buffer-size of uWSGI above the size in its log line, or make the cookies smaller".to_owned()
        }
        "proxy-protocol-mismatch" => {
            "let both sides agree: proxy_protocol on the listener behind, or none in front".to_owned()
        }
        "ephemeral-ports-exhausted" => {
            "keep connections to the upstream (keepalive in its group), or widen net.ipv4.ip_local_port_range".to_owned()
        }
        other => format!("the page has the repair: fix502 explain {other}"),
    }
}

/// The causes that the pieces prove, surest first.
fn proved(
    snapshot: &Snapshot,
    facts: &Facts<'_>,
    entry: &ErrorEntry,
) -> Vec<(&'static str, Confidence, Vec<Exhibit>)> {
    let mut proved = Vec::new();
    if let Some((event, confidence)) = killed(snapshot, facts) {
        let exhibit = Exhibit::shown_by(
            "kernel",
            event.text.clone(),
            "sudo dmesg -T | grep -i 'killed process'",
        );
        proved.push(("upstream-oom-killed", confidence, vec![exhibit]));
        return proved;
    }
    if let Some((cause, confidence, exhibit)) = backend_said(snapshot, facts) {
        proved.push((cause, confidence, vec![exhibit]));
        return proved;
    }
    if let Some((cause, confidence)) = open::said_outright(facts) {
        // The server name may have been sent: then the certificate is what it is.
        proved.push((cause, confidence, Vec::new()));
        return proved;
    }
    let sends_name = snapshot
        .route
        .seen()
        .and_then(|route| route.settings.tls_server_name.as_ref())
        .is_some_and(|setting| setting.value);
    if facts.symptom == Symptom::TlsUntrusted && facts.known.config && sends_name {
        proved.push(("tls-cert-untrusted", Confidence::Likely, Vec::new()));
    }
    let _ = entry;
    proved
}

/// A kill for lack of memory that belongs to this upstream: the same program, at the same time.
fn killed<'a>(snapshot: &'a Snapshot, facts: &Facts<'_>) -> Option<(&'a KernelEvent, Confidence)> {
    let cut = matches!(
        facts.symptom,
        Symptom::ClosedBeforeHeader
            | Symptom::ResetBeforeHeader
            | Symptom::BodyCut
            | Symptom::ConnectionRefused
            | Symptom::SocketMissing
    );
    let evidence = endpoint_of(snapshot, facts)?;
    if !cut {
        return None;
    }
    let unit = unit_of(snapshot, evidence);
    let event = snapshot.kernel.seen()?.iter().rev().find(|event| {
        let program = event.process.as_deref().unwrap_or_default();
        let of_unit = unit.is_some_and(|(unit, _)| {
            event
                .cgroup
                .as_deref()
                .is_some_and(|cgroup| cgroup.contains(&unit.name))
                || unit.main_pid != 0 && event.pid == Some(unit.main_pid)
                || (!program.is_empty() && unit.exec_start.contains(program))
        });
        let of_server = snapshot
            .applications
            .iter()
            .any(|server| program.starts_with(&server.kind))
            || evidence
                .listener
                .seen()
                .is_some_and(|listener| listener.processes.iter().any(|owner| owner.name == program));
        let of_protocol = match facts.protocol {
            Protocol::FastCgi => program.starts_with("php"),
            Protocol::Uwsgi => program.starts_with("uwsgi"),
            _ => false,
        };
        event.kind == KernelEventKind::OomKill && (of_unit || of_server || of_protocol)
    })?;
    let near = event
        .at_ms
        .is_some_and(|at_ms| near_a_line(snapshot, at_ms, TOGETHER_MS));
    let tied = unit.is_some_and(|(unit, link)| link >= Link::Name && unit.result == "oom-kill");
    (near || tied).then_some((
        event,
        if near && tied {
            Confidence::Confirmed
        } else {
            Confidence::Likely
        },
    ))
}

/// True when a line of the failure that is judged stands this close to a time.
pub(super) fn near_a_line(snapshot: &Snapshot, at_ms: i64, within_ms: i64) -> bool {
    snapshot.log.during.iter().any(|entry| {
        entry
            .at_ms
            .is_some_and(|line_ms| line_ms.saturating_sub(at_ms).abs() <= within_ms)
    })
}

fn endpoint_of<'a>(snapshot: &'a Snapshot, facts: &Facts<'_>) -> Option<&'a EndpointEvidence> {
    let endpoint: &Endpoint = facts.endpoint.as_ref()?;
    snapshot
        .endpoints
        .iter()
        .find(|evidence| evidence.endpoint == *endpoint)
}

/// True when the pieces hold what tells a cause from its rivals, so that its own judgement counts.
fn believable(cause: &str, snapshot: &Snapshot) -> bool {
    let Some((facts, _)) = facts_of(snapshot) else {
        return believable_without_a_log(cause, snapshot);
    };
    let evidence = endpoint_of(snapshot, &facts);
    let unit = evidence.and_then(|evidence| unit_of(snapshot, evidence));
    let tied = unit.filter(|(_, link)| *link >= Link::Name).map(|(unit, _)| unit);
    let gone =
        evidence.is_some_and(|evidence| evidence.listener.is_absent() || evidence.endpoint.unix().is_some());
    match cause {
        "upstream-not-running" => gone && tied.is_some_and(|unit| unit.active == "inactive"),
        "upstream-crash-loop" => tied.is_some_and(|unit| {
            unit.active != "active"
                && unit.result != "oom-kill"
                && (unit.active == "failed" || unit.sub == "auto-restart")
        }),
        "upstream-oom-killed" => tied.is_some_and(|unit| unit.result == "oom-kill"),
        "upstream-wrong-bind-address" => evidence.is_some_and(|evidence| evidence.listener.is_absent()),
        "upstreams-all-disabled" | "proxy-loop" | "dns-no-resolver" => facts.known.config,
        "firewall-reject" | "firewall-drop" => snapshot.firewall.seen().is_some_and(|answer| {
            answer
                .packets
                .iter()
                .any(|packet| matches!(packet.fate, Fate::Dropped | Fate::Rejected(_)))
        }),
        // Both found by words that mean nothing else, or by counted lines.
        "proxy-env-misroute" | "response-too-many-headers" => true,
        "conntrack-full" => kernel(snapshot, KernelEventKind::ConntrackFull),
        "selinux-denied" => kernel(snapshot, KernelEventKind::SelinuxDenial),
        "sandbox-denied" => kernel(snapshot, KernelEventKind::ApparmorDenial),
        _ => false,
    }
}

/// With configuration and a response alone: what the configuration answers by itself.
fn believable_without_a_log(cause: &str, snapshot: &Snapshot) -> bool {
    let answers_itself = snapshot
        .route
        .seen()
        .is_some_and(|route| matches!(route.handler, Handler::Return { .. }));
    cause == "configured-502" && answers_itself && snapshot.target.url.is_some()
}

fn kernel(snapshot: &Snapshot, kind: KernelEventKind) -> bool {
    snapshot
        .kernel
        .seen()
        .is_some_and(|events| events.iter().any(|event| event.kind == kind))
}

/// What stays possible, as findings, the most likely first.
pub(crate) fn possible(snapshot: &Snapshot) -> Vec<Finding> {
    let (open, exhibit) = match facts_of(snapshot) {
        Some((facts, entry)) => (open::left_open(&facts), Some(log_line(entry))),
        None => (without_a_log(snapshot), None),
    };
    open.into_iter()
        .map(|open| {
            let step = CAUSES
                .iter()
                .find(|known| known.id == open.cause)
                .map_or(StepId::Upstream, |known| known.step);
            let mut finding = Finding::new(
                open.cause,
                step,
                Confidence::Possible,
                format!("if {}", open.tell),
            );
            finding.evidence.extend(exhibit.clone());
            finding.remedy(Remedy::advise(format!("look: {}", open.command)))
        })
        .collect()
}

/// A response or an access log says that something fails, and no line says what.
fn without_a_log(snapshot: &Snapshot) -> Vec<open::Open> {
    let Some(pieces) = &snapshot.pieces else {
        return Vec::new();
    };
    if !super::facts::failing(snapshot) {
        return Vec::new();
    }
    let facts = Facts {
        product: pieces.product.as_deref().unwrap_or_default(),
        ..Facts::default()
    };
    let relayed = snapshot.log.access_during.iter().any(|entry| {
        entry.status.is_some_and(|status| status >= 500)
            && entry
                .upstream_header_time
                .as_deref()
                .is_some_and(|time| time.starts_with(|c: char| c.is_ascii_digit()))
    });
    let relayed = relayed
        || snapshot.log.access_during.iter().any(|entry| {
            entry.status.is_some_and(|status| status >= 500)
                && entry.upstream_status.as_deref().is_some_and(|upstream| {
                    Some(upstream) == entry.status.map(|status| status.to_string()).as_deref()
                })
                && entry.upstream_header_time.is_none()
        });
    let open = open::silent(&facts);
    if relayed {
        open.into_iter().take(1).collect()
    } else {
        Vec::new()
    }
}

/// The one command that would settle it, as the first of the gaps.
pub(crate) fn gap(snapshot: &Snapshot) -> Option<Incomplete> {
    let product = snapshot.pieces.as_ref()?.product.clone().unwrap_or_default();
    let (what, settle_with) = match facts_of(snapshot) {
        Some((facts, _)) if open::said_outright(&facts).is_some() => return None,
        Some((facts, _)) => ("what is behind this line".to_owned(), open::settle(&facts)),
        None if super::facts::failing(snapshot) => (
            "the error log at the time of this answer".to_owned(),
            match product.as_str() {
                "apache" => "sudo tail -n 50 /var/log/apache2/error.log".to_owned(),
                "squid" => "sudo tail -n 50 /var/log/squid/cache.log /var/log/squid/access.log".to_owned(),
                "haproxy" => "sudo journalctl -u haproxy -n 50".to_owned(),
                "caddy" => "sudo journalctl -u caddy -n 50".to_owned(),
                "traefik" | "envoy" | "varnish" => format!("the log of {product}"),
                "cloudflare" | "cloudfront" | "aws-alb" | "azure-appgw" | "gcp-alb" | "akamai" => {
                    "curl -sv --connect-to ::ORIGIN_ADDRESS: URL".to_owned()
                }
                _ => "sudo tail -n 50 /var/log/nginx/error.log".to_owned(),
            },
        ),
        None => (
            "a request that failed".to_owned(),
            "curl -sv URL, and the proxy's error log".to_owned(),
        ),
    };
    let why = if facts_of(snapshot).is_some() {
        "several causes look the same in it"
    } else {
        "it is not among what was sent"
    };
    Some(Incomplete {
        what,
        why: why.to_owned(),
        settle_with,
    })
}
