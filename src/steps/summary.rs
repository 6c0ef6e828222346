//! What each step says about itself when everything is judged.

use super::{support_bundle, timeouts};
use crate::evidence::{
    Connect, EndpointEvidence, Fate, Handler, NameOutcome, Observed, Obstacle, ProblemLevel, Snapshot, errno,
};
use crate::finding::{Severity, StepId};
use crate::report::{StepStatus, StepSummary};
use crate::system::http;
use crate::verdict::{Diagnosis, Status};

/// The line of a step, its details, and the fix it recommends.
pub fn summarise(step: StepId, snapshot: &Snapshot, diagnosis: &Diagnosis) -> StepSummary {
    let (mut status, mut summary, details) = match step {
        StepId::Retry => retry(snapshot),
        StepId::Upstream => upstream(snapshot),
        StepId::Config => config(snapshot),
        StepId::Firewall => firewall(snapshot),
        StepId::Timeouts => timeouts_line(snapshot),
        StepId::Dns => dns(snapshot),
        StepId::Route => route(snapshot),
        StepId::Bundle => bundle(snapshot, diagnosis),
    };
    let mut recommended = Vec::new();
    for finding in diagnosis.findings.iter().filter(|finding| finding.step == step) {
        let is_root = diagnosis.verdict.cause.as_deref() == Some(&finding.cause);
        if finding.severity == Severity::Error && (is_root || diagnosis.verdict.status == Status::Undecided) {
            // The step's own measure is fine, and yet the fault lies here: then the finding says it best.
            if is_root
                && matches!(
                    status,
                    StepStatus::Ok | StepStatus::Skipped | StepStatus::CouldNotCheck
                )
            {
                summary.clone_from(&finding.message);
            }
            status = StepStatus::Problem;
        } else if status == StepStatus::Ok && finding.severity <= Severity::Warning {
            status = StepStatus::Warning;
        }
        recommended.extend(finding.remedies.iter().take(3).map(|remedy| match &remedy.argv {
            Some(argv) => format!("{}: {}", remedy.summary, crate::finding::command_line(argv)),
            None => remedy.summary.clone(),
        }));
    }
    if step == StepId::Retry && recommended.is_empty() {
        recommended.extend(about_restarting(snapshot, diagnosis));
    }
    recommended.truncate(4);
    StepSummary {
        number: step.number(),
        id: step,
        status,
        summary,
        details,
        recommended,
    }
}

/// Whether a reload or restart of the proxy helps, by what was found.
fn about_restarting(snapshot: &Snapshot, diagnosis: &Diagnosis) -> Option<String> {
    let url = snapshot.target.url.as_deref().unwrap_or_default();
    match diagnosis.verdict.status {
        Status::Healthy => None,
        Status::Found if snapshot.proxy.is_some() => Some(
            "a reload or restart of the proxy does not help: the cause lies elsewhere (see the fix)"
                .to_owned(),
        ),
        Status::Found => None,
        Status::Undecided if snapshot.proxy.is_some() => Some(format!(
            "keep the evidence first (fix502 bundle {url}), then nginx -t && nginx -s reload: a reload keeps connections, a restart does not"
        )),
        Status::Undecided => None,
    }
}

type Line = (StepStatus, String, Vec<String>);

