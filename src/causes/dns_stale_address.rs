//! `dns-stale-address`: the name moved, the proxy did not; or who told it the address has not heard of it.

mod kept;

use super::facts::{failing, log_line, logged_now, passing_route};
use super::{Answer, Cause, found};
use crate::evidence::{AccessEntry, NameOutcome, PeerAddress, ProxyKind, Snapshot, Symptom};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};

/// See `docs/causes/dns-stale-address.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "dns-stale-address",
    title: "the proxy still dials an address that the name had when it started",
    step: StepId::Dns,
    proxy_error: "destination_ip_unroutable",
    explains: &["upstream-too-slow", "upstream-workers-saturated"],
    diagnose,
};

/// What dialling an address gives that the service has left. An address that answers is not stale: many
/// names have more addresses than one answer of their nameserver shows.
const LOST: [Symptom; 5] = [
    Symptom::ConnectionRefused,
    Symptom::ConnectTimeout,
    // What took the service's place may take connections and say nothing.
    Symptom::HeaderTimeout,
    Symptom::HostUnreachable,
    Symptom::NetworkUnreachable,
];

fn diagnose(snapshot: &Snapshot) -> Answer {
    found(
        find(snapshot)
            .or_else(|| kept::by_cache(snapshot))
            .or_else(|| kept::by_nameserver(snapshot)),
    )
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    if !failing(snapshot) {
        return None;
    }
    let entry = snapshot.log.during.iter().rev().find(|entry| {
        entry.symptom.is_some_and(|symptom| LOST.contains(&symptom))
            && entry.upstream.as_deref().and_then(address_of).is_some()
    });
    let (route, pass) = passing_route(snapshot)?;
    let squid = route.proxy == ProxyKind::Squid;
    // Only a name that is resolved once, when the configuration is loaded, can go stale; Squid keeps an
    // address as long as the nameserver or positive_dns_ttl says.
    let name = pass.peers.iter().find_map(|peer| match &peer.address {
        PeerAddress::Name(name) if !peer.resolve || squid => Some((name, peer)),
        _ => None,
    });
    let (name, peer) = name?;
    let evidence = snapshot
        .names
        .iter()
        .find(|evidence| evidence.name == name.name && evidence.system.seen().is_some())?;
    let answers = evidence.system.seen()?;
    // A worker that waits in vain for an address proves it as well as a line of the log.
    let waiting = evidence
        .held
        .iter()
        .find(|held| !held.established && !answers.contains(&held.remote.ip()));
    let logged = entry.and_then(|entry| entry.upstream.as_deref().and_then(address_of));
    let written = dialled_by_squid(snapshot).filter(|_| squid);
    let dialled = logged
        .or(waiting.map(|held| held.remote))
        .or(written.map(|(address, _)| std::net::SocketAddr::new(address, name.port)))?;
    let held = evidence.held.iter().find(|held| held.remote.ip() == dialled.ip());
    if pass.peers.iter().any(|peer| peer.address == PeerAddress::Ip(dialled)) {
        return None;
    }
    // What the nameservers know and /etc/hosts or a cache hides is an address of today all the same.
    let known = evidence.servers.iter().any(|server| {
        matches!(&server.outcome, NameOutcome::Addresses(list) if list.iter().any(|(address, _)| *address == dialled.ip()))
    });
    if answers.is_empty() || answers.contains(&dialled.ip()) || known && evidence.hosts_file.is_empty() {
        return None;
    }
    let today = answers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    // Whoever took the connection and says nothing may be the service itself, busy, behind an address that one
    // answer of its nameserver leaves out.
    let silent = entry.is_some_and(|entry| entry.symptom == Some(Symptom::HeaderTimeout)) && held.is_none();
    let confidence = if silent {
        Confidence::Likely
    } else {
        Confidence::Confirmed
    };
    let kind = route.proxy;
    let since = if squid {
        "which it keeps in its own cache of names"
    } else {
        "which it resolved when it started"
    };
    let (why, again) = if squid {
        (
            format!(
                "Squid keeps the address of {} for as long as its record may be kept (positive_dns_ttl at most)",
                name.name
            ),
            "so that it does not come back: give the record a short TTL before the next move, and keep positive_dns_ttl low",
        )
    } else if kind == ProxyKind::Apache {
        (
            format!(
                "the name {} stands in the configuration, so a worker resolves it once",
                name.name
            ),
            "so that it does not come back: addressttl=60 on the ProxyPass or BalancerMember line (Apache 2.4.60 and later), or disablereuse=on",
        )
    } else {
        (
            format!(
                "the name {} stands in the configuration, so it is resolved once",
                name.name
            ),
            "so that it does not come back: an upstream block with zone and server NAME resolve (nginx 1.27.3 and later), or a variable in proxy_pass with a resolver",
        )
    };
    let load = if squid {
        Remedy::run(
            "let Squid forget its names: a restart, for a reconfigure keeps them",
            ["systemctl", "restart", "squid"],
        )
        .risk("ends the requests that are under way")
    } else {
        Remedy::run(
            format!(
                "load the configuration again, which resolves the name anew ({} first)",
                kind.test_command()
            ),
            kind.reload_command().split(' '),
        )
        .risk("applies every other pending edit of the configuration as well")
    };
    Some(
        CAUSE
            .finding(
                confidence,
                format!(
                    "{} is now {today}, but the proxy still dials {}, {since}",
                    name.name,
                    dialled.ip()
                ),
            )
            .at(&peer.place)
            .because_all(entry.map(log_line))
            .because_all(held.map(|held| {
                Exhibit::shown_by(
                    "sockets",
                    format!(
                        "worker {} {} {}",
                        held.pid,
                        if held.established {
                            "holds a connection to"
                        } else {
                            "waits for an answer of"
                        },
                        held.remote
                    ),
                    "ss -tnp",
                )
            }))
            .because(Exhibit::shown_by(
                "dns",
                format!("{} resolves to {today}", name.name),
                format!("getent ahosts {}", name.name),
            ))
            .because_all(written.map(|(_, entry)| Exhibit {
                kind: "log".to_owned(),
                text: entry.text.clone(),
                ..Exhibit::default()
            }))
            .because(Exhibit::in_file("config", why, &peer.place))
            .remedy(load)
            .remedy(Remedy::advise(again)),
    )
}

