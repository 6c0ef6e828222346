//! The name servers that Squid asks do not answer.

use std::net::IpAddr;

use super::super::ports::Mode;
use super::super::{Config, settings};
use super::{Check, Need, Rule, problem};
use crate::evidence::{ConfigProblem, NameOutcome, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "S004-dns",
        proxy: ProxyKind::Squid,
        title: "the name servers that Squid asks do not answer",
        level: ProblemLevel::Error,
        cause: Some("dns-server-failure"),
        needs: Some(Need::Names),
    },
    find,
};

fn find(config: &Config, around: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    let Some(asker) = asks_for_names(config) else {
        return;
    };
    let mut written: Vec<(IpAddr, usize)> = Vec::new();
    for (number, statement) in settings::statements(config, "dns_nameservers") {
        let addresses = statement.words().filter_map(|word| word.parse().ok());
        written.extend(addresses.map(|address| (address, number)));
    }
    if written.is_empty() {
        if settings::statements(config, "dns_nameservers").next().is_some() {
            return;
        }
        // Those of the system, which stand in no line of this file.
        let system = around.resolver.seen().map(|resolver| resolver.nameservers.as_slice());
        written.extend(system.unwrap_or_default().iter().map(|address| (*address, asker)));
    }
    let silent: Vec<(IpAddr, usize, &str)> = written
        .iter()
        .filter_map(|(address, number)| Some((*address, *number, silence(around, *address)?)))
        .collect();
    let all = silent.len() == written.len();
    for (address, number, what) in silent {
        let mut found = problem(
            config,
            &CHECK.rule,
            number,
            format!("Squid asks the name server {address}, and {what}"),
        );
        if all {
            found.effect = format!(
                "{} for every name that Squid has to look up, after dns_timeout (30 s unless set)",
                if config.environment.major() >= 6 { 503 } else { 502 }
            );
        } else {
            found.level = ProblemLevel::Warning;
            "requests wait for the next name server whenever this one is asked".clone_into(&mut found.effect);
        }
        // The system's own name servers are of use only where they are others, and answer.
        found.repair = around
            .resolver
            .seen()
            .and_then(|own| {
                own.nameservers.iter().find(|own| {
                    **own != address && silence(around, **own).is_none() && answered(around, **own)
                })
            })
            .map(|own| format!("dns_nameservers {own}"));
        problems.push(found);
    }
}

/// The statement that makes Squid look up names: a peer with a name, or a port whose requests may go straight
/// to servers. `None`: every way leads to an address.
fn asks_for_names(config: &Config) -> Option<usize> {
    let named = config
        .peers
        .iter()
        .find(|peer| peer.host.parse::<IpAddr>().is_err() && peer.host != "localhost");
    let straight = || {
        let port = config.ports.iter().find(|port| {
            let free = port.mode != Mode::Accelerator || port.allow_direct;
            free && config.list("never_direct").is_empty()
        });
        port.map(|port| port.statement)
    };
    named.map(|peer| peer.statement).or_else(straight)
}

/// A name server that was asked and gave no answer to anything: in what way.
fn silence(around: &Snapshot, address: IpAddr) -> Option<&'static str> {
    let mut what = None;
    for outcome in outcomes(around, address) {
        match outcome {
            NameOutcome::NotListening => what = Some("nothing listens there"),
            NameOutcome::TimedOut => what = what.or(Some("it does not answer")),
            _ => return None,
        }
    }
    what
}

fn answered(around: &Snapshot, address: IpAddr) -> bool {
    outcomes(around, address).any(|outcome| matches!(outcome, NameOutcome::Addresses(_)))
}

fn outcomes(around: &Snapshot, address: IpAddr) -> impl Iterator<Item = &NameOutcome> {
    let shown = std::net::SocketAddr::new(address, 53).to_string();
    around
        .names
        .iter()
        .flat_map(|name| &name.servers)
        .filter(move |server| server.server == shown)
        .map(|server| &server.outcome)
}
