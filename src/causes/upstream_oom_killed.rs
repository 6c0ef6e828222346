//! `upstream-oom-killed`: the kernel ended the upstream over a memory limit.

use super::facts::{
    CUT_BEFORE_HEADER, Contact, Link, contact, cut_before_header, failing, lasting, log_line, logged_now,
    nobody_listens, probe_line, unit_line, unit_of,
};
use super::{Answer, Cause, found};
use crate::evidence::{KernelEvent, KernelEventKind, Snapshot};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, Severity, StepId, quoted};

/// See `docs/causes/upstream-oom-killed.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "upstream-oom-killed",
    title: "the kernel killed the upstream over a memory limit",
    step: StepId::Upstream,
    proxy_error: "connection_terminated",
    explains: &[
        "upstream-crash-loop",
        "upstream-not-running",
        "upstream-worker-crash",
        "unix-socket-stale",
    ],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    found(by_unit(snapshot).or_else(|| by_kernel(snapshot)))
}

/// The unit says so, or was ended by signal 9 and the kernel names its control group.
fn by_unit(snapshot: &Snapshot) -> Option<Finding> {
    if !failing(snapshot) {
        return None;
    }
    let (evidence, unit, link) = snapshot
        .endpoints
        .iter()
        .find_map(|evidence| unit_of(snapshot, evidence).map(|(unit, link)| (evidence, unit, link)))?;
    // A service that answers was not killed, and one that nothing ties to the endpoint counts only where
    // nobody listens.
    let gone = contact(evidence).is_some_and(|contact| {
        matches!(
            contact,
            Contact::Refused | Contact::SocketMissing | Contact::Closed | Contact::Reset | Contact::NoAnswer
        )
    });
    let stranger = link == Link::OnlyCandidate && !evidence.listener.is_absent();
    if stranger || !(gone || cut_before_header(snapshot)) {
        return None;
    }
    let event = snapshot.kernel.seen().and_then(|events| {
        events.iter().rev().find(|event| {
            event.kind == KernelEventKind::OomKill
                && event
                    .cgroup
                    .as_deref()
                    .is_some_and(|cgroup| cgroup.split('/').any(|part| part == unit.name))
        })
    });
    let killed = unit.exec_main_code == 2 && unit.exec_main_status == 9;
    let said = unit.journal.iter().rev().find(|line| {
        line.message.contains("killed by the OOM killer")
            || line.message.contains("Failed with result 'oom-kill'")
    });
    let under_our_hands =
        cut_before_header(snapshot) && event.is_some_and(|event| of_our_attempts(snapshot, event));
    let proved = unit.result == "oom-kill"
        || (killed && event.is_some())
        || (said.is_some() && unit.active != "active");
    if !(proved || under_our_hands) {
        return None;
    }
    let limit = unit
        .memory_max_bytes
        .map_or_else(String::new, |bytes| format!(" (limit {} MiB)", bytes >> 20));
    let message = format!("{} was killed by the kernel for lack of memory{limit}", unit.name);
    let confidence = match link {
        Link::OnlyCandidate if !lasting(unit) => Confidence::Possible,
        Link::OnlyCandidate => Confidence::Likely,
        Link::Name | Link::Address => Confidence::Confirmed,
    };
    let severity = if confidence == Confidence::Possible {
        Severity::Warning
    } else {
        Severity::Error
    };
    let mut finding = CAUSE
        .finding(confidence, message)
        .severity(severity)
        .because(unit_line(unit));
    if let Some(event) = event {
        finding = finding.because(Exhibit::shown_by(
            "kernel",
            event.text.clone(),
            "dmesg | grep -i 'killed process'",
        ));
    }
    if let Some(line) = said {
        finding = finding.because(Exhibit::shown_by(
            "log",
            line.message.clone(),
            format!("journalctl -u {} -n 50", quoted(&unit.name)),
        ));
    }
    finding = finding
        .because_all(probe_line(evidence))
        .because_all(nobody_listens(evidence));
    Some(
        finding
            .remedy(
                if unit.active == "active" {
                    Remedy::run(format!("when it does not recover by itself, restart {}", unit.name), ["systemctl", "restart", unit.name.as_str()])
                        .risk("interrupts what the application is doing")
                } else {
                    Remedy::run(format!("start {} again", unit.name), ["systemctl", "start", unit.name.as_str()])
                        .risk("it meets the same limit again until one of the next two is done")
                },
            )
            .remedy(
                Remedy::run("give it more memory than it needs at its peak, once you know that it is no leak", [
                    "systemctl", "edit", unit.name.as_str(),
                ])
                .risk("MemoryMax= in that drop-in: a higher limit takes memory from everything else on this host"),
            )
            .remedy(Remedy::advise("or run fewer workers, so that all of them fit into the limit")),
    )
}

/// True for a kill since our attempts began. The kernel's clock and the wall clock drift apart by seconds over
/// weeks.
fn of_our_attempts(snapshot: &Snapshot, event: &KernelEvent) -> bool {
    event
        .at_ms
        .is_some_and(|at_ms| at_ms.saturating_add(2_000) >= snapshot.log.attempts_began_ms)
}

/// The kernel killed something while our own requests were cut.
fn by_kernel(snapshot: &Snapshot) -> Option<Finding> {
    if !cut_before_header(snapshot) {
        return None;
    }
    let names: Vec<&str> = snapshot
        .endpoints
        .iter()
        .filter_map(|evidence| evidence.listener.seen())
        .flat_map(|listener| listener.processes.iter().map(|owner| owner.name.as_str()))
        .collect();
    let event = snapshot.kernel.seen()?.iter().rev().find(|event| {
        event.kind == KernelEventKind::OomKill
            && of_our_attempts(snapshot, event)
            && event
                .process
                .as_deref()
                .is_none_or(|name| names.is_empty() || names.iter().any(|owner| same_program(owner, name)))
    })?;
    let process = event.process.as_deref().unwrap_or("a process");
    let finding = CAUSE
        .finding(Confidence::Confirmed, format!("the kernel killed {process} for lack of memory while it worked on the request"))
        .because(Exhibit::shown_by("kernel", event.text.clone(), "dmesg | grep -i 'killed process'"))
        .because_all(logged_now(snapshot, &CUT_BEFORE_HEADER).first().map(|entry| log_line(entry)))
        .because_all(snapshot.endpoints.iter().find_map(probe_line))
        .remedy(Remedy::advise("raise the memory limit of the service above its peak (MemoryMax= of the unit, mem_limit of the container), once you know that it is no leak"))
        .remedy(Remedy::advise("or run fewer workers, so that all of them fit into the limit"));
    Some(finding)
}

/// Kernel names are cut at 15 characters, and interpreters carry versions.
fn same_program(one: &str, other: &str) -> bool {
    let stem = |name: &str| {
        name.trim_end_matches(|character: char| character.is_ascii_digit() || character == '.')
            .to_owned()
    };
    one.starts_with(other) || other.starts_with(one) || stem(one) == stem(other)
}