/// The address that Squid dialled for one of our requests that failed, as its access log writes it.
fn dialled_by_squid(snapshot: &Snapshot) -> Option<(std::net::IpAddr, &AccessEntry)> {
    let mut failed = snapshot.log.access_during.iter().rev();
    let entry = failed.find(|entry| entry.status.is_some_and(|status| (502..=504).contains(&status)))?;
    // Only what says that nobody was reached: an answer that displeases may come from the right address.
    if logged_now(snapshot, &LOST).is_empty() {
        return None;
    }
    let (_, address) = entry.upstream_addr.as_deref()?.split_once('/')?;
    Some((address.parse().ok()?, entry))
}

/// Address and port in `http://10.0.0.5:8080/path`.
fn address_of(upstream: &str) -> Option<std::net::SocketAddr> {
    let rest = upstream.split_once("://").map_or(upstream, |(_, rest)| rest);
    rest.split(['/', '?']).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{AuthorityAnswer, Endpoint, HeldConnection, Observed, ServerAnswer};

    /// The case of the catalogue without its log, and a worker that waits for the old address.
    fn waiting() -> Snapshot {
        let text = include_str!("../../tests/cases/dns-stale-address/found.json");
        let mut case: serde_json::Value = serde_json::from_str(text).expect("a case");
        let mut snapshot: Snapshot = serde_json::from_value(case["snapshot"].take()).expect("a snapshot");
        snapshot.log.during.clear();
        assert!(find(&snapshot).is_none(), "nothing proves it yet");
        snapshot.names[0].held.push(HeldConnection {
            remote: "192.0.2.31:8080".parse().expect("an address"),
            pid: 812,
            established: false,
        });
        snapshot
    }

    #[test]
    fn a_worker_that_waits_for_an_address_of_yesterday_proves_it() {
        let finding = find(&waiting()).expect("it is found");
        assert!(
            serde_json::to_string(&finding)
                .expect("a finding")
                .contains("worker 812 waits for an answer of 192.0.2.31:8080")
        );
    }

    #[test]
    fn an_address_that_one_nameserver_still_gives_is_not_stale() {
        let mut snapshot = waiting();
        snapshot.names[0].servers.push(ServerAnswer {
            server: "192.0.2.53:53".to_owned(),
            used_by: "system".to_owned(),
            outcome: NameOutcome::Addresses(vec![("192.0.2.31".parse().expect("an address"), 60)]),
            took_us: 900,
        });
        assert!(find(&snapshot).is_none());
    }

    /// Nobody answers at the one address, which a nameserver gives, and the zone's own server gives the other.
    fn kept(old: &str, today: &str) -> Snapshot {
        let mut snapshot = waiting();
        let address = |text: &str| vec![(text.parse().expect("an address"), 300)];
        snapshot.endpoints.truncate(1);
        snapshot.endpoints[0].endpoint = Endpoint::Tcp(format!("{old}:8080").parse().expect("an endpoint"));
        let name = &mut snapshot.names[0];
        name.held.clear();
        name.dialled.clear();
        name.system = Observed::Seen(vec![old.parse().expect("an address")]);
        name.servers = vec![ServerAnswer {
            server: "198.51.100.53:53".to_owned(),
            used_by: "system".to_owned(),
            outcome: NameOutcome::Addresses(address(old)),
            took_us: 900,
        }];
        name.authority = Observed::Seen(AuthorityAnswer {
            name: name.name.clone(),
            zone: "internal.example".to_owned(),
            nameserver: "ns1.internal.example".to_owned(),
            server: "198.51.100.7:53".to_owned(),
            outcome: NameOutcome::Addresses(address(today)),
        });
        snapshot
    }

    #[test]
    fn a_record_that_a_nameserver_keeps_is_old_when_the_zone_says_so() {
        let finding = kept::by_nameserver(&kept("192.0.2.31", "192.0.2.32")).expect("it is found");
        assert_eq!(finding.confidence, Confidence::Likely);
        let text = serde_json::to_string(&finding).expect("a finding");
        for expected in [
            "198.51.100.53:53 answers 192.0.2.31",
            "ns1.internal.example, responsible for internal.example, answers 192.0.2.32",
        ] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
    }

    #[test]
    fn a_zone_that_is_served_differently_inside_and_outside_is_not_stale() {
        assert!(kept::by_nameserver(&kept("10.0.0.5", "192.0.2.32")).is_none());
        assert!(kept::by_nameserver(&kept("192.0.2.31", "192.0.2.31")).is_none());
    }
}
