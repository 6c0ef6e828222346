//! `dns-server-failure`: no usable answer from the nameserver.

use super::dial::resolver_address;
use super::facts::{
    failing, log_line, log_says_otherwise, logged_now, passing_route, proxy_kind, run_time_answers,
};
use super::{Answer, Cause, found};
use crate::evidence::{NameOutcome, ProxyKind, Snapshot, Symptom};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId, quoted};

/// See `docs/causes/dns-server-failure.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "dns-server-failure",
    title: "the nameserver that the proxy asks does not answer, or fails",
    step: StepId::Dns,
    proxy_error: "dns_timeout",
    explains: &[],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    if !failing(snapshot) {
        return None;
    }
    let logged = logged_now(snapshot, &[Symptom::NameServerFailed]);
    let bad = |outcome: &NameOutcome| {
        matches!(
            outcome,
            NameOutcome::ServerFailure
                | NameOutcome::Refused
                | NameOutcome::NotListening
                | NameOutcome::TimedOut
                | NameOutcome::Failed(_)
        )
    };
    let answer = snapshot
        .names
        .iter()
        .flat_map(|name| run_time_answers(snapshot, name).map(move |server| (name, server)))
        .find(|(_, server)| bad(&server.outcome));
    if logged.is_empty() && (answer.is_none() || log_says_otherwise(snapshot, &[Symptom::NameServerFailed])) {
        return None;
    }
    let servers = passing_route(snapshot).and_then(|(route, _)| route.settings.resolver.as_ref());
    let place = servers.and_then(|setting| setting.place.clone()).unwrap_or_default();
    let how = answer.map_or("gives no usable answer", |(_, server)| match server.outcome {
        NameOutcome::ServerFailure => "answers SERVFAIL",
        NameOutcome::Refused => "refuses to answer",
        NameOutcome::NotListening => "is not there: nothing listens on its port",
        NameOutcome::TimedOut => "does not answer",
        _ => "fails",
    });
    let server = answer
        .map(|(_, server)| server.server.clone())
        .or_else(|| servers.and_then(|setting| setting.value.first().cloned()))
        .unwrap_or_else(|| "the nameserver".to_owned());
    let name = answer.map(|(name, _)| name.name.clone()).unwrap_or_default();
    let (_, port) = server.rsplit_once(':').unwrap_or((&server, "53"));
    let address = address_part(&server);
    let other = snapshot.resolver.seen().and_then(|resolver| {
        resolver.nameservers.iter().find(|nameserver| {
            // Not the same again, and not one that fails as well.
            let fails =
                snapshot.names.iter().flat_map(|name| &name.servers).any(|asked| {
                    address_part(&asked.server) == nameserver.to_string() && bad(&asked.outcome)
                });
            nameserver.to_string() != address && !fails
        })
    });
    let of = match (proxy_kind(snapshot), servers) {
        (ProxyKind::Nginx, _) => " of the resolver directive",
        (ProxyKind::Squid, Some(_)) => " of dns_nameservers",
        _ => " of this system",
    };
    let mut finding = CAUSE
        .finding(
            Confidence::Confirmed,
            format!("the nameserver {server}{of} {how}"),
        )
        .at(&place)
        .because_all(answer.map(|_| {
            Exhibit::shown_by(
                "dns",
                format!("{server} {how}"),
                format!("dig +tries=1 @{address} -p {port} {}", quoted(&name)),
            )
        }))
        .because_all(logged.last().map(|entry| log_line(entry)));
    if place.line > 0 {
        finding = finding.because(Exhibit::in_file("config", format!("resolver {server}"), &place));
    }
    finding = finding.remedy(Remedy::advise(format!(
        "start or repair the nameserver on {server}"
    )));
    if proxy_kind(snapshot) != ProxyKind::Nginx {
        finding = finding.remedy(Remedy::advise(if servers.is_some() {
            "or name another nameserver in dns_nameservers, then squid -k parse && squid -k reconfigure"
        } else {
            "or name another nameserver in /etc/resolv.conf; Squid reads it at its start and with squid -k reconfigure, Apache at each question"
        }));
    } else if let Some(other) = other.filter(|_| place.line > 0) {
        finding = finding.remedy(Remedy::edit(
            "or ask the one that this system uses, then nginx -t && nginx -s reload",
            &place,
            format!("resolver {} valid=30s;", resolver_address(*other)),
        ));
    } else {
        finding = finding.remedy(Remedy::advise(
            "or name another nameserver in the resolver directive, and a second one beside it",
        ));
    }
    Some(finding)
}

/// The address in `127.0.0.53:53` or `[2001:db8::53]:53`.
fn address_part(server: &str) -> &str {
    server
        .rsplit_once(':')
        .map_or(server, |(address, _)| address)
        .trim_matches(['[', ']'])
}