fn retry(snapshot: &Snapshot) -> Line {
    let attempts = &snapshot.attempts;
    if attempts.is_empty() {
        let why = if snapshot.target.url.is_none() {
            "no URL given, nothing to retry"
        } else {
            "left out"
        };
        return (StepStatus::Skipped, why.to_owned(), service(snapshot));
    }
    let failed = attempts
        .iter()
        .filter(|attempt| crate::causes::attempt_failed(attempt))
        .count();
    let all = attempts.len();
    let mut words: Vec<String> = Vec::new();
    for attempt in attempts {
        let word = match (attempt.status, attempt.exchange.seen()) {
            (Some(status), _) => status.to_string(),
            (None, Some(exchange)) => match exchange.connect {
                Connect::Failed(number) => errno::text(number).to_lowercase(),
                Connect::TimedOut => "no connection".to_owned(),
                Connect::Connected if exchange.received_bytes == 0 => "no answer".to_owned(),
                Connect::Connected => "no HTTP".to_owned(),
            },
            (None, None) => match attempt.exchange.obstacle() {
                Some(obstacle) => obstacle.to_string(),
                None => "not reached".to_owned(),
            },
        };
        if !words.contains(&word) {
            words.push(word);
        }
    }
    let took = timeouts::attempt_range(snapshot).map_or_else(String::new, |(low, high)| {
        if low == high {
            format!(" in {low} ms")
        } else {
            format!(" in {low}-{high} ms")
        }
    });
    let what = words.join(", ");
    if attempts.iter().all(|attempt| attempt.exchange.obstacle().is_some()) {
        return (
            StepStatus::CouldNotCheck,
            format!("the URL could not be asked: {what}"),
            service(snapshot),
        );
    }
    let (status, ending) = match failed {
        0 => (StepStatus::Ok, ""),
        _ if failed == all => (StepStatus::Problem, ": not transient"),
        _ => (StepStatus::Problem, ": sometimes"),
    };
    let counted = if failed == 0 { all } else { failed };
    let mut details = service(snapshot);
    if let Some(status) = attempts.iter().find_map(|attempt| attempt.status) {
        details.insert(0, meaning(status).to_owned());
    }
    (
        status,
        format!("{counted} of {all} attempts got {what}{took}{ending}"),
        details,
    )
}

/// The state of the proxy service.
fn service(snapshot: &Snapshot) -> Vec<String> {
    let mut lines = Vec::new();
    match (&snapshot.proxy, &snapshot.proxies) {
        (Some(proxy), _) => lines.push(format!(
            "{} {} runs as process {} with {} workers{}; configuration {}",
            proxy.kind.name(),
            proxy.version.as_deref().unwrap_or("(unknown version)"),
            proxy.master.pid,
            proxy.workers.len(),
            proxy
                .master
                .unit
                .as_ref()
                .map_or_else(String::new, |unit| format!(" ({unit})")),
            proxy.config,
        )),
        (None, Observed::Seen(_)) => lines.push("no nginx runs on this host".to_owned()),
        (None, _) => lines.push("the process table could not be read".to_owned()),
    }
    let unit = snapshot
        .proxy
        .as_ref()
        .and_then(|proxy| proxy.master.unit.clone())
        .unwrap_or_else(|| "nginx.service".to_owned());
    if let Some(unit) = snapshot
        .units
        .seen()
        .and_then(|units| units.iter().find(|other| other.name == unit))
    {
        lines.push(format!(
            "{} is {} ({}), result {}",
            unit.name, unit.active, unit.sub, unit.result
        ));
    }
    let earlier = snapshot
        .log
        .before
        .iter()
        .filter(|entry| entry.symptom.is_some())
        .count();
    if earlier > 0 {
        lines.push(format!("the log has {earlier} earlier errors of this route"));
    }
    lines
}

/// What a status says about who failed.
pub(crate) fn meaning(status: u16) -> &'static str {
    match status {
        500 => "500: the server that answered failed itself; 502 would mean that the one behind it did",
        502 => "502: a proxy got no valid answer from the server behind it",
        503 => "503: the server says it cannot serve now (overload, maintenance, or no backend left)",
        504 => "504: a proxy waited for the server behind it until its limit ran out",
        520 => "520 (Cloudflare): the origin answered with something that cannot be understood",
        521 => "521 (Cloudflare): the origin refused the connection",
        522 => "522 (Cloudflare): the connection to the origin timed out",
        523 => "523 (Cloudflare): there is no route to the origin",
        524 => "524 (Cloudflare): the origin took the connection and did not answer in time",
        525 | 526 => "525/526 (Cloudflare): TLS with the origin failed",
        200..=399 => "the request was answered",
        400..=499 => "the request was answered with a client error, so the way to the application works",
        _ => "an answer came",
    }
}

