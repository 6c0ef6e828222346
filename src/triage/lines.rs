//! The eight steps on what was sent: what the pieces say for each, and what nobody could look at.

use crate::evidence::{Fate, Handler, Observed, PeerAddress, Snapshot, Symptom};
use crate::finding::{Severity, StepId};
use crate::report::{StepStatus, StepSummary};
use crate::verdict::Diagnosis;

/// The lines of the steps.
pub fn steps(snapshot: &Snapshot, diagnosis: &Diagnosis) -> Vec<StepSummary> {
    StepId::ALL
        .into_iter()
        .map(|step| {
            let (mut status, mut summary) = line(step, snapshot);
            let root = diagnosis.verdict.cause.as_deref();
            let finding = diagnosis.findings.iter().find(|finding| {
                finding.step == step
                    && root == Some(finding.cause.as_str())
                    && finding.severity == Severity::Error
            });
            if let Some(finding) = finding {
                status = StepStatus::Problem;
                summary.clone_from(&finding.message);
            }
            StepSummary {
                number: step.number(),
                id: step,
                status,
                summary,
                details: Vec::new(),
                recommended: Vec::new(),
                differs: None,
                ways: Vec::new(),
            }
        })
        .collect()
}

fn not_sent(command: &str) -> (StepStatus, String) {
    (StepStatus::CouldNotCheck, format!("not sent: {command}"))
}

fn line(step: StepId, snapshot: &Snapshot) -> (StepStatus, String) {
    let symptom = snapshot
        .pieces
        .as_ref()
        .and_then(|pieces| pieces.failures.first())
        .map(|failure| failure.symptom);
    match step {
        StepId::Retry => retry(snapshot),
        StepId::Upstream => upstream(snapshot),
        StepId::Config => configuration(snapshot),
        StepId::Firewall => firewall(snapshot),
        StepId::Timeouts => match symptom {
            Some(Symptom::HeaderTimeout | Symptom::SendTimeout | Symptom::ConnectTimeout) => {
                (StepStatus::Problem, "a limit of the proxy ran out".to_owned())
            }
            Some(_) => (StepStatus::Ok, "what the log tells of is no timeout".to_owned()),
            None => not_sent("the proxy's error log"),
        },
        StepId::Dns => match symptom {
            Some(
                Symptom::NameNotFound
                | Symptom::NameServerFailed
                | Symptom::NoResolver
                | Symptom::NameUnknownAtStart,
            ) => (StepStatus::Problem, "a name did not resolve".to_owned()),
            _ => match snapshot.endpoints.first().filter(|_| by_address_only(snapshot)) {
                Some(evidence) => (
                    StepStatus::Ok,
                    format!("no name on the way: {}", evidence.endpoint),
                ),
                None => not_sent("getent ahosts NAME, for names in the configuration"),
            },
        },
        StepId::Route => (
            StepStatus::Skipped,
            "nothing is asked for what was sent".to_owned(),
        ),
        StepId::Bundle => (
            StepStatus::Skipped,
            "on the failing host: fix502 bundle URL".to_owned(),
        ),
    }
}

/// True when the configuration was sent and names its upstream by addresses only.
fn by_address_only(snapshot: &Snapshot) -> bool {
    snapshot.config.seen().is_some()
        && snapshot.route.seen().is_some_and(|route| match &route.handler {
            Handler::Pass(pass) => {
                !pass.has_variables
                    && !pass.peers.is_empty()
                    && pass
                        .peers
                        .iter()
                        .all(|peer| !matches!(peer.address, PeerAddress::Name(_)))
            }
            Handler::Return { .. } | Handler::Local(_) | Handler::Unknown => false,
        })
}

fn retry(snapshot: &Snapshot) -> (StepStatus, String) {
    let Some(pieces) = &snapshot.pieces else {
        return not_sent("curl -sv URL");
    };
    if let Some(first) = pieces.failures.first() {
        let lines = if first.count == 1 {
            "1 line".to_owned()
        } else {
            format!("{} lines", first.count)
        };
        let when = match (first.first_ms.and_then(clock), first.last_ms.and_then(clock)) {
            (Some(first), Some(last)) if first != last => format!(", {first} to {last}"),
            (Some(first), _) => format!(", {first}"),
            _ => String::new(),
        };
        let others = match pieces.failures.len() {
            0 | 1 => String::new(),
            count => format!("; {} other kinds of failures", count - 1),
        };
        return (
            StepStatus::Problem,
            format!("{lines} of this failure{when}{others}"),
        );
    }
    let status = snapshot.attempts.iter().find_map(|attempt| attempt.status);
    match status {
        Some(status) => (
            StepStatus::Problem,
            format!("the answer that was sent has status {status}"),
        ),
        None => not_sent("a failed request: curl -sv URL"),
    }
}

