//! A literal name is resolved when nginx loads, and never again.

use std::net::IpAddr;

use foldhash::HashSet;

use super::super::Config;
use super::upstreams::{self, Around, Line};
use super::{Check, Rule, problem};
use crate::evidence::{
    ConfigProblem, NameEvidence, NameOutcome, PeerAddress, ProblemLevel, ProxyKind, Snapshot,
};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N026-frozen-dns",
        proxy: ProxyKind::Nginx,
        title: "a name is resolved once, when nginx loads, and its addresses change",
        level: ProblemLevel::Error,
        cause: Some("dns-stale-address"),
        needs: None,
    },
    find,
};

/// Suffixes of services whose names change their addresses as a matter of course.
const MOVING: [&str; 12] = [
    ".elb.amazonaws.com",
    ".cloudfront.net",
    ".execute-api.amazonaws.com",
    ".awsglobalaccelerator.com",
    ".azurewebsites.net",
    ".azurefd.net",
    ".trafficmanager.net",
    ".herokuapp.com",
    ".herokudns.com",
    ".run.app",
    ".fly.dev",
    ".onrender.com",
];

fn find(config: &Config, around: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    let around = Around::new(around);
    let mut told = HashSet::default();
    for line in upstreams::lines(config) {
        let PeerAddress::Name(name) = line.address else {
            continue;
        };
        let local = name.name.eq_ignore_ascii_case("localhost");
        let resolved_again = config.tree.arguments(line.node).skip(1).any(|word| word == "resolve");
        if local || resolved_again || !told.insert(line.node) {
            continue;
        }
        let evidence = around.name(&name.name);
        if evidence.iter().any(|name| !name.hosts_file.is_empty()) {
            continue;
        }
        if !seen(config, &around, &line, &name.name, evidence, problems) {
            moving(config, &line, &name.name, problems);
        }
    }
}

/// Addresses that the name has now, by whatever was asked. `None`: nobody asked.
fn current(name: &NameEvidence) -> Option<HashSet<IpAddr>> {
    let mut any = name.system.seen().is_some() || name.system.is_absent();
    let mut addresses: HashSet<IpAddr> = name.system.seen().into_iter().flatten().copied().collect();
    for server in &name.servers {
        match &server.outcome {
            NameOutcome::Addresses(found) => {
                any = true;
                addresses.extend(found.iter().map(|(address, _)| *address));
            }
            NameOutcome::NxDomain | NameOutcome::NoAddress => any = true,
            _ => {}
        }
    }
    any.then_some(addresses)
}

/// Says what the host's answers tell. True: something was seen, and nothing has to be guessed.
fn seen(
    config: &Config,
    around: &Around<'_>,
    line: &Line<'_>,
    host: &str,
    evidence: &[&NameEvidence],
    problems: &mut Vec<ConfigProblem>,
) -> bool {
    let mut known = false;
    for name in evidence {
        let Some(now) = current(name) else {
            continue;
        };
        known = true;
        if now.is_empty() {
            let message = format!("{host} does not resolve any more");
            let mut found = problem(config, &CHECK.rule, line.node, message);
            found.level = ProblemLevel::Warning;
            "the next start, reload or boot fails: host not found in upstream".clone_into(&mut found.effect);
            found.repair = Some(repair(config, line, host));
            problems.push(found);
            return true;
        }
        if name.dialled.is_empty() || name.dialled.iter().any(|address| now.contains(address)) {
            continue;
        }
        let list = |addresses: &mut dyn Iterator<Item = &IpAddr>| {
            let mut words: Vec<String> = addresses.take(4).map(ToString::to_string).collect();
            words.sort();
            words.join(", ")
        };
        let old = list(&mut name.dialled.iter());
        let new = list(&mut now.iter());
        let message = format!("the running nginx dials {old} for {host}, which is {new} now");
        let mut found = problem(config, &CHECK.rule, line.node, message);
        let dead = name.dialled.iter().all(|address| {
            around.endpoints(line.address).iter().any(|evidence| {
                evidence
                    .endpoint
                    .tcp()
                    .is_some_and(|endpoint| endpoint.ip() == *address)
                    && evidence.as_proxy().is_some_and(|exchange| !exchange.connected())
            })
        });
        if dead && !line.others {
            "502 or 504 until nginx is reloaded".clone_into(&mut found.effect);
        } else {
            found.level = ProblemLevel::Warning;
            "502 or 504 from the moment the old address stops to answer, until nginx is reloaded"
                .clone_into(&mut found.effect);
        }
        found.repair = Some(repair(config, line, host));
        problems.push(found);
        return true;
    }
    known
}

/// Without the host only names are named that are known to move.
fn moving(config: &Config, line: &Line<'_>, host: &str, problems: &mut Vec<ConfigProblem>) {
    let lower = host.to_ascii_lowercase();
    if !MOVING.iter().any(|suffix| lower.ends_with(suffix)) {
        return;
    }
    let message = format!("{host} is resolved once, when nginx loads; addresses of this service change");
    let mut found = problem(config, &CHECK.rule, line.node, message);
    found.level = ProblemLevel::Info;
    "502 or 504 from the moment the old address stops to answer, until nginx is reloaded"
        .clone_into(&mut found.effect);
    found.repair = Some(repair(config, line, host));
    problems.push(found);
}

fn repair(config: &Config, line: &Line<'_>, host: &str) -> String {
    if line.hop.group.is_some() && config.environment.at_least(1, 27, 3) {
        let name = line.hop.host();
        return format!(
            "zone {name} 64k; server {} resolve;",
            config.tree.argument(line.node, 0)
        );
    }
    let written = line.hop.written.replacen(line.hop.host(), "$upstream_host", 1);
    format!(
        "resolver 127.0.0.53; set $upstream_host {host}; {} {written};",
        config.tree.name(line.hop.node)
    )
}