fn upstream(snapshot: &Snapshot) -> Line {
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

fn config(snapshot: &Snapshot) -> Line {
    let summary = match &snapshot.config {
        Observed::Seen(summary) => summary,
        Observed::Absent => {
            return (
                StepStatus::CouldNotCheck,
                "no proxy configuration found".to_owned(),
                Vec::new(),
            );
        }
        Observed::Unavailable(obstacle) => {
            return (
                StepStatus::CouldNotCheck,
                format!("the configuration could not be read: {obstacle}"),
                Vec::new(),
            );
        }
    };
    let files = summary.files.len();
    let mut details: Vec<String> = Vec::new();
    for problem in summary
        .errors
        .iter()
        .chain(&summary.lint)
        .filter(|problem| problem.level != ProblemLevel::Info)
    {
        details.push(format!("{}: {}", problem.place, problem.message));
        if !problem.excerpt.is_empty() {
            details.push(format!("    {}", problem.excerpt.trim()));
        }
    }
    let warnings = summary
        .lint
        .iter()
        .filter(|problem| problem.level == ProblemLevel::Warning)
        .count();
    let test = match &snapshot.config_test {
        Observed::Seen(test) if test.passed => ", nginx -t passes".to_owned(),
        Observed::Seen(test) => {
            details.extend(test.output.lines().take(6).map(str::to_owned));
            ", nginx -t fails".to_owned()
        }
        Observed::Absent => ", no nginx to test them with".to_owned(),
        Observed::Unavailable(Obstacle::Denied) => ", nginx -t not run (it needs root)".to_owned(),
        Observed::Unavailable(Obstacle::NotAsked) => String::new(),
        Observed::Unavailable(obstacle) => format!(", nginx -t not run ({obstacle})"),
    };
    let failing_test = snapshot.config_test.seen().is_some_and(|test| !test.passed);
    let count = if files == 1 {
        "1 file".to_owned()
    } else {
        format!("{files} files")
    };
    let noted = if warnings == 0 {
        String::new()
    } else {
        format!(", {warnings} warnings")
    };
    if let Some(error) = summary
        .errors
        .iter()
        .find(|problem| problem.level == ProblemLevel::Error)
    {
        return (
            StepStatus::Problem,
            format!("{}: {}{test}", error.place, error.message),
            details,
        );
    }
    let status = if failing_test {
        StepStatus::Problem
    } else if warnings > 0 {
        StepStatus::Warning
    } else {
        StepStatus::Ok
    };
    (status, format!("{count}{test}{noted}"), details)
}

fn firewall(snapshot: &Snapshot) -> Line {
    let answer = match &snapshot.firewall {
        Observed::Seen(answer) => answer,
        Observed::Absent => {
            return (
                StepStatus::Ok,
                "no packet filter is loaded".to_owned(),
                Vec::new(),
            );
        }
        Observed::Unavailable(obstacle) => {
            return (
                StepStatus::CouldNotCheck,
                format!("the packet filters could not be read: {obstacle}"),
                Vec::new(),
            );
        }
    };
    let mut details: Vec<String> = answer
        .unread
        .iter()
        .map(|(name, why)| format!("{name} could not be read: {why}"))
        .collect();
    for packet in &answer.packets {
        let (relation, end) = end_of(packet);
        let way = format!(
            "{:?} {} {relation} {end}",
            packet.packet.direction, packet.packet.protocol
        );
        let rule = packet
            .rule
            .as_ref()
            .map_or_else(String::new, |rule| format!(" by {} ({})", rule.text, rule.chain));
        details.push(format!("{way}: {}{rule}", fate_words(&packet.fate)));
    }
    let blocked = answer
        .packets
        .iter()
        .find(|packet| matches!(packet.fate, Fate::Dropped | Fate::Rejected(_)));
    if let Some(packet) = blocked {
        let rule = packet
            .rule
            .as_ref()
            .map_or_else(String::new, |rule| format!(": {} in {}", rule.text, rule.chain));
        let (relation, end) = end_of(packet);
        return (
            StepStatus::Problem,
            format!("the way {relation} {end} is {}{rule}", fate_words(&packet.fate)),
            details,
        );
    }
    if let Some(packet) = answer
        .packets
        .iter()
        .find(|packet| matches!(packet.fate, Fate::CannotTell(_)))
    {
        return (
            StepStatus::CouldNotCheck,
            format!("one rule is not understood: {}", fate_words(&packet.fate)),
            details,
        );
    }
    let tcp = snapshot
        .endpoints
        .iter()
        .find(|evidence| evidence.endpoint.tcp().is_some());
    let summary = match (answer.rules, tcp) {
        (0, _) if answer.unread.is_empty() => "no packet filter rules are loaded".to_owned(),
        (0, _) => format!(
            "{} could not be read",
            answer
                .unread
                .iter()
                .map(|(name, _)| name.as_str())
                .collect::<Vec<_>>()
                .join(", ")
        ),
        (rules, Some(evidence)) => format!("{rules} rules, none stops the way to {}", evidence.endpoint),
        (rules, None) => format!("{rules} rules; a unix socket or no known endpoint, so none applies"),
    };
    let status = if answer.unread.is_empty() {
        StepStatus::Ok
    } else {
        StepStatus::CouldNotCheck
    };
    (status, summary, details)
}

fn fate_words(fate: &Fate) -> String {
    match fate {
        Fate::Accepted => "accepted".to_owned(),
        Fate::Dropped => "dropped".to_owned(),
        Fate::Rejected(how) => format!("rejected ({how})"),
        Fate::CannotTell(why) => format!("cannot tell: {why}"),
    }
}

fn timeouts_line(snapshot: &Snapshot) -> Line {
    let Some(route) = snapshot.inner_routes.last().or(snapshot.route.seen()) else {
        return (
            StepStatus::CouldNotCheck,
            "no route, so no limits are known".to_owned(),
            Vec::new(),
        );
    };
    let Handler::Pass(pass) = &route.handler else {
        return (
            StepStatus::Skipped,
            "no upstream to wait for".to_owned(),
            Vec::new(),
        );
    };
    let details = timeouts::limits(&route.settings);
    let read = route
        .settings
        .read_timeout
        .as_ref()
        .map_or(60_000, |setting| setting.value);
    let name = format!(
        "{}_read_timeout {}",
        pass.protocol.directive_prefix(),
        timeouts::seconds(read)
    );
    let measured = snapshot
        .endpoints
        .iter()
        .filter_map(|evidence| evidence.as_proxy())
        .filter_map(|exchange| exchange.first_byte_us)
        .max();
    match measured {
        Some(micro) if micro / 1_000 > read => (
            StepStatus::Problem,
            format!(
                "the upstream needs {}, the limit is {name}",
                timeouts::seconds(micro / 1_000)
            ),
            details,
        ),
        Some(micro) => (
            StepStatus::Ok,
            format!("first byte after {} ms, long before {name}", micro / 1_000),
            details,
        ),
        None => match timeouts::attempt_range(snapshot) {
            Some((low, _)) => (
                StepStatus::Ok,
                format!("the failure came after {low} ms; {name}"),
                details,
            ),
            None => (
                StepStatus::CouldNotCheck,
                format!("nothing was measured; {name}"),
                details,
            ),
        },
    }
}

fn dns(snapshot: &Snapshot) -> Line {
    let mut details = Vec::new();
    let upstream: Vec<_> = snapshot.names.iter().filter(|name| name.role != "url").collect();
    for name in &snapshot.names {
        let system = match &name.system {
            Observed::Seen(addresses) => addresses
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", "),
            Observed::Absent => "no such name".to_owned(),
            Observed::Unavailable(obstacle) => obstacle.to_string(),
        };
        details.push(format!("{}: the system answers {system}", name.name));
        for server in &name.servers {
            details.push(format!(
                "    {} ({}): {} in {} ms",
                server.server,
                server.used_by,
                outcome_words(&server.outcome),
                server.took_us / 1_000
            ));
        }
        if !name.dialled.is_empty() {
            let dialled = name
                .dialled
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", ");
            details.push(format!("    the proxy dials {dialled}"));
        }
    }
    if let Some(flush) = snapshot.resolver.seen().and_then(|resolver| resolver.flush.as_ref()) {
        details.push(format!("cache: {}", crate::finding::command_line(flush)));
    }
    if upstream.is_empty() {
        return (
            StepStatus::Ok,
            "no name between the proxy and the upstream".to_owned(),
            details,
        );
    }
    let bad = upstream.iter().find(|name| {
        let nginx = name
            .servers
            .iter()
            .filter(|server| server.used_by == "nginx")
            .collect::<Vec<_>>();
        if name.role == "upstream-at-run-time" {
            !nginx
                .iter()
                .any(|server| matches!(server.outcome, NameOutcome::Addresses(_)))
        } else {
            name.system.seen().is_none_or(Vec::is_empty)
        }
    });
    match bad {
        Some(name) => (
            StepStatus::Problem,
            format!("{} has no address for the proxy", name.name),
            details,
        ),
        None => (
            StepStatus::Ok,
            format!(
                "{} resolves",
                upstream
                    .iter()
                    .map(|name| name.name.as_str())
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
            details,
        ),
    }
}