/// `2026-11-22 14:05:06`, in the time zone of the log.
fn clock(at_ms: i64) -> Option<String> {
    let time = jiff::Timestamp::from_millisecond(at_ms).ok()?;
    Some(time.strftime("%Y-%m-%d %H:%M:%S").to_string())
}

fn upstream(snapshot: &Snapshot) -> (StepStatus, String) {
    let mut words: Vec<String> = Vec::new();
    let mut wrong = false;
    if let Some(failure) = snapshot.pieces.as_ref().and_then(|pieces| pieces.failures.first()) {
        let upstream = failure.upstream.as_deref().unwrap_or("the upstream");
        words.push(crate::causes::open::words(failure.symptom).replace("{}", upstream));
        wrong = true;
    }
    for evidence in snapshot.endpoints.iter().take(3) {
        match &evidence.listener {
            Observed::Seen(listener) => {
                let owner = listener
                    .processes
                    .first()
                    .map_or("something", |owner| owner.name.as_str());
                words.push(format!("{owner} listens on {}", evidence.endpoint));
            }
            Observed::Absent => {
                words.push(format!("nothing listens on {}", evidence.endpoint));
                wrong = true;
            }
            Observed::Unavailable(_) => {}
        }
    }
    for unit in snapshot
        .units
        .seen()
        .into_iter()
        .flatten()
        .filter(|unit| unit.active != "active")
        .take(2)
    {
        words.push(format!("{} is {}", unit.name, unit.active));
        wrong = true;
    }
    if words.is_empty() {
        return not_sent("sudo ss -ltnp; systemctl status SERVICE");
    }
    (
        if wrong {
            StepStatus::Problem
        } else {
            StepStatus::Ok
        },
        words.join("; "),
    )
}

fn configuration(snapshot: &Snapshot) -> (StepStatus, String) {
    let Some(config) = snapshot.config.seen() else {
        let product = snapshot.pieces.as_ref().and_then(|pieces| pieces.product.as_deref());
        return not_sent(match product {
            Some("apache") => "sudo apachectl -t -D DUMP_VHOSTS, and the files",
            Some("squid") => "/etc/squid/squid.conf",
            Some("haproxy") => "/etc/haproxy/haproxy.cfg",
            Some("caddy") => "the Caddyfile",
            Some("traefik" | "envoy") => "its configuration",
            _ => "sudo nginx -T",
        });
    };
    let count = config.files.len();
    let files = if count == 1 {
        "1 file".to_owned()
    } else {
        format!("{count} files")
    };
    if let Some(problem) = config.errors.first() {
        return (StepStatus::Problem, format!("{files}; {}", problem.message));
    }
    match config.lint.len() {
        0 => (StepStatus::Ok, format!("{files} read, no warning")),
        1 => (
            StepStatus::Warning,
            format!("{files} read, 1 warning: fix502 lint shows it"),
        ),
        warnings => (
            StepStatus::Warning,
            format!("{files} read, {warnings} warnings: fix502 lint shows them"),
        ),
    }
}

fn firewall(snapshot: &Snapshot) -> (StepStatus, String) {
    let answer = match &snapshot.firewall {
        Observed::Seen(answer) => answer,
        Observed::Absent => return (StepStatus::Ok, "no packet filter is loaded".to_owned()),
        Observed::Unavailable(obstacle) => {
            let text = obstacle.to_string();
            return if text.contains("nft") {
                (StepStatus::CouldNotCheck, text)
            } else {
                not_sent("sudo iptables-save; sudo nft -j -a list ruleset")
            };
        }
    };
    let stopped = answer
        .packets
        .iter()
        .find(|packet| matches!(packet.fate, Fate::Dropped | Fate::Rejected(_)));
    if let Some(packet) = stopped {
        let rule = packet.rule.as_ref().map_or("a policy", |rule| rule.text.as_str());
        return (
            StepStatus::Problem,
            format!(
                "{}:{} is stopped by {rule}",
                packet.packet.destination, packet.packet.destination_port
            ),
        );
    }
    if answer.packets.is_empty() {
        return (
            StepStatus::CouldNotCheck,
            format!("{} rules read; no address to judge them by", answer.rules),
        );
    }
    let unknown = answer
        .packets
        .iter()
        .any(|packet| matches!(packet.fate, Fate::CannotTell(_)));
    if unknown {
        return (
            StepStatus::CouldNotCheck,
            format!("{} rules read; one on the way is not modelled", answer.rules),
        );
    }
    (
        StepStatus::Ok,
        format!("{} rules read; none stops the way to the upstream", answer.rules),
    )
}