fn outcome_words(outcome: &NameOutcome) -> String {
    match outcome {
        NameOutcome::Addresses(addresses) => addresses
            .iter()
            .map(|(address, ttl)| format!("{address} (TTL {ttl} s)"))
            .collect::<Vec<_>>()
            .join(", "),
        NameOutcome::NxDomain => "no such name (NXDOMAIN)".to_owned(),
        NameOutcome::NoAddress => "the name has no address".to_owned(),
        NameOutcome::ServerFailure => "SERVFAIL".to_owned(),
        NameOutcome::Refused => "REFUSED".to_owned(),
        NameOutcome::NotListening => "nothing listens there".to_owned(),
        NameOutcome::TimedOut => "no answer".to_owned(),
        NameOutcome::Failed(why) => why.clone(),
    }
}

fn route(snapshot: &Snapshot) -> Line {
    let lines: Vec<String> = snapshot
        .other_routes
        .iter()
        .map(|way| {
            let said = match (way.status, way.proxy_status, &way.error) {
                (Some(status), _, _) => format!(
                    "{status}{}",
                    way.server
                        .as_ref()
                        .map_or_else(String::new, |server| format!(" from {server}"))
                ),
                (None, Some(status), _) => format!("the proxy answered {status}"),
                (None, None, Some(error)) => error.clone(),
                (None, None, None) => "no answer".to_owned(),
            };
            format!("{}: {said} ({} ms)", way.way, way.took_us / 1_000)
        })
        .collect();
    let through: Vec<_> = snapshot
        .other_routes
        .iter()
        .filter(|way| !way.way.starts_with("straight"))
        .collect();
    if through.is_empty() {
        let mut summary = "not checked: no --proxy given and no proxy variable set".to_owned();
        if let Some(first) = lines.first() {
            summary = format!("{first}; no --proxy given");
        }
        let status = if lines.is_empty() {
            StepStatus::CouldNotCheck
        } else {
            StepStatus::Ok
        };
        return (status, summary, lines);
    }
    let direct = through
        .iter()
        .find(|way| way.way == "direct")
        .and_then(|way| way.status);
    let differ = through
        .iter()
        .filter(|way| way.way != "direct" && way.status != direct)
        .count();
    let proxies = through.len().saturating_sub(1);
    let said =
        |status: Option<u16>| status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
    let summary = if differ == 0 {
        format!(
            "the same answer ({}) directly and through {proxies} proxies: the target makes it",
            said(direct)
        )
    } else {
        format!(
            "{differ} of {proxies} proxies get another answer than directly ({})",
            said(direct)
        )
    };
    (
        if differ == 0 {
            StepStatus::Ok
        } else {
            StepStatus::Warning
        },
        summary,
        lines,
    )
}

fn bundle(snapshot: &Snapshot, diagnosis: &Diagnosis) -> Line {
    let mut details: Vec<String> = support_bundle::frequency(snapshot).into_iter().collect();
    if let Some(cloud) = &snapshot.host.cloud {
        details.push(format!(
            "provider: {} - console {}, status {}",
            cloud.name, cloud.console, cloud.status
        ));
    }
    let url = snapshot.target.url.as_deref().unwrap_or_default();
    let summary = if diagnosis.verdict.status == Status::Healthy {
        "not needed".to_owned()
    } else {
        format!("fix502 bundle {url}").trim_end().to_owned()
    };
    (StepStatus::Skipped, summary, details)
}

/// The upstream's end of a judged packet, and on which side of it that is.
fn end_of(answer: &crate::evidence::PacketAnswer) -> (&'static str, std::net::SocketAddr) {
    let packet = &answer.packet;
    match (packet.source, packet.source_port) {
        (Some(address), Some(port)) if packet.state != "new" => {
            ("back from", std::net::SocketAddr::new(address, port))
        }
        _ => (
            "to",
            std::net::SocketAddr::new(packet.destination, packet.destination_port),
        ),
    }
}
